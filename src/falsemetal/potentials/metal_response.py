"""Table of what an external field does to films of a liquid on a metal.

For the changes of charges and potentials see :mod:`falsemetal.potentials.answers_to_fields`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from falsemetal.arrays import FloatArray
from falsemetal.electrostatics.planar import planar_potential
from falsemetal.potentials.answers_to_fields import (
    Answer,
    Change,
    answer_of_force_field,
    answer_of_model,
    change_in_field,
)
from falsemetal.potentials.loading import load_potential
from falsemetal.potentials.specs import (
    BARE,
    ELECTRONS,
    ELECTRONS_SPREAD,
    LAYER_CHARGE,
    LAYER_POTENTIAL,
    METAL_FIELD_V_PER_A,
    PROFILE,
    SLOPE,
    SPREAD,
    MetalResponseSpec,
)
from falsemetal.potentials.store import torch_device
from falsemetal.systems.system import System
from falsemetal.units import EPSILON_0

DRAWN_SMEARING_A = 0.5
"""Width of all charges in profiles, so that these differ by charges alone."""

STEP_A, BEYOND_A = 0.25, 5.0
"""Of the heights of profiles, and how far these reach beyond the outermost nuclei."""

MIDDLE = (25.0, 75.0)
"""Percentiles of the heights of the liquid's atoms between which a slope is fitted."""

COLUMNS = ("frame", "quantity", "place", "distance_A", "value")


def metal_responses(
    folder: Path | None, films: Sequence[System], spec: MetalResponseSpec, *, threads: int
) -> pd.DataFrame:
    """Tabulate what +E instead of −E changes in films, halved, in double precision.

    Parameters
    ----------
    folder
        Of a model; None of a force field.
    films
        Atoms of the region `metal`, layer by layer from the lowest up, below a liquid.
    spec
        What answers, and how many layers there are.
    threads
        To compute with.

    Returns
    -------
    DataFrame
        Rows of :data:`COLUMNS`: number of the frame; quantity, of :data:`UNITS`; place, that of a
        layer from below or of a height in the profile, from 1, else 0; distance from the metal's
        top layer; value. Layers tell the charge that they gain and their mean Δy, and Δy + J Δq,
        beside those of all metal. Profiles are planar averages of Gaussians of
        :data:`DRAWN_SMEARING_A` and −E z, zero in the mean of the metal's atoms. The slope is that
        of a straight line through the profile between the quartiles of the liquid's heights, over
        −E. Spreads are the largest difference between layers' means of Δy, and between any atoms'
        Δy + J Δq; the bare drop is E times the metal's height.

    Raises
    ------
    ValueError
        For a model whose charges do not answer, or films without layers of equally many atoms.
    """
    torch.set_num_threads(threads)
    answer = _answer_of(folder, spec)
    rows: list[tuple[Any, ...]] = []
    heights = _heights_of_profile(films[0], spec.n_layers)
    for frame, film in enumerate(films):
        change = change_in_field(film.atoms, answer)
        for quantity, places in _measure(film, change, spec.n_layers, heights):
            rows += [(frame, quantity, *place) for place in places]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _answer_of(folder: Path | None, spec: MetalResponseSpec) -> Answer:
    if spec.force_field is not None:
        return answer_of_force_field(spec.force_field)
    assert folder is not None  # only force fields have none
    return answer_of_model(
        load_potential(folder, dtype=torch.float64, device=torch_device(spec.device))
    )


def _layers_of(film: System, n_layers: int) -> FloatArray:
    """Share of each atom in the mean of each of the metal's layers, shape (n_layers, n_atoms)."""
    (metal,) = np.nonzero(film.within("metal"))
    if not len(metal) or len(metal) % n_layers:
        raise ValueError(
            f"{len(metal)} atoms of the metal in {n_layers} layers; give films on metals whose "
            "layers hold equally many atoms"
        )
    shares = np.zeros((n_layers, len(film.atoms)))
    for layer, atoms in enumerate(np.split(metal, n_layers)):
        shares[layer, atoms] = 1.0 / len(atoms)
    return shares


def _heights_of_profile(film: System, n_layers: int) -> FloatArray:
    """Distances from the metal's top layer in Å, multiples of the step, the same for all films."""
    z = film.atoms.positions[:, 2]
    top = (_layers_of(film, n_layers) @ z)[-1]
    ends = (z.min() - top - BEYOND_A, z.max() - top + BEYOND_A)
    first, last = (round(end / STEP_A) for end in ends)
    return STEP_A * np.arange(first, last + 1)


Places = list[tuple[int, float, float]]
"""Number, distance from the top layer in Å, and value."""


def _measure(
    film: System, change: Change, n_layers: int, distances_A: FloatArray
) -> Iterator[tuple[str, Places]]:
    """Quantities of one film."""
    layers, metal, z = _layers_of(film, n_layers), film.within("metal"), film.atoms.positions[:, 2]
    area_A2 = float(np.linalg.norm(np.cross(*film.atoms.cell[:2])))
    of_layers = layers @ z
    below_top = of_layers - of_layers[-1]
    charges = (layers > 0.0) @ change.charges / (EPSILON_0 * METAL_FIELD_V_PER_A * area_A2)
    potentials = layers @ change.potentials
    yield LAYER_CHARGE, _places(below_top, charges)
    yield LAYER_POTENTIAL, _places(below_top, 1e3 * (potentials - potentials.mean()))
    yield SPREAD, [(0, np.nan, 1e3 * float(np.ptp(potentials)))]
    of_metal = change.electrons[metal]
    if np.isfinite(of_metal).all():
        electrons = layers[:, metal] @ of_metal
        yield ELECTRONS, _places(below_top, 1e3 * (electrons - electrons.mean()))
        yield ELECTRONS_SPREAD, [(0, np.nan, 1e3 * float(np.ptp(of_metal)))]
    yield BARE, [(0, np.nan, 1e3 * METAL_FIELD_V_PER_A * float(np.ptp(of_layers)))]

    def profile(at_A: FloatArray) -> FloatArray:
        found = planar_potential(
            at_A,
            z,
            change.charges,
            change.dipoles,
            smearing_A=DRAWN_SMEARING_A,
            area_A2=area_A2,
        )
        return found - METAL_FIELD_V_PER_A * at_A

    low, high = np.percentile(z[~metal], MIDDLE)
    middle = np.linspace(low, high, 200)
    slope = np.polyfit(middle, profile(middle), 1)[0]
    yield SLOPE, [(0, np.nan, float(-slope / METAL_FIELD_V_PER_A))]
    in_metal = profile(z[metal]).mean()
    yield PROFILE, _places(distances_A, profile(distances_A + of_layers[-1]) - in_metal)


def _places(distances_A: FloatArray, values: FloatArray) -> Places:
    return [
        (place, float(at), float(value))
        for place, (at, value) in enumerate(zip(distances_A, values, strict=True), start=1)
    ]
