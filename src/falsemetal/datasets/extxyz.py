"""Frames in extended xyz that others have labelled, with the metadata that they carry."""

import lzma
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io.extxyz import key_val_str_to_dict, read_xyz
from ase.io.formats import open_with_compression

from falsemetal.datasets.config_type import find_config_type
from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.faults import NONMETALS, FrameError, element_of, faulty_frame
from falsemetal.datasets.io import origin
from falsemetal.fortran import fortran_float
from falsemetal.progress import logger
from falsemetal.sources.catalogue import FrameLayout
from falsemetal.systems.labels import (
    CHARGES,
    ENERGY,
    EXTERNAL_FIELD,
    FORCES,
    HELD,
    TOTAL_CHARGE,
    external_field,
)

COUNT = re.compile(r"\s*\d+\s*")

EMPTY = re.compile(r"""(?<!\S)[\w-]+=(""|''|\{\}|\[\])(?!\S)""")
"""A key without a value, after which ASE no longer knows keys from values."""

SPELLED = re.compile(
    r"(?<!\S)(pbc|lattice|properties|config_type|trajectory|time_ps)(?==)", re.IGNORECASE
)
"""Keys that other programs write in other letters, which ASE would take for unknown ones."""

STRESS = re.compile(r"""(?<!\S)(stress|virial)=("[^"]*"|'[^']*'|\{[^}]*\}|\[[^]]*\]|\S+)""")
"""Not used here, and ASE takes it in no other form than nine numbers."""

HEAD, DEFAULT_HEAD = "head", "Default"

KNOWN = {"config_type", "trajectory", "time_ps", HEAD}

SMALL_CHARGE_E, SMALL_MOMENT = 1e-3, 0.5

TOTAL_CHARGES = {"charge", "total_charge", "net_charge", "tot_charge", "system_charge"}
SPINS = {"spin", "total_spin", "multiplicity", "spin_multiplicity"}
MOMENTS = {"magmom", "magmoms", "total_magmom", "tot_magnetization", "total_magnetization"}
WEIGHT = re.compile(r"((config|ref)_)?((energy|forces?)_)?weight")
UNIT = re.compile(r"(ref_)?(energy|forces?|length|lengths|positions?|lattice)?_?units?")
SPACES = re.compile(r"[\s,;]+")
UNITS = {
    *("ev", "electronvolt", "metal", "ev/ang", "ev/angstrom", "ev/a", "ev/å", "ev*ang^-1"),
    *("ang", "angstrom", "angstroms", "a", "å"),
}
"""Names of the units that labels must have; `metal` is LAMMPS' name for all of them."""


def read_labelled(path: str | Path, layout: FrameLayout) -> list[Atoms]:
    """Read frames in extended xyz that others have labelled, under whatever names.

    Labels, in eV and eV/Å, become `REF_energy` and `REF_forces`. `trajectory`, `time_ps` and
    `config_type` are kept, as text where they name something, the last found from the geometry
    where the file has none; labels such as `O1` and isotopes become elements. What else a frame
    carries is refused where it contradicts a neutral, closed-shell frame with labels in these units
    (charge, spin, unit, a weight of 0), and is otherwise left out, with a message.

    A frame that cannot be used stays in its place, with its fault
    (:mod:`falsemetal.datasets.faults`), for the curation to reject. Of frames with several heads
    the layout's are taken. DatasetError if the file cannot be read, is empty or no such file; if no
    frame has the labels, in which case it tells what there is; or if there are several heads and
    none is named.
    """
    path = Path(path)
    found = [
        (f"{path}: frame {index}, line {line}", _attempt(_build, lines))
        for index, (line, lines) in enumerate(_pieces(path, read_lines(path)))
    ]
    if not found:
        raise DatasetError(f"{path}: holds no frame")
    if all(isinstance(frame, Exception) for _, frame in found):
        where, error = found[0]
        raise DatasetError(f"{where}: not readable as extended xyz ({error})")
    found = _of_head(path, found, layout.head)
    _require_labels(path, found, layout)
    unused: Counter[str] = Counter()
    frames = []
    for where, frame in found:
        built = (
            frame if isinstance(frame, Exception) else _attempt(_labelled, frame, layout, unused)
        )
        frames.append(faulty_frame(where, built) if isinstance(built, Exception) else built)
    if unused:
        logger.info("%s: not used: %s", path, ", ".join(sorted(unused)))
    return frames


def read_lines(path: Path) -> list[str]:
    """Lines of a text, which may be compressed; DatasetError if it cannot be read."""
    try:
        with open_with_compression(str(path), "rb") as file:
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file") from None
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error
    return [line.rstrip("\r") for line in text.lstrip("\ufeff").split("\n")]


