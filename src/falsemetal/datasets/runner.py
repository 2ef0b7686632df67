"""Labelled frames in RuNNer's `input.data`, the format of n2p2 and of Behler's networks."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.geometry import cellpar_to_cell

from falsemetal.datasets.config_type import find_config_type
from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.extxyz import read_lines
from falsemetal.datasets.faults import FAULT, FrameError, element_of, faulty_frame
from falsemetal.fortran import fortran_float
from falsemetal.progress import logger
from falsemetal.systems.charged import set_total_charge
from falsemetal.systems.labels import CHARGES, ENERGY, FORCES
from falsemetal.units import BOHR, HARTREE

COLUMNS = {"lattice": 3, "atom": 9, "energy": 1, "charge": 1}
"""Columns after each keyword; those of `atom` are x y z symbol charge energy fx fy fz, and more."""

ALIASES = {"c": "comment", "totalcharge": "charge", "totalenergy": "energy"}

CELL_TOLERANCE_A = 1e-3
"""Difference of two cells that rounding explains: i-PI writes five decimals, RuNNer six."""

CELL = re.compile(r"CELL\(abcABC\):((?:\s+[-+.\deE]+){6})(?:.*cell\{(\w+)\})?")
IPI_FRAME = re.compile(r"Traj:\s*(\S+)\s+Step:\s*(\d+)\s+Bead:\s*(\d+)")

Line = tuple[int, str, list[str]]
"""Number, keyword and fields."""


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

    `step_fs` is the time between two steps of i-PI's comments. Charges of atoms, in e, become
    `REF_charges`, unless all of them are zero, which is how sets without charges fill their column;
    the charge of a frame becomes `total_charge`. Energies of single atoms are not read, and
    molecules that have left the cell stay outside. A frame whose comment names another cell than
    its lattice, or that is not as the format has it, stays in its place with its fault
    (:mod:`falsemetal.datasets.faults`), for the curation to reject. DatasetError if the file cannot
    be read or holds no frame.
    """
    path = Path(path)
    frames = []
    for lines in _blocks(path):
        try:
            frames.append(_frame(lines, step_fs))
        except Exception as error:  # of anything that a damaged frame may do to ASE
            frames.append(faulty_frame(f"{path}: line {lines[0][0]}", error))
    if not frames:
        raise DatasetError(f"{path}: holds no frame; RuNNer's format has them in begin … end")
    sound = [frame for frame in frames if FAULT not in frame.info]
    n_timeless = sum("time_ps" not in frame.info for frame in sound)
    if n_timeless:
        logger.warning(
            "%s: %d of %d frames tell no time (%s); a split may part neighbours in time",
            path,
            n_timeless,
            len(sound),
            "no step_fs is given" if step_fs is None else "i-PI did not write their comments",
        )
    return sorted(frames, key=lambda f: (f.info.get("trajectory", ""), f.info.get("step", 0)))


def _blocks(path: Path) -> Iterator[list[Line]]:
    """Lines of each frame, from `begin` to `end`, or to where another begins."""
    block: list[Line] = []
    begun = False
    for number, line in enumerate(read_lines(path), 1):
        keyword, *fields = line.split() or [""]
        if not keyword or keyword[0] in "#!":
            continue
        keyword = ALIASES.get(keyword, keyword)
        begun = begun or keyword == "begin"
        if not begun:
            hint = "; it may be extended xyz: format: extxyz" if keyword.isdigit() else ""
            raise DatasetError(
                f"{path}: line {number}: '{keyword}' outside of begin … end, in which RuNNer's "
                f"format has its frames; remove the line{hint}"
            )
        if keyword == "begin" and block:
            yield block
            block = []
        block.append((number, keyword, fields))
        if keyword == "end":
            yield block
            block = []
    if block:
        yield block


