"""Committees of Behler-Parrinello networks: formulas by plain loops, invariances, files."""

import itertools
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from checkouts import FIELD, ROOT, SHARED, with_field, with_shared_data
from small_models import energy_and_forces, water_layer

from falsemetal.kernels import write_kernels
from falsemetal.potentials.bpnnp.committee import BPNNP, load_bpnnp
from falsemetal.potentials.bpnnp.cp2k import Cp2kCommittee
from falsemetal.potentials.bpnnp.fetch import fetch_committee
from falsemetal.potentials.bpnnp.files import INPUT, SCALING, read_committee
from falsemetal.potentials.bpnnp.settings import SymmetryFunction
from falsemetal.potentials.bpnnp.symmetry import Environment
from falsemetal.potentials.calculator import ModelCalculator
from falsemetal.potentials.fast.neighbours import find_neighbours
from falsemetal.potentials.fast.symmetry import SymmetryFunctions
from falsemetal.potentials.graph import build_graph
from falsemetal.potentials.kinds import BPNNPKind
from falsemetal.potentials.store import ModelError
from falsemetal.systems.interface import water_on
from falsemetal.systems.surfaces import RutileSurface

WEIGHTS = SHARED / "bpnnp-bulkH2O-jcp2020"
TITANIA = SHARED / "tio2-water-cnnp"

pytestmark = with_shared_data


@pytest.fixture(scope="module")
def committee() -> BPNNP:
    return load_bpnnp(WEIGHTS, dtype=torch.float64)


@pytest.fixture(scope="module")
def water() -> Atoms:
    """Layer whose sides are shorter than twice the cutoff: an atom sees images of another."""
    return water_layer(slab=True, n_molecules=20)


@pytest.fixture
def copy(tmp_path) -> Path:
    shutil.copytree(WEIGHTS, tmp_path / "committee")
    return tmp_path / "committee"


def by_hand(atoms: Atoms, centre: int, function: SymmetryFunction, r_cut_A: float) -> float:
    """Evaluate the formulas of SymmetryFunction, one neighbour after the other."""

    def cutoff(r: float) -> float:
        return np.tanh(1.0 - r / r_cut_A) ** 3 if r < r_cut_A else 0.0

    images = [range(-2, 3) if periodic else [0] for periodic in atoms.pbc]
    near = []
    for shift in itertools.product(*images):
        vectors = atoms.positions + shift @ atoms.cell.array - atoms.positions[centre]
        for number, vector in zip(atoms.numbers, vectors, strict=True):
            if 0.0 < np.linalg.norm(vector) < r_cut_A:
                near.append((number, vector))
    total = 0.0
    if len(function.neighbours) == 1:
        for number, vector in near:
            if number == function.neighbours[0]:
                r = np.linalg.norm(vector)
                total += np.exp(-function.eta_per_A2 * (r - function.shift_A) ** 2) * cutoff(r)
        return total
    for (e_j, v_j), (e_k, v_k) in itertools.combinations(near, 2):
        if tuple(sorted((e_j, e_k))) == function.neighbours:
            r_j, r_k, r_jk = (np.linalg.norm(v) for v in (v_j, v_k, v_j - v_k))
            total += (
                2.0 ** (1 - function.zeta)
                * (1.0 + function.sign * (v_j @ v_k) / (r_j * r_k)) ** function.zeta
                * np.exp(-function.eta_per_A2 * (r_j**2 + r_k**2 + r_jk**2))
                * (cutoff(r_j) * cutoff(r_k) * cutoff(r_jk))
            )
    return total


@pytest.mark.parametrize("element", [1, 8])
def test_symmetry_functions_are_those_of_plain_loops(committee, water, element) -> None:
    graph = build_graph(water, committee.elements, committee.r_cut_A)
    environment = Environment(graph, committee.elements, committee.r_cut_A, torch.float64)
    centre = int(np.flatnonzero(water.numbers == element)[0])
    for function in committee.settings.functions[element]:
        value = float(environment(function)[centre])
        assert value == pytest.approx(by_hand(water, centre, function, committee.r_cut_A), rel=1e-9)


