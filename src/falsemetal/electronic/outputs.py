"""Readers that the outputs of all engines have in common; they raise ResultError."""

import re
from pathlib import Path

import numpy as np

from falsemetal.arrays import FloatArray
from falsemetal.electronic.errors import ResultError
from falsemetal.fortran import fortran_float


def read_output(path: Path, program: str, *, mark: str) -> str:
    """Text of what a program said, refused where it is missing or lacks the program's mark."""
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        raise ResultError(f"{path}: {error.strerror}; run the job") from None
    if mark not in text:
        raise ResultError(f"{path}: no output of {program}")
    return text


def require_finished(path: Path, text: str, *, mark: str) -> None:
    """Refuse an output that lacks what a finished run ends with."""
    if mark not in text:
        raise ResultError(f"{path}: cut short; run the job again")


def read_table(
    path: Path, what: str, *, header: re.Pattern[str], n_columns: int
) -> tuple[str, re.Match[str], FloatArray]:
    """Read a file of columns below comments, refused where it is missing, cut short or another.

    Returns its comments, what `header` finds there, and the table, of at least so many columns.
    """
    try:
        lines = path.read_text().splitlines()
        table = np.loadtxt(lines, ndmin=2, converters=fortran_float, encoding="utf-8")
        if not np.isfinite(table).all():
            raise ValueError("a number is not finite")
    except (OSError, ValueError) as error:
        raise ResultError(f"{path}: no readable {what} ({error}); run the job again") from None
    comments = "\n".join(line for line in lines if line.startswith("#"))
    found = header.search(comments)
    if found is None or table.shape[1] < n_columns:
        raise ResultError(f"{path}: not a {what}; it begins with {''.join(lines[:1])!r}")
    return comments, found, table


def last_number(pattern: re.Pattern[str], text: str, path: Path) -> float | None:
    """Return the number that a pattern finds last, or None; ResultError for asterisks."""
    found = pattern.findall(text)
    try:
        return fortran_float(found[-1]) if found else None
    except ValueError:
        raise ResultError(f"{path}: {found[-1]} in the place of a number; run again") from None