def _frame(lines: list[Line], step_fs: float | None) -> Atoms:
    record = _record(lines)
    symbols, numbers = [], []
    for number, (*position, label, charge, _, fx, fy, fz) in record["atom"]:
        try:
            symbols.append(element_of(label))
        except FrameError as error:
            raise FrameError(error.check, f"line {number}: {error}") from None
        numbers.append(_numbers([*position, charge, fx, fy, fz], number))
    values = np.array(numbers)
    lattice = [_numbers(fields, number) for number, fields in record["lattice"]]
    frame = Atoms(symbols, positions=values[:, :3] * BOHR)
    if lattice:
        frame.cell, frame.pbc = np.array(lattice) * BOHR, True
    ((number, fields),) = record["energy"]
    frame.info[ENERGY] = _numbers(fields, number)[0] * HARTREE
    frame.arrays[FORCES] = values[:, 4:] * (HARTREE / BOHR)
    if values[:, 3].any():
        frame.arrays[CHARGES] = values[:, 3]
    set_total_charge(frame, _total_charge(record["charge"]))
    frame.info["config_type"] = find_config_type(frame)
    for number, words in record["comment"]:
        comment = " ".join(words)
        _check_cell(comment, frame, number)
        frame.info |= _origin(comment, step_fs)
    return frame


def _record(lines: list[Line]) -> dict[str, list[tuple[int, list[str]]]]:
    """Fields by keyword with the numbers of their lines."""
    record: dict[str, list[tuple[int, list[str]]]] = {key: [] for key in ("comment", *COLUMNS)}
    (_, first, _), (last_number, last, _) = lines[0], lines[-1]
    if first != "begin" or last != "end":
        raise FrameError("damaged", f"begin or end is missing, up to line {last_number}")
    for number, keyword, fields in lines[1:-1]:
        if keyword == "comment":
            record[keyword].append((number, fields))
        elif keyword not in record:
            known = ", ".join(record)
            raise FrameError(
                "damaged", f"line {number}: unknown keyword '{keyword}' (known: {known})"
            )
        elif len(fields) < COLUMNS[keyword] or (len(fields) > COLUMNS[keyword] != COLUMNS["atom"]):
            raise FrameError(
                "damaged",
                f"line {number}: '{keyword}' has {len(fields)} columns instead of "
                f"{COLUMNS[keyword]}",
            )
        else:
            record[keyword].append((number, fields[: COLUMNS[keyword]]))
    counts = {keyword: len(record[keyword]) for keyword in COLUMNS}
    if not counts["atom"] or counts["energy"] != 1 or counts["lattice"] not in {0, 3}:
        found = ", ".join(f"{count} of {keyword}" for keyword, count in counts.items())
        raise FrameError(
            "damaged",
            "a frame has one line of energy, none or three of lattice and some of atom, this one "
            f"{found}",
        )
    return record


def _total_charge(lines: list[tuple[int, list[str]]]) -> float:
    """Charge of a frame in e, zero where no line tells it."""
    told = {_numbers(fields, number)[0] for number, fields in lines}
    if len(told) > 1:
        numbers = ", ".join(f"{charge:g}" for charge in sorted(told))
        raise FrameError("damaged", f"line {lines[-1][0]}: several charges of a frame: {numbers} e")
    return told.pop() if told else 0.0


def _numbers(fields: list[str], number: int) -> list[float]:
    try:
        return [fortran_float(field) for field in fields]
    except ValueError as error:
        raise FrameError("damaged", f"line {number}: {error}") from None


def _check_cell(comment: str, frame: Atoms, number: int) -> None:
    match = CELL.search(comment)
    if match is None:
        return
    lengths_angles = np.array(_numbers(match[1].split(), number))
    lengths_angles[:3] *= BOHR if match[2] == "atomic_unit" else 1.0
    # vectors, not angles, because a lattice may be turned against i-PI's convention
    stated, found = (cellpar_to_cell(c) for c in (lengths_angles, frame.cell.cellpar()))
    if not np.allclose(stated, found, rtol=0.0, atol=CELL_TOLERANCE_A):
        cells = (
            " ".join(f"{value:.5f}" for value in cell)
            for cell in (lengths_angles, frame.cell.cellpar())
        )
        raise FrameError(
            "other cell",
            "line {}: the comment's cell is {} (Å, degrees), the lattice {}; correct the one that "
            "is wrong, or remove CELL from the comment".format(number, *cells),
        )


def _origin(comment: str, step_fs: float | None) -> dict[str, str | int | float]:
    match = IPI_FRAME.search(comment)
    if match is None:
        return {}
    step = int(match[2])
    origin = {"trajectory": match[1], "step": step, "bead": int(match[3])}
    return origin | ({} if step_fs is None else {"time_ps": step * step_fs / 1000.0})
