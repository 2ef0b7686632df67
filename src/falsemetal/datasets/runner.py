"""Labelled frames in RuNNer's `input.data`, the format of n2p2 and of Behler's networks."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.geometry import cellpar_to_cell

from falsemetal.datasets.config_type import find_config_type
from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.io import ENERGY, FORCES
from falsemetal.progress import logger
from falsemetal.units import BOHR, HARTREE

COLUMNS = {"lattice": 3, "atom": 9, "energy": 1, "charge": 1}
"""Columns after each keyword; those of `atom` are x y z symbol charge energy fx fy fz."""

CELL_TOLERANCE_A = 1e-3
"""Difference of two cells that rounding explains: i-PI writes five decimals, RuNNer six."""

CELL = re.compile(r"CELL\(abcABC\):((?:\s+[-+.\deE]+){6})(?:.*cell\{(\w+)\})?")
IPI_FRAME = re.compile(r"Traj:\s*(\S+)\s+Step:\s*(\d+)\s+Bead:\s*(\d+)")

Record = dict[str, list[tuple[int, list[str]]]]


def read_runner(path: str | Path, *, step_fs: float | None = None) -> list[Atoms]:
    """Read labelled frames; bohr, Ha and Ha/bohr become Å, eV and eV/Å.

    A frame with a lattice is periodic in all directions, slabs too: its labels were calculated so,
    and contain what its images across the vacuum do to each other. `config_type` tells slabs apart
    by their vacuum (`find_config_type`).

    Comments that i-PI wrote hold `Traj`, `Step` and `Bead`, kept in `info` as `trajectory`, `step`
    and `bead`. `Traj` names the quantity written, not the run: several runs share it, and count as
    one trajectory. The split then keeps together more than it must and never less, and all beads of
    a step are in one block. A step is no time by itself: `time_ps` is there if `step_fs` is given.
    Active learning picks frames in no order of time and often some steps apart, so without times
    neighbours may fall into different parts of a split. Frames come sorted by trajectory and step,
    behind those that tell neither, so that equal pieces of the list, which is what the split then
    makes, are pieces of time at least.

    `step_fs` is the time between two steps of i-PI's comments. Charges and energies of single atoms
    are not read, and molecules that have left the cell stay outside. DatasetError if the file
    cannot be read or holds no frame; if a line or frame is not as the format has it; if a frame is
    charged, or its comment names another cell than its lattice.
    """
    path = Path(path)
    frames = [_frame(record, path, start, step_fs) for start, record in _records(path)]
    if not frames:
        raise DatasetError(f"{path}: holds no frame; RuNNer's format has them in begin … end")
    n_timeless = sum("time_ps" not in frame.info for frame in frames)
    if n_timeless:
        logger.warning(
            "%s: %d of %d frames tell no time (%s); a split may part neighbours in time",
            path,
            n_timeless,
            len(frames),
            "no step_fs is given" if step_fs is None else "i-PI did not write their comments",
        )
    return sorted(frames, key=lambda f: (f.info.get("trajectory", ""), f.info.get("step", 0)))


def _records(path: Path) -> Iterator[tuple[int, Record]]:
    """Lines of each frame by keyword, and the number of the line on which it begins."""
    record: Record | None = None
    start = 0
    for number, line in enumerate(_lines(path), 1):
        where = f"{path}: line {number}"
        keyword, *fields = line.split() or [""]
        if keyword == "begin":
            if record is not None:
                raise DatasetError(_truncated(path, start, f"line {number} begins another"))
            record, start = defaultdict(list), number
        elif record is None:
            if keyword:
                raise DatasetError(f"{where}: '{keyword}' outside of begin … end; remove the line")
        elif keyword == "end":
            yield start, record
            record = None
        elif keyword == "comment" or len(fields) == COLUMNS.get(keyword):
            record[keyword].append((number, fields))
        elif keyword in COLUMNS:
            raise DatasetError(
                f"{where}: '{keyword}' has {len(fields)} columns instead of {COLUMNS[keyword]}; "
                "the file is damaged or not RuNNer's: mend the line or fetch the file again"
            )
        elif keyword:
            known = ", ".join(("comment", *COLUMNS))
            raise DatasetError(
                f"{where}: unknown keyword '{keyword}' (known: {known}); remove the line"
            )
    if record is not None:
        raise DatasetError(_truncated(path, start, "the file ends"))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: not readable as RuNNer's text format ({error})") from None


def _truncated(path: Path, start: int, event: str) -> str:
    return (
        f"{path}: line {start}: {event} before the end of this frame; "
        "fetch the file again, or remove the frame"
    )


def _check_record(record: Record, path: Path, start: int) -> None:
    counts = {keyword: len(record[keyword]) for keyword in COLUMNS}
    if not counts["atom"] or counts["energy"] != 1 or counts["lattice"] not in {0, 3}:
        found = ", ".join(f"{count} of {keyword}" for keyword, count in counts.items())
        raise DatasetError(
            f"{path}: line {start}: a frame has one line of energy, none or three of lattice and "
            f"some of atom, this one {found}; mend or remove it"
        )
    for number, (charge,) in record["charge"]:
        if _numbers([charge], path, number) != [0.0]:
            raise DatasetError(
                f"{path}: line {number}: the frame carries a charge of {charge} e, and its dipole "
                "depends on the origin; only neutral frames can be used: remove it"
            )


def _frame(record: Record, path: Path, start: int, step_fs: float | None) -> Atoms:
    _check_record(record, path, start)
    numbers, symbols = [], []
    for number, (*position, symbol, _, _, fx, fy, fz) in record["atom"]:
        if symbol not in atomic_numbers:
            raise DatasetError(f"{path}: line {number}: '{symbol}' is no element; mend the line")
        symbols.append(symbol)
        numbers.append(_numbers([*position, fx, fy, fz], path, number))
    values = np.array(numbers)
    lattice = [_numbers(fields, path, number) for number, fields in record["lattice"]]
    frame = Atoms(symbols, positions=values[:, :3] * BOHR)
    if lattice:
        frame.cell, frame.pbc = np.array(lattice) * BOHR, True
    ((number, fields),) = record["energy"]
    frame.info[ENERGY] = _numbers(fields, path, number)[0] * HARTREE
    frame.arrays[FORCES] = values[:, 3:] * (HARTREE / BOHR)
    frame.info["config_type"] = find_config_type(frame)
    for number, words in record["comment"]:
        comment = " ".join(words)
        _check_cell(comment, frame, f"{path}: line {number}")
        frame.info |= _origin(comment, step_fs)
    return frame


def _numbers(fields: list[str], path: Path, number: int) -> list[float]:
    try:
        return [float(field) for field in fields]
    except ValueError as error:
        raise DatasetError(
            f"{path}: line {number}: {error}; mend the line or remove the frame"
        ) from None


def _check_cell(comment: str, frame: Atoms, where: str) -> None:
    match = CELL.search(comment)
    if match is None:
        return
    lengths_angles = np.array(match[1].split(), dtype=float)
    lengths_angles[:3] *= BOHR if match[2] == "atomic_unit" else 1.0
    # vectors, not angles, because a lattice may be turned against i-PI's convention
    stated, found = (cellpar_to_cell(c) for c in (lengths_angles, frame.cell.cellpar()))
    if not np.allclose(stated, found, rtol=0.0, atol=CELL_TOLERANCE_A):
        cells = (
            " ".join(f"{value:.5f}" for value in cell)
            for cell in (lengths_angles, frame.cell.cellpar())
        )
        raise DatasetError(
            "{}: the comment's cell is {} (Å, degrees), the lattice {}; correct the one that is "
            "wrong, or remove CELL from the comment".format(where, *cells)
        )


def _origin(comment: str, step_fs: float | None) -> dict[str, str | int | float]:
    match = IPI_FRAME.search(comment)
    if match is None:
        return {}
    step = int(match[2])
    origin = {"trajectory": match[1], "step": step, "bead": int(match[3])}
    return origin | ({} if step_fs is None else {"time_ps": step * step_fs / 1000.0})