@pytest.mark.parametrize("neighbours", [(1, 1), (1, 8)])
def test_steep_and_flat_angular_functions_in_single_precision(water, neighbours) -> None:
    """High ζ must not overflow beyond the last neighbour, and η may be zero."""
    functions = [
        SymmetryFunction(neighbours, 0.01, sign=1, zeta=16),
        SymmetryFunction(neighbours, 0.04, sign=-1, zeta=32),
        SymmetryFunction(neighbours, 0.0, sign=1, zeta=1),
    ]
    atoms, r_cut_A = water[np.argsort(water.numbers, kind="stable")], 6.0
    weights = torch.tensor([1.0, -0.5, 0.2], dtype=torch.float64)

    graph = build_graph(atoms, (1, 8), r_cut_A)
    graph.positions.requires_grad_(True)
    environment = Environment(graph, (1, 8), r_cut_A, torch.float64)
    oxygen = torch.tensor(atoms.numbers == 8)
    plain = torch.stack([environment(function) for function in functions], 1)[oxygen]
    (expected,) = torch.autograd.grad((plain @ weights).sum(), graph.positions)

    positions = torch.tensor(atoms.positions, requires_grad=True)
    edges = find_neighbours(atoms.positions, atoms.cell.array, atoms.pbc, r_cut_A + 0.3)
    kernel = SymmetryFunctions(functions, [1, 8], r_cut_A, torch.float32)
    write_kernels(kernel)
    kinds = torch.tensor(atoms.numbers == 8).long()
    found = kernel(positions, edges, kinds, slice(int((kinds == 0).sum()), len(atoms)))
    (gradient,) = torch.autograd.grad((found @ weights.float()).sum(), positions)
    torch.testing.assert_close(found.double(), plain, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-4)


def test_forces_are_the_gradient_of_the_energy(committee, water) -> None:
    atoms, step_A = water.copy(), 1e-4
    atoms.calc = ModelCalculator(committee)
    forces = atoms.get_forces()
    for atom, axis in ((0, 0), (1, 2), (5, 1)):
        energies = []
        for sign in (1.0, -1.0):
            atoms.positions = water.positions
            atoms.positions[atom, axis] += sign * step_A
            energies.append(atoms.get_potential_energy())
        slope = (energies[0] - energies[1]) / (2.0 * step_A)
        assert forces[atom, axis] == pytest.approx(-slope, abs=1e-6)


def test_the_committee_of_rutile_and_water(tmp_path) -> None:
    """Three elements in a film: its fast form is the plain one, and forces are a gradient."""
    shutil.copytree(TITANIA, tmp_path / "downloads/tio2-water-cnnp", copy_function=shutil.copyfile)
    (tmp_path / "sources.yaml").symlink_to(ROOT / "data/sources.yaml")
    by_source, by_path = (
        fetch_committee(BPNNPKind(kind="bpnnp", **keys), tmp_path / name, tmp_path)
        for name, keys in (
            ("a", {"source": "tio2-water-cnnp"}),
            ("b", {"path": str(TITANIA)}),
        )
    )
    assert by_source["weights_sha256"] == by_path["weights_sha256"]
    titania = load_bpnnp(tmp_path / "a/committee", dtype=torch.float64)
    assert titania.elements == (1, 8, 22)
    surface = RutileSurface(kind="rutile110", repeats=[2, 1], layers=2)
    film = water_on(surface, 8, layer_A=6.2, contact_A=2.2, vacuum_A=20.0, seed=1).atoms
    film.positions += np.random.default_rng(1).normal(scale=0.02, size=film.positions.shape)
    energy, forces = evaluate(titania, film)
    film.calc = ModelCalculator(titania)
    assert film.get_potential_energy() == pytest.approx(energy, abs=1e-6)
    np.testing.assert_allclose(film.get_forces(), forces, atol=1e-8)
    start, step_A = film.positions.copy(), 1e-4
    for atom, axis in ((0, 2), (20, 0), (24, 1), (25, 2)):
        energies = []
        for sign in (1.0, -1.0):
            film.positions = start
            film.positions[atom, axis] += sign * step_A
            energies.append(film.get_potential_energy())
        slope = (energies[0] - energies[1]) / (2.0 * step_A)
        assert forces[atom, axis] == pytest.approx(-slope, abs=1e-5)


def test_energy_is_invariant_and_forces_turn(committee, water) -> None:
    energy, forces = evaluate(committee, water)
    other = water.copy()
    other.positions += [0.7, -1.9, 2.3]
    other.positions[::3] += other.cell[0]
    order = np.random.default_rng(1).permutation(len(other))
    other = other[order]
    other.rotate(90.0, "z", rotate_cell=True)
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    same_energy, turned = evaluate(committee, other)
    assert same_energy == pytest.approx(energy, abs=1e-8)
    np.testing.assert_allclose(turned, forces[order] @ turn.T, atol=1e-8)


def test_atoms_apart_have_their_own_energies(committee) -> None:
    """Beyond the cutoff of each other energies add up; single precision agrees with double."""
    single = load_bpnnp(WEIGHTS, dtype=torch.float32)
    pair = Atoms("HO", [[0.0, 0.0, 0.0], [0.0, 0.0, 7.0]], cell=[20.0] * 3, pbc=[True, True, False])
    energies = [evaluate(committee, atoms)[0] for atoms in (pair[:1], pair[1:], pair)]
    assert energies[2] == pytest.approx(energies[0] + energies[1], abs=1e-9)
    assert evaluate(single, pair)[0] == pytest.approx(energies[2], abs=1e-3)


