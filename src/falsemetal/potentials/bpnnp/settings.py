"""What `input.nn` says: elements, symmetry functions, shape of the networks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ase.data import atomic_numbers

from falsemetal.fortran import fortran_float
from falsemetal.potentials.store import ModelError
from falsemetal.units import BOHR, HARTREE

T = TypeVar("T")

RADIAL, ANGULAR = 2, 3
TANH_CUBED = 2
MAX_NODES = 10_000

NOT_SUPPORTED = {
    "normalize_nodes": "inputs of nodes are not normalised",
    "element_hidden_layers_short": "all elements have the same layers",
    "element_nodes_short": "all elements have the same layers",
    "element_activation_short": "all elements have the same layers",
    "element_symfunction_short": "symfunction_short for every function",
    "global_symfunction_short": "symfunction_short for every function",
    "use_electrostatics": "short-ranged energies alone",
    "electrostatic_type": "short-ranged energies alone",
    "nn_type": "short-ranged energies alone",
    "use_vdw": "short-ranged energies alone",
}
"""Keys that change the energy in ways unknown here, and what is known instead."""

GENERATION = {"nnp_type", "nnp_generation", "nnp_type_gen", "nnp_gen"}
ALIASES = {"symfunction": "symfunction_short"}
NORMALISATION = ("mean_energy", "conv_energy", "conv_length")
CUTOFF_TYPES = (
    "hard",
    "cosine",
    "tanh³",
    "tanh³ from 1",
    "exp",
    *(f"poly{n}" for n in range(1, 5)),
)


@dataclass(frozen=True)
class SymmetryFunction:
    """Radial (type 2) or narrow angular (type 3) function of n2p2.

    With fc(r) = tanh³(1 − r/r_cut), and j, k of the two elements in `neighbours`,

    radial: Σ_j exp(−η (r_ij − shift)²) fc(r_ij);

    angular: 2^(1−ζ) Σ_{j<k} (1 + λ cos θ_jik)^ζ exp(−η (r_ij² + r_ik² + r_jk²)) fc(r_ij) fc(r_ik)
    fc(r_jk).

    `neighbours` are atomic numbers, one for a radial function, two, ascending, for an angular one.
    The sign is λ, 1 or −1; it and ζ are 0 for a radial function, the shift for an angular one.
    """

    neighbours: tuple[int, ...]
    eta_per_A2: float
    shift_A: float = 0.0
    sign: int = 0
    zeta: int = 0


@dataclass(frozen=True)
class Settings:
    """Contents of `input.nn` that energies depend on.

    Elements are atomic numbers in ascending order; functions, all of one cutoff, are by that of the
    central atom, in the order of scaling and weights, and atomic energies are zero where the file
    has none. With `center` the mean of a function is subtracted rather than its minimum; the scales
    are the range that a function is scaled to, or with `sigma` its standard deviation. The last
    layer gives energies in units of `energy_unit_eV`.
    """

    elements: tuple[int, ...]
    functions: dict[int, tuple[SymmetryFunction, ...]]
    r_cut_A: float
    atomic_energies_eV: dict[int, float]
    hidden_nodes: tuple[int, ...]
    center: bool
    scale_min: float
    scale_max: float
    sigma: bool = False
    energy_unit_eV: float = HARTREE
    normalised: bool = False


def read_settings(path: Path) -> Settings:
    """Read `input.nn`; ModelError names file and line of what is missing or not supported."""
    return _Reader(path).settings()


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
        self.lines: dict[str, list[tuple[int, list[str]]]] = {}
        for number, line in enumerate(text.splitlines(), start=1):
            key, *values = line.replace("!", "#").split("#")[0].split() or [""]
            key = ALIASES.get(key, key)
            if key in GENERATION and not (values and values[0].startswith("2")):
                kind = f"{values[0][0]}G networks" if values else key
                raise self.error(number, f"{kind} are not supported, but 2G: energies of atoms")
            if key in NOT_SUPPORTED:
                raise self.error(number, f"{key} is not supported, but {NOT_SUPPORTED[key]}")
            self.lines.setdefault(key, []).append((number, values))

    def error(self, line: int, message: str) -> ModelError:
        return ModelError(f"{self.path}, line {line}: {message}")

    def settings(self) -> Settings:
        elements = tuple(sorted(self.parsed("elements", atomic_numbers.__getitem__)))
        sigma = "scale_symmetry_functions_sigma" in self.lines
        if not sigma:
            self.one("scale_symmetry_functions")
        elif "scale_symmetry_functions" in self.lines:
            number, _ = self.one("scale_symmetry_functions")
            raise self.error(number, "scaling by range and by sigma exclude each other")
        self.cutoff()
        nodes = tuple(self.parsed("global_nodes_short", _width))
        self.only("global_hidden_layers_short", str(len(nodes)), "as many as global_nodes_short")
        activation = " ".join([*("t" for _ in nodes), "l"])
        self.only("global_activation_short", activation, f"{activation} (tanh, then linear)")
        energies = dict.fromkeys(elements, 0.0)
        for number, values in self.lines.get("atom_energy", []):
            try:
                symbol, value = values[:2]
                energies[atomic_numbers[symbol]] = fortran_float(value) * HARTREE
            except (ValueError, KeyError) as error:
                raise self.error(number, "atom_energy needs an element and an energy") from error
        mean_eV, unit_eV = self.normalisation()
        energies = {element: energy + mean_eV for element, energy in energies.items()}
        functions, r_cut_A = self.functions(elements)
        return Settings(
            elements=elements,
            functions=functions,
            r_cut_A=r_cut_A,
            atomic_energies_eV=energies,
            hidden_nodes=nodes,
            center=sigma or "center_symmetry_functions" in self.lines,
            scale_min=self.number("scale_min_short", 0.0),
            scale_max=self.number("scale_max_short", 1.0),
            sigma=sigma,
            energy_unit_eV=unit_eV,
            normalised=NORMALISATION[0] in self.lines,
        )

    def cutoff(self) -> None:
        number, values = self.one("cutoff_type")
        if values[:1] != [str(TANH_CUBED)]:
            named = {str(kind): name for kind, name in enumerate(CUTOFF_TYPES)}
            kind = " ".join(values[:1])
            raise self.error(
                number,
                f"cutoff_type {kind} ({named.get(kind, 'unknown')}) is not supported, but "
                f"{TANH_CUBED} ({CUTOFF_TYPES[TANH_CUBED]})",
            )

    def normalisation(self) -> tuple[float, float]:
        """Energy of an atom and unit of the networks' energies, in eV."""
        there = [key for key in NORMALISATION if key in self.lines]
        if not there:
            return 0.0, HARTREE
        if len(there) < len(NORMALISATION):
            raise self.error(
                self.one(there[0])[0], f"{', '.join(NORMALISATION)} come together or not at all"
            )
        mean, scale, _ = (self.number(key, 0.0) for key in NORMALISATION)
        if scale <= 0.0:
            raise self.error(self.one("conv_energy")[0], "conv_energy must be positive")
        return mean * HARTREE, HARTREE / scale

    def one(self, key: str) -> tuple[int, list[str]]:
        if key not in self.lines:
            raise ModelError(f"{self.path}: lacks {key}, without which it is not supported")
        return self.lines[key][-1]

    def only(self, key: str, value: str, supported: str) -> None:
        number, values = self.one(key)
        if " ".join(values) != value:
            raise self.error(number, f"{key} {' '.join(values)} is not supported, but {supported}")

    def parsed(self, key: str, parse: Callable[[str], T]) -> list[T]:
        number, values = self.one(key)
        try:
            return [parse(value) for value in values]
        except (ValueError, KeyError) as error:
            raise self.error(number, f"{key} {' '.join(values)} cannot be read") from error

    def number(self, key: str, default: float) -> float:
        if key not in self.lines:
            return default
        values = self.parsed(key, fortran_float)
        if len(values) != 1:
            raise self.error(self.one(key)[0], f"{key} needs one number")
        return values[0]

    def functions(
        self, elements: tuple[int, ...]
    ) -> tuple[dict[int, tuple[SymmetryFunction, ...]], float]:
        parsed = list(self.parsed_functions())
        cutoffs = {cutoff for _, cutoff, _ in parsed}
        if not cutoffs:
            raise ModelError(
                f"{self.path}: lacks symfunction_short, without which it is no network"
            )
        if len(cutoffs) != 1:
            raise ModelError(f"{self.path}: cutoffs {sorted(cutoffs)}; one for all is supported")
        by_centre = {
            element: tuple(sorted((f for centre, _, f in parsed if centre == element), key=_order))
            for element in elements
        }
        return by_centre, cutoffs.pop() * BOHR

    def parsed_functions(self) -> Iterator[tuple[int, float, SymmetryFunction]]:
        """Central element, cutoff in bohr, function."""
        for number, values in self.lines.get("symfunction_short", []):
            try:
                yield _parse(values)
            except (ValueError, KeyError, IndexError) as error:
                raise self.error(
                    number,
                    f"symfunction_short {' '.join(values)} is not supported, but type 2 (element, "
                    "2, element, η, shift, cutoff) and type 3 (element, 3, two elements, η, "
                    "λ = ±1, whole ζ from 1, cutoff)",
                ) from error


