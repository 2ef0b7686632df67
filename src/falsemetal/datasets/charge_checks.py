"""Checks of what only models with charges learn from: charges, fields, clusters."""

from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from falsemetal.datasets.settings import Checks
from falsemetal.systems.boundary import Boundary, boundary_of
from falsemetal.systems.charged import NEUTRAL_E
from falsemetal.systems.labels import CHARGES, DIPOLE, EXTERNAL_FIELD, FERMI_LEVEL, TOTAL_CHARGE

Fault = tuple[str, str]
"""Name of a check and the reason, as in :class:`falsemetal.datasets.checks.Rejection`."""

SHAPES = {TOTAL_CHARGE: (), EXTERNAL_FIELD: (3,), DIPOLE: (3,), FERMI_LEVEL: ()}
"""Shapes of the labels in `info`."""


def optional_label_fault(frame: Atoms, _: Checks) -> Fault | None:
    """Find an optional label that is no number, not finite or of another shape, or None."""
    labels: dict[str, tuple[Any, tuple[int, ...]]] = {
        key: (frame.info[key], shape) for key, shape in SHAPES.items() if key in frame.info
    }
    if CHARGES in frame.arrays:
        labels[CHARGES] = frame.arrays[CHARGES], (len(frame),)
    for key, (value, shape) in labels.items():
        try:
            numbers = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            return "label", f"{key} is {value}, which is no number"
        if numbers.shape != shape:
            return "label shape", f"{key} of shape {numbers.shape} instead of {shape}"
        if not np.isfinite(numbers).all():
            return "not finite", f"{key}: {np.sum(~np.isfinite(numbers))} number(s) not finite"
    return None


def charged_fault(frame: Atoms, checks: Checks) -> Fault | None:
    """Tell that a frame carries a charge that cannot be treated, or None."""
    charge_e = float(frame.info.get(TOTAL_CHARGE, 0.0))
    if abs(charge_e) <= NEUTRAL_E:
        return None
    if checks.charged == "reject":
        return "charged", (
            f"{TOTAL_CHARGE} is {charge_e:g} e; only neutral frames can be used, as the dipole of "
            "what is charged depends on the origin, except by models that know total charges "
            "(checks.charged: keep)"
        )
    if frame.pbc.any() and boundary_of(frame.pbc) is Boundary.FILM:
        return "charged film", (
            f"{TOTAL_CHARGE} is {charge_e:g} e in a film (pbc TTF), whose energy is not defined; "
            "add the counter charge, or leave the frame out"
        )
    return None


def charged_atom_fault(frame: Atoms, _: Checks) -> Fault | None:
    """Tell that an isolated atom is an ion or in a field, whose energy is no atomic energy."""
    for key in (TOTAL_CHARGE, EXTERNAL_FIELD):
        if np.any(np.abs(np.asarray(frame.info.get(key, 0.0), dtype=float)) > 0.0):
            return "isolated atom", (
                f"{key} of a single atom is {frame.info[key]}; atomic energies are those of "
                "neutral atoms without a field"
            )
    return None


def field_fault(frame: Atoms, checks: Checks) -> Fault | None:
    """Tell that a frame is in a field that cannot be treated, or None."""
    field = np.asarray(frame.info.get(EXTERNAL_FIELD, np.zeros(3)), dtype=float)
    if not field.any():
        return None
    told = f"{EXTERNAL_FIELD} is {' '.join(f'{component:g}' for component in field)} V/Å"
    if checks.fields == "reject":
        return "field", (
            f"{told}; only frames without one can be used, except by models that know fields "
            "(checks.fields: keep)"
        )
    along = [axis for axis, e in zip("xyz", field * frame.pbc, strict=True) if e != 0.0]
    if along:
        return "field", (
            f"{told}, along {' and '.join(along)}, where the frame is periodic and has no dipole; "
            "a field can only lie in open directions"
        )
    return None


def charges_fault(frame: Atoms, checks: Checks) -> Fault | None:
    """Find charges of atoms that no atom can have, or whose sum is not the frame's, or None."""
    if CHARGES not in frame.arrays:
        return None
    charges = np.asarray(frame.arrays[CHARGES], dtype=float)
    limits = np.minimum(frame.numbers, checks.maximum_charge_e)
    excess = np.maximum(charges - limits, -charges - checks.maximum_charge_e)
    worst = int(np.argmax(excess))
    if excess[worst] > 0.0:
        symbol = chemical_symbols[frame.numbers[worst]]
        return "charges", (
            f"{CHARGES} of atom {worst} ({symbol}) is {charges[worst]:.3g} e, limits "
            f"{-checks.maximum_charge_e:g} (checks.maximum_charge_e) and {limits[worst]:g}, which "
            "is that or its electrons; in another unit?"
        )
    total_e = float(frame.info.get(TOTAL_CHARGE, 0.0))
    if not abs(charges.sum() - total_e) <= checks.charge_sum_tolerance_e:
        return "sum of charges", (
            f"{CHARGES} sum to {charges.sum():.4g} e and {TOTAL_CHARGE} is {total_e:g} e, which "
            f"differ by more than {checks.charge_sum_tolerance_e:g} e "
            "(checks.charge_sum_tolerance_e)"
        )
    return None