def test_single_precision_agrees_with_double(committee, water) -> None:
    single = load_bpnnp(WEIGHTS, dtype=torch.float32)
    energy, forces = evaluate(committee, water)
    for model in (single, ModelCalculator(single)):
        rough_energy, rough_forces = evaluate(model, water)
        assert rough_energy == pytest.approx(energy, abs=1e-5 * len(water))
        np.testing.assert_allclose(rough_forces, forces, atol=1e-4)


def test_functions_are_sorted_as_scaling_and_weights_count_them(copy) -> None:
    for path in copy.glob(f"*/{INPUT}"):
        lines = path.read_text().splitlines()
        functions = [line for line in lines if line.startswith("symfunction_short")]
        others = [line for line in lines if not line.startswith("symfunction_short")]
        path.write_text("\n".join([*others, *reversed(functions)]))
    assert read_committee(copy).settings == read_committee(WEIGHTS).settings


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("symfunction_short H 2", "symfunction_short H 12", "symfunction_short .* type 2"),
        ("symfunction_short H 3", "symfunction_short H 9", "symfunction_short .* type 3"),
        (r"cutoff_type +2", "cutoff_type 1", r"cutoff_type 1 \(cosine\) is not supported"),
        (r"cutoff_type +2", "cutoff_type 6", r"cutoff_type 6 \(poly2\) is not supported"),
        (r"global_activation_short +t t l", "global_activation_short p p l", "tanh, then linear"),
        ("atom_energy +O.*", "atom_energy O", "atom_energy needs an element and an energy"),
        ("elements +O H", "elements Oo H", "Oo H cannot be read"),
        ("global_nodes_short +20", "global_nodes_short twenty", "twenty 20 cannot be read"),
        ("scale_min_short", "conv_energy 27.2\nscale_min_short", "come together or not at all"),
        ("scale_min_short", "nnp_generation 4\nscale_min_short", "4G networks are not supported"),
        ("scale_min_short", "nnp_type 3G\nscale_min_short", "3G networks are not supported"),
        ("scale_min_short", "nnp_gen\nscale_min_short", "nnp_gen are not supported"),
        ("scale_min_short", "use_electrostatics\nscale_min_short", "use_electrostatics is not"),
        (
            "scale_min_short",
            "scale_symmetry_functions_sigma\nscale_min_short",
            "exclude each other",
        ),
    ],
)
def test_what_is_not_supported_is_named_with_its_line(copy, old, new, message) -> None:
    path = sorted(copy.glob(f"*/{INPUT}"))[0]
    text, found = re.subn(old, new, path.read_text(), count=1)
    assert found
    path.write_text(text)
    with pytest.raises(ModelError, match=rf"{path}, line \d+: .*{message}"):
        read_committee(copy)


@pytest.mark.parametrize("key", ["scale_max_short", "atom_energy"])
def test_members_that_differ_are_refused(copy, key) -> None:
    path = sorted(copy.glob(f"*/{INPUT}"))[-1]
    text = path.read_text()
    line = next(line for line in text.splitlines() if line.startswith(key))
    *words, value = line.split("#")[0].split()
    path.write_text(text.replace(line, " ".join([*words, str(float(value) * 1.5)])))
    with pytest.raises(ModelError, match=f"{path}: .* other than in"):
        read_committee(copy)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (INPUT, "cannot be read"),
        (SCALING, "cannot be read"),
        ("weights.008.data", "cannot be read"),
    ],
)
def test_a_missing_file_is_named(copy, name, message) -> None:
    path = sorted(copy.glob(f"*/{name}"))[0]
    path.unlink()
    with pytest.raises(ModelError, match=f"{path}: {message}"):
        read_committee(copy)


def test_the_range_of_energies_that_runner_appends_is_left_out(copy) -> None:
    for path in copy.glob(f"*/{SCALING}"):
        path.write_text(path.read_text() + "  -0.31   -0.29\n")
    assert len(read_committee(copy).members) == 8


def test_a_function_that_never_varies_is_named(copy) -> None:
    path = copy / "nnp-1" / SCALING
    lines = path.read_text().splitlines()
    *_, last = lines
    element, number, least, _, *rest = last.split()
    path.write_text("\n".join([*lines[:-1], " ".join([element, number, least, least, *rest])]))
    with pytest.raises(ModelError, match=f"{path}: .*function {number} never varies"):
        read_committee(copy)


def test_a_file_cut_short_is_named(copy) -> None:
    for name, message in (("weights.001.data", "fewer weights"), (SCALING, "symmetry functions")):
        path = sorted(copy.glob(f"*/{name}"))[0]
        lines = path.read_text().splitlines()
        path.write_text("\n".join(lines[:-3]))
        with pytest.raises(ModelError, match=f"{path}: .*{message}"):
            read_committee(copy)
        path.write_text("\n".join(lines))


