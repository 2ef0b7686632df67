"""Densities of states: at which energies they are wanted, and from discrete levels."""

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from falsemetal.arrays import FloatArray
from falsemetal.section import Integer, Number, PositiveFloat, Section


class DensityOfStates(Section):
    """Projected density of states (paper, S1.0.5): 1001 energies from −20 eV on."""

    lowest_eV: Number = Field(
        -20.0, description="From the Fermi level by CP2K, from the vacuum level by FHI-aims"
    )
    highest_eV: Number = Field(10.0, description="Not recovered from the paper")
    n_energies: Integer = Field(1001, ge=2)
    smearing_eV: PositiveFloat = Field(0.05, description="Not recovered from the paper")
    layer_A: PositiveFloat = Field(1.5, description="Thickness of layers in z-resolved panels")

    @model_validator(mode="after")
    def _window_is_open(self) -> Self:
        if self.highest_eV <= self.lowest_eV:
            raise ValueError("highest_eV must lie above lowest_eV")
        return self

    @property
    def energies_eV(self) -> FloatArray:
        """Energies from the engine's zero, shape (n_energies,)."""
        return np.linspace(self.lowest_eV, self.highest_eV, self.n_energies)


def smear_levels(
    levels_eV: FloatArray, weights: FloatArray, energies_eV: FloatArray, *, smearing_eV: float
) -> FloatArray:
    r"""Density of states of Gaussian-smeared levels (paper, S1.0.5).

    .. math:: g(E) = \sum_n w_n\, \mathcal{N}(E; \epsilon_n, \sigma)

    Weights, shape (..., n_levels), are the states that each level counts for, such as 2 without
    spin, times its projection; `smearing_eV` is the Gaussians' standard deviation. Returns
    states/eV, shape (..., n_energies).
    """
    from scipy.stats import norm

    shapes = norm.pdf(np.asarray(energies_eV)[:, None], np.asarray(levels_eV), smearing_eV)
    return np.asarray(np.asarray(weights) @ shapes.T)
