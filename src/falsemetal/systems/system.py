"""A system: atoms, what each belongs to, which are fixed, and how it is periodic."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import ase.io
import numpy as np
from ase import Atoms

from falsemetal.arrays import BoolArray, StrArray
from falsemetal.systems.boundary import Boundary, boundary_of

REGION, FIXED = "region", "fixed"
"""Names of the arrays of a file."""


@dataclass(frozen=True)
class System:
    """Atoms with their regions.

    Attributes
    ----------
    atoms
        Unwrapped; periodic as the boundary is.
    region
        What each atom belongs to, such as `water`, `ion`, `metal` or `oxide`, shape (n_atoms,).
    fixed
        Whether an atom never moves, shape (n_atoms,).
    """

    atoms: Atoms
    region: StrArray
    fixed: BoolArray

    @classmethod
    def of(cls, atoms: Atoms, region: str | StrArray) -> Self:
        """System whose atoms all move; one region for all of them, or one for each."""
        regions = np.broadcast_to(np.asarray(region, dtype=str), len(atoms)).copy()
        return cls(atoms, regions, np.zeros(len(atoms), dtype=bool))

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a file that :meth:`write` has written.

        Raises
        ------
        ValueError
            If it is not such a file.
        """
        try:
            (atoms,) = ase.io.iread(path, index=":", format="extxyz")
            region, fixed = atoms.arrays.pop(REGION), atoms.arrays.pop(FIXED)
        except Exception as error:  # ASE's reader raises anything
            raise ValueError(
                f"{path}: not a start of this program ({error!r}); delete it and run again"
            ) from error
        return cls(atoms, np.asarray(region, dtype=str), np.asarray(fixed, dtype=bool))

    def write(self, path: str | Path) -> None:
        """Write an extended xyz with the columns `region` and `fixed`."""
        atoms = self.atoms.copy()
        atoms.set_array(REGION, self.region)
        atoms.set_array(FIXED, self.fixed)
        ase.io.write(path, atoms, format="extxyz")

    @property
    def boundary(self) -> Boundary:
        """How the system ends."""
        return boundary_of(self.atoms.pbc)

    def within(self, region: str) -> BoolArray:
        """Whether each atom belongs to a region, shape (n_atoms,)."""
        return np.asarray(self.region == region, dtype=bool)
