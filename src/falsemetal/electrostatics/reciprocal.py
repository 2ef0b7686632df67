"""Reciprocal space of a cell, listed as columns so that the phases of all k factorise."""

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from falsemetal.units import EPSILON_0


class ElectrostaticsError(ValueError):
    """A system whose Coulomb energy is not defined; the message says how to fix it."""


@dataclass(frozen=True)
class ReciprocalGrid:
    """Half of reciprocal space as columns of integer triples, weighted for the energy.

    ``positions @ inverse_cell`` are fractional coordinates, axes already in the grid's order: the
    one with the most k-vectors comes last. Columns, shape (n_columns, 2), are the pairs (n₁, n₂),
    heights the n₃ of every column, positive and negative.

    Weights, shape (n_columns, n_heights), are in eV/e²; energy = Σ weights·|Σ_i (q_i − i k·μ_i)
    e^{−ik·r_i}|². They are zero beyond the cutoff and at k = 0; double where the column stands for
    its mirror too.
    """

    inverse_cell: Tensor
    columns: Tensor
    heights: Tensor
    weights: Tensor


def kspace_cutoff(smearing_A: float, multipole_l_max: int, factor: float = 1.25) -> float:
    """Return the largest k in 1/Å that the density of Gaussians of this width σ needs.

    `multipole_l_max` is 0 for charges, 1 for charges and dipoles; the factor is a safety margin,
    1.25 in the paper.
    """
    return factor * 3.0 * (0.75 / smearing_A) * math.pow(multipole_l_max + 1, 0.3)


@lru_cache(maxsize=512)
@torch.inference_mode(False)  # a cached tensor must serve training too
def reciprocal_grid(
    cell: tuple[tuple[float, ...], ...],
    cutoff_per_A: float,
    smearing_A: float,
    device: torch.device,
) -> ReciprocalGrid:
    """List all k with 0 < k ≤ cutoff, up to sign, with their Coulomb and Gaussian weights.

    Rows of the cell are lattice vectors in Å; they are plain numbers, so that a cell met before
    costs nothing. ElectrostaticsError if it has no volume.
    """
    vectors = torch.tensor(cell, dtype=torch.float64)
    volume = cell_volume(cell)
    # k·a_i = 2π n_i bounds each n_i within the sphere, in skewed cells too
    n_max = torch.floor(cutoff_per_A * vectors.norm(dim=1) / (2.0 * math.pi)).long()
    order = torch.argsort(n_max, stable=True)
    n_1, n_2, n_3 = n_max[order].tolist()
    inverse = torch.linalg.inv(vectors)[:, order]

    pairs = itertools.product(range(n_1 + 1), range(-n_2, n_2 + 1))
    columns = torch.tensor([(a, b) for a, b in pairs if a > 0 or b >= 0], dtype=torch.float64)
    heights = torch.arange(-n_3, n_3 + 1, dtype=torch.float64)
    lateral = columns @ inverse[:, :2].T
    k = 2.0 * math.pi * (lateral[:, None] + heights[:, None] * inverse[:, 2])
    k_squared = k.square().sum(-1)
    # the column (0, 0) holds k and −k itself, every other one stands for two
    multiplicity = 1.0 + (columns != 0).any(1, keepdim=True).double()
    kernel = gaussian_kernel(k_squared, cutoff_per_A, smearing_A)
    weights = multiplicity * kernel / (2.0 * volume * EPSILON_0)
    used = (kernel > 0.0).any(1)
    return ReciprocalGrid(
        *(t.contiguous().to(device) for t in (inverse, columns[used], heights, weights[used]))
    )


def cell_volume(cell: tuple[tuple[float, ...], ...]) -> float:
    """Volume in Å³ from the lattice vectors; an ElectrostaticsError where there is none."""
    volume = abs(float(torch.linalg.det(torch.tensor(cell, dtype=torch.float64))))
    if volume < 1e-6:
        raise ElectrostaticsError(f"the cell {cell} has no volume; give three lattice vectors")
    return volume


def gaussian_kernel(k_squared: Tensor, cutoff_per_A: float, smearing_A: float) -> Tensor:
    """exp(−k²σ²)/k² in Å² within the cutoff, zero beyond it and at k = 0."""
    inside = (k_squared <= cutoff_per_A**2) & (k_squared > 0.0)
    return torch.exp(-k_squared * smearing_A**2) / k_squared.where(inside, torch.inf)


def phases(turns: Tensor, dtype: torch.dtype) -> Tensor:
    """exp(−2πi·turns); whole turns are dropped in float64 so that float32 keeps the rest exact."""
    angle = (-2.0 * math.pi * (turns - turns.detach().round())).to(dtype)
    return torch.complex(angle.cos(), angle.sin())
