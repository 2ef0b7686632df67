"""Which files are the runs of a potential, and what each is to be a run of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from falsemetal.section import ASIDE, NonNegativeInt, PositiveFloat, Section
from falsemetal.simulation.foreign import Keys, TrajectoryError
from falsemetal.specs import Spec
from falsemetal.systems.boundary import Layout
from falsemetal.systems.molecule import Element, Molecule

SolidAtoms = NonNegativeInt | str | list[NonNegativeInt]
"""Atoms of a solid as a user tells them; see :func:`atoms_of`."""


@dataclass(frozen=True)
class RecordedRuns:
    """Files of one campaign by size in Å, one for each replica; they stand where a `Run` would."""

    files: Mapping[float, Sequence[str]]

    def durations_ps(self, sizes_A: Sequence[float]) -> dict[float, None]:
        """Sizes that there are files of; how long their runs are only these tell."""
        return {size: None for size in sizes_A if size in self.files}

    def n_replicas(self, sizes_A: Sequence[float]) -> dict[float, int]:
        """Files of each size."""
        return {size: len(self.files[size]) for size in sizes_A if size in self.files}

    def find_fault(self, sizes_A: Sequence[float]) -> str | None:
        """Tell which sizes the campaign lacks, or None."""
        unknown = [f"{size:g}" for size in sorted(self.files) if size not in sizes_A]
        known = ", ".join(f"{size:g}" for size in sizes_A)
        return f"sizes_A holds no {', '.join(unknown)}; take from {known}" if unknown else None


class Nominal(Section):
    """System of a campaign at one size, which a run must be of.

    Attributes
    ----------
    layout
        What its liquid lies between.
    region, elements
        Of the solid beside it, if there is one.
    edges_A
        Of the cell.
    n_molecules
        Of the liquid.
    """

    layout: Layout
    region: str | None = None
    elements: tuple[Element, ...] = ()
    edges_A: tuple[float, float, float]
    n_molecules: int


class RecordedSpec(Spec):
    """A run that others have made, and what it stands for.

    `key` is the potential's in the configuration, such as `potentials.aimd`; `entry` that of its
    file below it, and `nominal_key` the campaign's with the size, for messages.
    """

    liquid: Molecule
    nominal: Nominal
    types: list[Element] | None = None
    interval_ps: PositiveFloat | None = None
    cell_A: list[float] | None = None
    solid_atoms: SolidAtoms | None = None
    key: Annotated[str, ASIDE]
    entry: Annotated[str, ASIDE]
    nominal_key: Annotated[str, ASIDE]

    @property
    def keys(self) -> Keys:
        """What to tell of files that do not."""
        return Keys(
            types=f"{self.key}.types: [O, H]",
            interval=f"{self.key}.interval_ps",
            liquid="the key liquid",
            cell=f"{self.key}.cell_A: [x, y, z]",
        )

    def fault(self, path: Path, message: str) -> TrajectoryError:
        """Error that names the file and its key."""
        return TrajectoryError(f"{path} ({self.key}.{self.entry}): {message}")


def atoms_of(given: SolidAtoms, n_atoms: int | None = None) -> list[int]:
    """Tell indices of atoms, counted from 0: the first so many, a list, or `0-191, 200`.

    ValueError if they cannot be told, or some are beyond `n_atoms`.
    """
    if isinstance(given, str):
        atoms: list[int] = []
        for part in given.replace(" ", "").split(","):
            low, dash, high = part.partition("-")
            if not (low.isdecimal() and (high.isdecimal() or not dash)):
                raise ValueError(f"'{given}' tells no atoms; write them as 0-191 or 0-95, 192-287")
            atoms += range(int(low), int(high or low) + 1)
    else:
        atoms = list(range(given)) if isinstance(given, int) else list(given)
    if not atoms:
        raise ValueError(f"'{given}' tells no atoms; count them from 0")
    if n_atoms is not None and max(atoms) >= n_atoms:
        raise ValueError(f"tells of atom {max(atoms)}, and there are 0 to {n_atoms - 1}")
    return atoms