def _width(text: str) -> int:
    """Nodes of a layer; ValueError for what no network has."""
    if not 0 < int(text) <= MAX_NODES:
        raise ValueError(f"{text} nodes")
    return int(text)


def _parse(values: list[str]) -> tuple[int, float, SymmetryFunction]:
    centre, kind = atomic_numbers[values[0]], int(values[1])
    if kind == RADIAL:
        neighbour, eta, shift, cutoff = values[2:]
        function = SymmetryFunction(
            (atomic_numbers[neighbour],), fortran_float(eta) / BOHR**2, fortran_float(shift) * BOHR
        )
        return centre, fortran_float(cutoff), function
    if kind != ANGULAR:
        raise ValueError(f"type {kind}")
    *pair, eta, sign_text, zeta_text, cutoff = values[2:]
    sign, zeta = fortran_float(sign_text), fortran_float(zeta_text)
    if len(pair) != 2 or abs(sign) != 1.0 or not zeta.is_integer() or zeta < 1:
        raise ValueError("an angular function of another kind")
    first, second = sorted(atomic_numbers[symbol] for symbol in pair)
    function = SymmetryFunction(
        (first, second), fortran_float(eta) / BOHR**2, sign=round(sign), zeta=int(zeta)
    )
    return centre, fortran_float(cutoff), function


def _order(function: SymmetryFunction) -> tuple[float, ...]:
    """n2p2's order: type, η, shift, ζ, λ, elements; scaling and weights follow it."""
    return (
        len(function.neighbours),
        function.eta_per_A2,
        function.shift_A,
        function.zeta,
        function.sign,
        *function.neighbours,
    )
