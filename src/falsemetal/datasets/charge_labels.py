"""Labels for models with charges, as public files in extended xyz carry them."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from ase import Atoms

from falsemetal.arrays import FloatArray
from falsemetal.datasets.faults import FrameError
from falsemetal.fortran import fortran_float
from falsemetal.sources.catalogue import FrameLayout
from falsemetal.systems.charged import NEUTRAL_E, set_total_charge
from falsemetal.systems.labels import CHARGES, DIPOLE, EXTERNAL_FIELD, FERMI_LEVEL

TOTAL_CHARGES = {
    *("charge", "total_charge", "net_charge", "tot_charge", "system_charge", "ref_total_charge")
}
"""Keys under which files tell the charge of a frame, in e."""

FIELDS = {"electric_field", "ref_electric_field", "efield", "e_field", "applied_field"}
"""Keys under which files tell a field whose unit and sign differ from program to program."""

COLUMN_NAMES = {"charge": "charges"}
"""Names that ASE gives to columns of a file."""

SUM_E = 0.02
"""Sum of the numbers of atoms from which a frame is taken to be charged."""


def label_charges(
    frame: Atoms, found: Atoms, results: Mapping[str, Any], layout: FrameLayout
) -> set[str]:
    """Give a frame the labels for models with charges; returns the keys that they were read from.

    Parameters
    ----------
    frame
        Gets `REF_charges`, `total_charge`, `external_field`, `REF_dipole` and `REF_fermi_eV`, as
        far as they are there. Charges that are all zero, and a field of zero, are none.
    found
        The frame as ASE has read it.
    results
        What ASE has moved into a calculator.
    layout
        Names the charges of atoms and the dipole.

    Raises
    ------
    FrameError
        For labels that contradict each other or are no numbers, for numbers of atoms under the name
        of a frame's charge that do not sum to zero, and for a field under another name than
        `external_field`.
    """
    charges_key = column_name(layout.charges_key)
    _refuse_unknown(found, charges_key)
    set_total_charge(frame, _total_charge(found.info))
    used = {key for key, _ in _told(found.info, TOTAL_CHARGES)}
    labels = dict(results) | found.info
    arrays = dict(results) | dict(found.arrays)
    if charges_key in arrays:
        charges = _numbers(charges_key, arrays[charges_key])
        if charges.any():
            frame.arrays[CHARGES] = charges
    for key, name in ((layout.dipole_key, DIPOLE), (EXTERNAL_FIELD, EXTERNAL_FIELD)):
        if key in labels:
            vector = _vector(key, labels[key])
            if name == DIPOLE or vector.any():
                frame.info[name] = vector
    if FERMI_LEVEL in labels:
        frame.info[FERMI_LEVEL] = _number(FERMI_LEVEL, labels[FERMI_LEVEL])
    return used | {charges_key, layout.dipole_key, EXTERNAL_FIELD, FERMI_LEVEL}


def column_name(key: str) -> str:
    """Name under which ASE reads a column of numbers of atoms."""
    return COLUMN_NAMES.get(key, key)


def _told(mapping: Mapping[str, Any], names: set[str]) -> Iterator[tuple[str, Any]]:
    for key, value in mapping.items():
        if key.lower().replace("-", "_") in names:
            yield key, value


def _total_charge(info: Mapping[str, Any]) -> float:
    told = {key: _number(key, value) for key, value in _told(info, TOTAL_CHARGES)}
    if told and np.ptp(list(told.values())) > NEUTRAL_E:
        several = " and ".join(f"{key} is {charge:g}" for key, charge in told.items())
        raise FrameError("charged", f"{several} e; remove those that are wrong")
    return next(iter(told.values()), 0.0)


def _refuse_unknown(found: Atoms, charges_key: str) -> None:
    for key, value in _told(found.arrays, TOTAL_CHARGES):
        if key == charges_key:
            continue
        total_e = float(_numbers(key, value).sum())
        if not abs(total_e) <= SUM_E:
            raise FrameError(
                "charged",
                f"{key} is a number for each atom, {total_e:.3g} in sum; name it by charges_key if "
                "it is the charge of an atom in e, or remove it",
            )
    for key, value in _told(found.info, FIELDS):
        if np.any(_numbers(key, value)):
            raise FrameError(
                "field",
                f"{key} is {value}; write it as {EXTERNAL_FIELD}, three components in V/Å, "
                "positive where they push positive charge up",
            )


def _number(key: str, value: Any) -> float:
    """Return one number, which may be in Fortran's spelling, or NaN."""
    try:
        return fortran_float(value) if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        raise FrameError("label", f"{key} is {value}, no number") from None


def _numbers(key: str, value: Any) -> FloatArray:
    try:
        return np.array(value, dtype=float)
    except (TypeError, ValueError):
        raise FrameError("label", f"{key} is {value}, which are no numbers") from None


def _vector(key: str, value: Any) -> FloatArray:
    vector = _numbers(key, value)
    if vector.shape != (3,):
        raise FrameError("label", f"{key} is {value}, not three components")
    return vector
