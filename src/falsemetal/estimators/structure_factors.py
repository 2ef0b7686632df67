"""Waves of the polarisation of periodic cells, and how strongly they fluctuate."""

import numpy as np

from falsemetal.arrays import FloatArray
from falsemetal.units import BOLTZMANN, EPSILON_0


def axial_wave_vectors(cell: FloatArray, largest_per_A: float) -> FloatArray:
    """Multiples of the three reciprocal vectors up to a length, shape (n_vectors, 3), 1/Å.

    The rows of `cell` are its vectors in Å; at least the shortest multiple is returned.
    """
    reciprocal = 2.0 * np.pi * np.linalg.inv(cell).T
    lengths = np.linalg.norm(reciprocal, axis=1)
    multiples = [
        n * vector
        for vector, length in zip(reciprocal, lengths, strict=True)
        for n in range(1, int(largest_per_A / length * (1.0 + 1e-9)) + 1)
    ]
    return np.array(multiples or [reciprocal[lengths.argmin()]])


def transverse_directions(wave_vector: FloatArray) -> FloatArray:
    """Two unit vectors at right angles to a wave vector and to each other, shape (2, 3)."""
    unit = wave_vector / np.linalg.norm(wave_vector)
    aside = np.eye(3)[np.abs(unit).argmin()]
    first = np.cross(unit, aside)
    first /= np.linalg.norm(first)
    return np.array([first, np.cross(unit, first)])


def longitudinal_waves(
    positions: FloatArray, charges: FloatArray, wave_vector: FloatArray
) -> FloatArray:
    r"""Longitudinal polarisation ρ_k/k with ρ_k = Σ_i q_i exp(ik·r_i), in e·Å.

    Positions in Å have the shape (n_frames, n_atoms, 3), charges in e (n_atoms,). Real and
    imaginary part, shape (2, n_frames): in a translationally invariant liquid two independent
    series of one variance and zero mean.
    """
    phase = positions @ wave_vector
    parts = np.array([np.cos(phase) @ charges, np.sin(phase) @ charges])
    return np.asarray(parts / np.linalg.norm(wave_vector))


def transverse_waves(
    centres: FloatArray, dipoles: FloatArray, wave_vector: FloatArray
) -> FloatArray:
    """Transverse polarisation Σ_i μ_i exp(ik·r_i) of molecules, in e·Å.

    Centres in Å and dipoles in e·Å have the shape (n_frames, n_molecules, 3). Real and imaginary
    part along either direction, shape (4, n_frames), series as of :func:`longitudinal_waves`.
    """
    phase = centres @ wave_vector
    across = dipoles @ transverse_directions(wave_vector).T
    return np.concatenate(
        [
            np.einsum("fm,fmd->df", np.cos(phase), across),
            np.einsum("fm,fmd->df", np.sin(phase), across),
        ]
    )


def structure_factor(variance_e2_A2: float, volume_A3: float, *, temperature_K: float) -> float:
    r"""Structure factor ⟨|P_k|²⟩/(V ε0 k_B T) from the variance of one part of P_k.

    For k → 0 the longitudinal one is 1 − 1/ε and the transverse one ε − 1.
    """
    return 2.0 * variance_e2_A2 / (volume_A3 * EPSILON_0 * BOLTZMANN * temperature_K)
