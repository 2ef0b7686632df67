"""Reader of n2p2's and RuNNer's files: `input.nn`, `scaling.data`, `weights.*.data`.

Lengths in the files are in bohr and energies in Ha; what is read is in Å and eV.
"""

import itertools
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from falsemetal.arrays import FloatArray
from falsemetal.fortran import fortran_float
from falsemetal.potentials.bpnnp.settings import Settings, read_settings
from falsemetal.potentials.store import ModelError

INPUT = "input.nn"
SCALING = "scaling.data"


@dataclass(frozen=True)
class Network:
    """What a member makes of the symmetry functions of one element.

    An input of the network is `lower + factor · (G − offset)`, of shape (n_functions,). Weights of
    each layer have the shape (n_in, n_out), biases (n_out,); the last layer gives the energy in eV.
    """

    offset: FloatArray
    factor: FloatArray
    lower: float
    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]


@dataclass(frozen=True)
class Committee:
    """Members that share settings: for each member its networks by atomic number."""

    settings: Settings
    members: tuple[dict[int, Network], ...]


def read_committee(directory: str | Path) -> Committee:
    """Read a folder that holds members `nnp-*` of n2p2 or RuNNer, or is one member itself.

    ModelError if a file is missing, says what is not supported, or the members do not fit together.
    """
    if Path(directory).is_file():
        raise ModelError(
            f"{directory}: a file, where a folder of n2p2's with {INPUT} is expected; a model of "
            "mace-torch is kind: foundation, arch: mace, model: its file"
        )
    folders = _member_folders(Path(directory))
    first = read_settings(folders[0] / INPUT)
    for folder in folders[1:]:
        _check_same(folders[0], first, folder, read_settings(folder / INPUT))
    return Committee(first, tuple(_read_member(folder, first) for folder in folders))


def committee_files(directory: str | Path) -> dict[str, Path]:
    """Files of a committee's members by path in its folder; errors as of :func:`read_committee`."""
    directory = Path(directory)
    elements = read_committee(directory).settings.elements
    names = [INPUT, SCALING, *(_weights_name(element) for element in elements)]
    paths = [folder / name for folder in _member_folders(directory) for name in names]
    return {str(path.relative_to(directory)): path for path in paths}


def _member_folders(directory: Path) -> list[Path]:
    folders = sorted(path for path in directory.glob("nnp-*") if path.is_dir())
    return folders or [directory]


def _weights_name(element: int) -> str:
    return f"weights.{element:03d}.data"


def _check_same(first: Path, expected: Settings, other: Path, found: Settings) -> None:
    differing = [
        field.name.replace("_", " ")
        for field in fields(Settings)
        if getattr(found, field.name) != getattr(expected, field.name)
    ]
    if differing:
        raise ModelError(
            f"{other / INPUT}: {', '.join(differing)} other than in {first / INPUT}; members of a "
            "committee share them: give each its own folder"
        )


def _read_member(folder: Path, settings: Settings) -> dict[int, Network]:
    scaling = _read_scaling(folder / SCALING, settings)
    return {
        element: Network(
            *scaling[element],
            settings.scale_min,
            *_read_weights(folder / _weights_name(element), settings, element),
        )
        for element in settings.elements
    }


def _read_scaling(path: Path, settings: Settings) -> dict[int, tuple[FloatArray, FloatArray]]:
    """Offset and factor of each element's functions; elements are counted by atomic number."""
    table = _read_table(path)
    found = {}
    for index, element in enumerate(settings.elements, start=1):
        rows = table[table[:, 0] == index]
        n_functions = len(settings.functions[element])
        if not np.array_equal(rows[:, 1], np.arange(1, n_functions + 1)):
            raise ModelError(
                f"{path}: element {index} has {len(rows)} symmetry functions, {INPUT} "
                f"{n_functions}; take both files from one training"
            )
        least, largest, mean, sigma = rows[:, 2:6].T
        width = sigma if settings.sigma else largest - least
        if np.isnan(width).any():
            raise ModelError(f"{path}: has no column of sigma, by which {INPUT} scales")
        if not (width > 0.0).all():
            constant = ", ".join(f"{number:.0f}" for number in rows[width <= 0.0, 1])
            raise ModelError(
                f"{path}: of element {index}, symmetry function {constant} never varies and "
                "cannot be scaled; train without it"
            )
        offset = mean if settings.center else least
        found[element] = offset, (settings.scale_max - settings.scale_min) / width
    return found


def _read_weights(
    path: Path, settings: Settings, element: int
) -> tuple[tuple[FloatArray, ...], tuple[FloatArray, ...]]:
    widths = [len(settings.functions[element]), *settings.hidden_nodes, 1]
    shapes = list(itertools.pairwise(widths))
    weights = [np.full(shape, np.nan) for shape in shapes]
    biases = [np.full(shape[1], np.nan) for shape in shapes]
    lines = _lines(path)
    try:
        for line in lines:
            value, kind, _, layer, node, *end = line
            if kind == "a":
                weights[int(layer)][int(node) - 1, int(end[1]) - 1] = fortran_float(value)
            else:
                biases[int(layer) - 1][int(node) - 1] = fortran_float(value)
    except (ValueError, IndexError) as error:
        raise ModelError(
            f"{path}: {' '.join(line)!r} does not fit layers of {widths} nodes, which follow from "
            f"{INPUT}; take both files from one training"
        ) from error
    if any(np.isnan(values).any() for values in (*weights, *biases)):
        raise ModelError(f"{path}: fewer weights than layers of {widths} nodes have")
    weights[-1] *= settings.energy_unit_eV
    biases[-1] *= settings.energy_unit_eV
    return tuple(weights), tuple(biases)


def _lines(path: Path) -> list[list[str]]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    fields = (line.split("#")[0].split() for line in lines)
    return [line for line in fields if line]


def _read_table(path: Path) -> FloatArray:
    try:
        # RuNNer ends the file with the range of energies
        rows = [[fortran_float(x) for x in line[:6]] for line in _lines(path) if len(line) > 2]
        return np.array([[*row, np.nan][:6] for row in rows]).reshape(-1, 6)
    except ValueError as error:
        raise ModelError(f"{path}: not a table of five or six columns ({error})") from error