def _pieces(path: Path, lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield each frame's first line's number and lines, from one number of atoms to the next."""
    at = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    if at < len(lines) and not COUNT.fullmatch(lines[at]):
        hint = "; it looks like RuNNer's: format: runner" if lines[at].split()[0] == "begin" else ""
        raise DatasetError(
            f"{path}: line {at + 1}: not readable as extended xyz, a frame of which begins with "
            f"its number of atoms, this line with {lines[at][:40]!r}{hint}"
        )
    while at < len(lines):
        end = at + 2  # a comment may be a number, too
        while end < len(lines) and not COUNT.fullmatch(lines[end]):
            end += 1
        yield at + 1, list(lines[at:end])
        at = end


def _attempt(build: Callable[..., Atoms], *arguments: Any) -> Atoms | Exception:
    """Frame, or what was raised; readers of others raise anything."""
    try:
        return build(*arguments)
    except Exception as error:
        return error


_SPELLINGS = {"lattice": "Lattice", "properties": "Properties"}


def _build(lines: list[str]) -> Atoms:
    """Frame of a piece by ASE, its labels of atoms made elements."""
    while not lines[-1].strip():
        lines.pop()
    count, comment, *rows = lines if len(lines) > 1 else [*lines, ""]
    if len(rows) != int(count):
        raise FrameError("damaged", f"{len(rows)} lines of atoms instead of {int(count)}")
    if not rows:
        raise FrameError("no atoms", "it holds no atoms")
    comment = EMPTY.sub("", STRESS.sub("", comment))
    comment = SPELLED.sub(lambda found: _SPELLINGS.get(found[0].lower(), found[0].lower()), comment)
    properties = str(key_val_str_to_dict(comment).get("Properties", "species:S:1")).split(":")
    column = 0
    for name, _, width in zip(properties[::3], properties[1::3], properties[2::3], strict=False):
        if name == "species":
            rows = [_with_element(row, column) for row in rows]
        column += int(width)
    text = "\n".join([count, comment, *rows])
    frame: Atoms
    (frame,) = read_xyz(StringIO(f"{text}\n"), index=slice(None))
    if not frame.numbers.all():
        raise FrameError("unknown element", f"no column species or Z in Properties={properties}")
    return frame


def _with_element(row: str, column: int) -> str:
    fields = row.split()
    if column >= len(fields):
        raise FrameError("damaged", f"the line {row!r} has too few columns")
    return " ".join([*fields[:column], element_of(fields[column]), *fields[column + 1 :]])


Found = list[tuple[str, Atoms | Exception]]


def _of_head(path: Path, found: Found, head: str | None) -> Found:
    """Frames of one head, faulty ones among them: which they are of is not known."""
    sound = [frame for _, frame in found if not isinstance(frame, Exception)]
    if any(HEAD in frame.info for frame in sound):
        for frame in sound:
            frame.info.setdefault(HEAD, DEFAULT_HEAD)
    heads = Counter(str(frame.info[HEAD]) for frame in sound if HEAD in frame.info)
    if head is None and len(heads) > 1:
        raise DatasetError(
            f"{path}: holds labels of several heads, which do not mix: name one by the key head: "
            f"{', '.join(sorted(heads))}"
        )
    if head is None:
        return found
    if head not in heads:
        there = ", ".join(sorted(heads)) or "no frame names one"
        raise DatasetError(f"{path}: has no frame of head '{head}'; heads: {there}")
    return [
        (where, frame)
        for where, frame in found
        if isinstance(frame, Exception) or str(frame.info.get(HEAD)) == head
    ]


def _results(frame: Atoms) -> dict[str, Any]:
    """Return what ASE has moved into a calculator: keys that it knows, such as `energy`."""
    return frame.calc.results if frame.calc else {}


def _labels(frame: Atoms, layout: FrameLayout) -> tuple[Any, Any]:
    results = _results(frame)
    energy = frame.info.get(layout.energy_key, results.get(layout.energy_key))
    return energy, frame.arrays.get(layout.forces_key, results.get(layout.forces_key))


def _require_labels(path: Path, found: Found, layout: FrameLayout) -> None:
    """Refuse a file in which no frame has one of the labels: they have other names."""
    sound = [frame for _, frame in found if not isinstance(frame, Exception)]
    present = [[label is not None for label in _labels(frame, layout)] for frame in sound]
    absent = [
        key
        for key, there in zip(
            (layout.energy_key, layout.forces_key), zip(*present, strict=True), strict=True
        )
        if not any(there)
    ]
    if absent:
        there = dict.fromkeys(key for frame in sound for key in _keys(frame))
        raise DatasetError(
            f"{path}: no frame has {' and '.join(absent)} (found: {', '.join(there) or 'nothing'})"
            "; name its labels by energy_key and forces_key"
        )


def _keys(frame: Atoms) -> list[str]:
    arrays = sorted(set(frame.arrays) - {"numbers", "positions"})
    return [*frame.info, *arrays, *_results(frame)]


def _labelled(found: Atoms, layout: FrameLayout, unused: Counter[str]) -> Atoms:
    metals = set(found.symbols) - NONMETALS
    metadata = dict(found.arrays) | _results(found) | found.info
    charged = layout.charged_frames == "use"
    _check_metadata(metadata, magnetic=bool(metals), charged=charged)
    energy, forces = _labels(found, layout)
    frame = Atoms(found.numbers, found.positions, cell=found.cell, pbc=found.pbc)
    if energy is not None:
        try:
            frame.info[ENERGY] = fortran_float(energy) if isinstance(energy, str) else energy
        except ValueError:
            message = f"{layout.energy_key} is {energy!r}, no number in eV"
            raise FrameError("label", message) from None
    if forces is not None:
        try:
            frame.arrays[FORCES] = np.asarray(forces, dtype=float)
        except ValueError:
            raise FrameError("label", f"{layout.forces_key} holds text") from None
        _mark_held(found, frame)
    used = _keep_surroundings(found, frame, charged=charged)
    frame.info |= origin(found.info)
    frame.info.setdefault("config_type", find_config_type(frame))
    unused.update(set(_keys(found)) - KNOWN - used - {layout.energy_key, layout.forces_key})
    return frame


def _keep_surroundings(found: Atoms, frame: Atoms, *, charged: bool) -> set[str]:
    """Take over charges of atoms, a field and, where it may have one, the charge; names of keys."""
    used = set()
    if CHARGES in found.arrays:
        frame.arrays[CHARGES] = np.asarray(found.arrays[CHARGES], dtype=float)
        used.add(CHARGES)
    if EXTERNAL_FIELD in found.info:
        try:
            frame.info[EXTERNAL_FIELD] = external_field(found)
        except ValueError as error:
            raise FrameError("field", str(error)) from None
        used.add(EXTERNAL_FIELD)
    for key in found.info if charged else ():
        if _name(key) in TOTAL_CHARGES:
            frame.info[TOTAL_CHARGE] = float(found.info[key])
            used.add(key)
    return used


def _name(key: str) -> str:
    return key.lower().replace("-", "_")


def _mark_held(found: Atoms, frame: Atoms) -> None:
    """Mark the atoms that were fixed (`move_mask`) if their forces were set to zero."""
    held = sorted({int(i) for constraint in found.constraints for i in constraint.get_indices()})
    if held and not frame.arrays[FORCES][held].any():
        frame.arrays[HELD] = np.isin(np.arange(len(frame)), held)


def _check_metadata(info: Mapping[str, Any], *, magnetic: bool, charged: bool) -> None:
    """Refuse what contradicts frames in eV and Å, without spin where no metal has one.

    Unless they may be `charged`, they are neutral.
    """
    most_e = np.inf if charged else SMALL_CHARGE_E
    for key, value in info.items():
        name = _name(key)
        if name in TOTAL_CHARGES and not abs(_largest(value)) <= most_e:
            raise FrameError(
                "charged",
                f"{key} is {value}; only neutral frames can be used, as the dipole of what is "
                "charged depends on the origin (for potentials of kind qeq alone: "
                "charged_frames: use)",
            )
        if name in SPINS and not magnetic and _largest(value) not in {0.0, 1.0}:
            raise FrameError("open shell", f"{key} is {value}, where 1 is a closed shell")
        if name in MOMENTS and not magnetic and not _largest(value) < SMALL_MOMENT:
            raise FrameError("open shell", f"{key} is {value}")
        if WEIGHT.fullmatch(name) and _largest(value) == 0.0:
            raise FrameError("label", f"{key} is 0: the label counts for nothing")
        if UNIT.fullmatch(name):
            for unit in sorted({u for text in np.ravel(value) for u in SPACES.split(str(text))}):
                if unit and unit.lower() not in UNITS:
                    raise FrameError("units", f"{key} is {unit}; convert the file to eV and Å")


def _largest(value: Any) -> float:
    """Return the largest size of one number or many; NaN, which nothing allows, for no number."""
    try:
        return float(np.abs(np.asarray(value, dtype=float)).max())
    except (TypeError, ValueError):
        return float("nan")
