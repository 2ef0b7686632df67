"""Inputs of CP2K, written as nested mappings."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from ase import Atoms

from falsemetal.arrays import FloatArray

RANDOM_MODULUS = 4_294_944_443
"""The states of CP2K's random numbers (L'Ecuyer's MRG32k3a) lie below."""


def format_input(sections: Mapping[str, Any]) -> str:
    """Format nested mappings as an input of CP2K.

    A mapping becomes a section, whose name may carry a parameter (`"RESTART OFF"`); a list repeats
    its key; the key `""` stands for lines without a keyword; anything else is a keyword.
    """
    return "\n".join(_lines(sections)) + "\n"


def _lines(sections: Mapping[str, Any]) -> Iterator[str]:
    for key, value in sections.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Mapping):
                yield f"&{key}"
                yield from (f"  {line}" for line in _lines(item))
                yield f"&END {key.split()[0]}"
            else:
                yield f"{key} {item}".strip()


def format_numbers(values: FloatArray) -> str:
    """Format numbers so that they are read as they were."""
    return " ".join(f"{value:.16e}" for value in values)


def structure_sections(atoms: Atoms) -> dict[str, Any]:
    """Sections of SUBSYS for a cell and its atoms, periodic as they are."""
    axes = "".join(axis for axis, periodic in zip("XYZ", atoms.pbc, strict=True) if periodic)
    cell = {name: format_numbers(row) for name, row in zip("ABC", atoms.cell.array, strict=True)}
    lines = [
        f"{symbol} {format_numbers(position)}"
        for symbol, position in zip(atoms.symbols, atoms.positions, strict=True)
    ]
    return {"CELL": cell | {"PERIODIC": axes or "NONE"}, "COORD": {"": lines}}


def random_state(*entropy: int) -> str:
    """Format a state of a thermostat's random numbers for its section RNG_INIT.

    The key SEED does not reach the CSVR thermostat: without this all runs have the same noise. The
    columns are those of CP2K's restart files: name, Gaussian numbers, flags and buffer, and thrice
    the state: now, and at the beginning of sub-stream and stream.
    """
    state = np.random.SeedSequence(entropy).generate_state(6) % RANDOM_MODULUS
    values = "".join(f"{value:20.1f}" for value in (*state, *state, *state))
    return f"{'thermostat':40s}{1:2d} F T F{0.0:25.16E}{values}"