def change(folder: Path, name: str, edit: Callable[[str], str]) -> None:
    for path in folder.glob(f"*/{name}"):
        path.write_text(edit(path.read_text()), newline="")


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        (INPUT, lambda t: t.replace("symfunction_short", "symfunction")),
        (INPUT, lambda t: f"nnp_generation 2\n{t}"),
        (INPUT, lambda t: re.sub(r"(cutoff_type +2)", r"\1 0.0", t)),
        (INPUT, lambda t: t.replace("\n", "\r\n")),
        (SCALING, lambda t: t.replace("\n", "\r\n")),
        (INPUT, lambda t: re.sub(r"12\.0000?0*", "1.2D+01", t)),
        (SCALING, lambda t: re.sub(r"E([-+])", r"D\1", t)),
        ("weights.*.data", lambda t: re.sub(r"[Ee]([-+])", r"D\1", t)),
    ],
)
def test_the_same_in_other_words(copy, name, edit) -> None:
    change(copy, name, edit)
    found, expected = read_committee(copy), read_committee(WEIGHTS)
    assert found.settings == expected.settings
    for one, other in zip(found.members, expected.members, strict=True):
        for element in expected.settings.elements:
            np.testing.assert_array_equal(one[element].factor, other[element].factor)
            for a, b in zip(one[element].weights, other[element].weights, strict=True):
                np.testing.assert_array_equal(a, b)


def test_normalised_energies_are_those_of_plain_networks(copy, committee, water) -> None:
    """Networks in other units of energy and from another zero, as `nnp-norm` makes them."""
    mean_Ha, scale = -0.37, 25.0

    def normalise(text: str) -> str:
        keys = f"mean_energy {mean_Ha}\nconv_energy {scale}\nconv_length 1.7\n"
        return keys + re.sub(
            r"(atom_energy +\w+) +(\S+)",
            lambda found: f"{found[1]} {float(found[2]) - mean_Ha!r}",
            text,
        )

    def scale_last(text: str) -> str:
        lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
        last = max(int(line[3 if line[1] == "b" else 5]) for line in lines)
        for line in lines:
            if int(line[3 if line[1] == "b" else 5]) == last:
                line[0] = repr(float(line[0]) * scale)
        return "\n".join(" ".join(line) for line in lines)

    change(copy, INPUT, normalise)
    change(copy, "weights.*.data", scale_last)
    energy, forces = evaluate(committee, water)
    found_energy, found_forces = evaluate(load_bpnnp(copy, dtype=torch.float64), water)
    assert found_energy == pytest.approx(energy, abs=1e-8)
    np.testing.assert_allclose(found_forces, forces, atol=1e-9)
    with pytest.raises(ModelError, match=r"normalised energies.*engine: native"):
        Cp2kCommittee.read(copy)


def test_scaling_by_sigma(copy) -> None:
    change(copy, INPUT, lambda t: re.sub(r"(?m)^scale_symmetry_functions\b", r"\g<0>_sigma", t))

    def with_sigma(*sigma: str) -> Callable[[str], str]:
        def edit(text: str) -> str:
            rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
            return "\n".join(" ".join([*row[:5], *sigma]) for row in rows)

        return edit

    change(copy, SCALING, with_sigma())
    with pytest.raises(ModelError, match=f"{SCALING}: has no column of sigma"):
        read_committee(copy)
    change(copy, SCALING, with_sigma("0.25"))
    found, expected = read_committee(copy), read_committee(WEIGHTS)
    for element in expected.settings.elements:
        network = found.members[0][element]
        np.testing.assert_allclose(network.factor, 4.0)
        # the mean is subtracted, as of this committee, whose functions are centred, too
        np.testing.assert_allclose(network.offset, expected.members[0][element].offset)


def test_a_model_of_mace_is_no_committee(tmp_path) -> None:
    path = tmp_path / "mace.model"
    path.touch()
    with pytest.raises(ModelError, match=r"mace.model: a file, .*arch: mace"):
        read_committee(path)


@with_field
def test_a_4g_network_met_elsewhere() -> None:
    folder = FIELD / "32-4g-networks/g"
    with pytest.raises(ModelError, match=r"input.nn, line 1: 4G networks are not supported"):
        read_committee(folder)


def evaluate(potential: BPNNP | ModelCalculator, atoms: Atoms) -> tuple[float, np.ndarray]:
    if isinstance(potential, ModelCalculator):
        atoms = atoms.copy()
        atoms.calc = potential
        return atoms.get_potential_energy(), atoms.get_forces()
    return energy_and_forces(potential, atoms)
