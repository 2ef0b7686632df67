"""What the two ways to the Coulomb energy share: the field of all multipoles at the atoms."""

from typing import NamedTuple, Self

from torch import Tensor


class Field(NamedTuple):
    """Potential and its derivatives at the atoms.

    Attributes
    ----------
    potential
        φ, shape (n,), V.
    gradient
        ∇φ, shape (n, 3), V/Å.
    along_dipole
        ∇(μ·∇φ), shape (n, 3), e·V/Å, or None without dipoles.
    """

    potential: Tensor
    gradient: Tensor
    along_dipole: Tensor | None

    def by_cartesian(self, inverse_cell: Tensor) -> Self:
        """Turn derivatives by fractional coordinates into such by x, y, z.

        Parameters
        ----------
        inverse_cell
            Shape (3, 3), 1/Å.
        """
        turned = inverse_cell.to(self.potential).T
        along_dipole = None if self.along_dipole is None else self.along_dipole @ turned
        return self._replace(gradient=self.gradient @ turned, along_dipole=along_dipole)
