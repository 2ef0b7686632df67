"""Field of all multipoles at the atoms, from which both ways to the Coulomb energy take it."""

from typing import NamedTuple, Self

from torch import Tensor


class Field(NamedTuple):
    """Potential φ (V) and gradient ∇φ (V/Å) at the atoms.

    `along_dipole` is ∇(μ·∇φ), shape (n, 3), e·V/Å, or None without dipoles.
    """

    potential: Tensor
    gradient: Tensor
    along_dipole: Tensor | None

    def by_cartesian(self, inverse_cell: Tensor) -> Self:
        """Turn derivatives by fractional coordinates into such by x, y, z."""
        turned = inverse_cell.to(self.potential).T
        along_dipole = None if self.along_dipole is None else self.along_dipole @ turned
        return self._replace(gradient=self.gradient @ turned, along_dipole=along_dipole)
