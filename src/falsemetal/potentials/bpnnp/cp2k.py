"""Behler-Parrinello committees as CP2K evaluates them (method NNP; paper, Fig. 3c and S10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from falsemetal.potentials.bpnnp.files import INPUT, SCALING, Committee, read_committee
from falsemetal.potentials.force_field.topology import UnsupportedStructureError
from falsemetal.potentials.store import ModelError
from falsemetal.programs.cp2k_frames import PROJECT
from falsemetal.programs.cp2k_input import format_input, format_numbers, structure_sections
from falsemetal.units import ATOMIC_VELOCITY

LINK = "nnp"
"""Name under which the committee lies in the folder that CP2K runs in.

CP2K's input has no quotes for paths with spaces.
"""

SAME_SCALING = 1e-9
"""Relative difference of two members' scaling that comes from rounding alone."""


@dataclass(frozen=True)
class Cp2kCommittee:
    """A committee that CP2K can evaluate: members' folders are relative to the directory."""

    directory: Path
    members: tuple[str, ...]
    contents: Committee

    @classmethod
    def read(cls, directory: str | Path) -> "Cp2kCommittee":
        """Read a folder that holds members `nnp-*`, or is one member itself.

        ModelError if a file is missing or not supported, or the members' symmetry functions or
        scaling differ: CP2K takes both from the first.
        """
        directory = Path(directory).resolve()
        contents = read_committee(directory)
        if contents.settings.sigma or contents.settings.normalised:
            raise ModelError(
                f"{directory}: normalised energies, or functions scaled by sigma, are not tried "
                "with CP2K; use engine: native"
            )
        folders = sorted(path for path in directory.glob("nnp-*") if path.is_dir()) or [directory]
        for folder, member in zip(folders, contents.members, strict=True):
            for element, network in member.items():
                first = contents.members[0][element]
                if not (
                    np.allclose(network.factor, first.factor, rtol=SAME_SCALING, atol=0.0)
                    and np.allclose(network.offset, first.offset, rtol=SAME_SCALING, atol=0.0)
                ):
                    raise ModelError(
                        f"{folder / SCALING}: other than {folders[0] / SCALING}, and CP2K scales "
                        "all members alike; use engine: native"
                    )
        return cls(directory, tuple(str(f.relative_to(directory)) for f in folders), contents)

    def atomic_energy_eV(self, atoms: Atoms) -> float:
        """Sum of the atomic energies of a structure, which CP2K leaves out."""
        energies = self.contents.settings.atomic_energies_eV
        return sum(energies[number] for number in atoms.numbers.tolist())

    def check(self, atoms: Atoms) -> None:
        """Raise :class:`UnsupportedStructureError` for a structure that it cannot treat."""
        unknown = sorted(
            set(atoms.symbols[~np.isin(atoms.numbers, self.contents.settings.elements)])
        )
        if unknown:
            raise UnsupportedStructureError(
                f"{', '.join(unknown)}: {self.directory} has no network for it"
            )
        if not atoms.pbc.all():
            raise UnsupportedStructureError(
                "CP2K evaluates networks in periodic cells only; give a slab pbc TTT and vacuum "
                f"wider than the cutoff of {self.contents.settings.r_cut_A:.2f} Å: the same forces"
            )


def nnp_input(
    atoms: Atoms, committee: Cp2kCommittee, motion: Mapping[str, Any], folder: Path
) -> str:
    """Input of a run begun from positions, velocities and masses of a structure.

    The committee is linked into the folder.
    """
    committee.check(atoms)
    (folder / LINK).symlink_to(committee.directory)
    members = [f"{LINK}/{member}" for member in committee.members]
    masses = dict(zip(atoms.symbols, atoms.get_masses(), strict=True))
    subsys = structure_sections(atoms) | {"TOPOLOGY": {"CONNECTIVITY": "OFF"}}
    if atoms.has("momenta"):
        velocities = atoms.get_velocities() / ATOMIC_VELOCITY
        subsys["VELOCITY"] = {"": [format_numbers(velocity) for velocity in velocities]}
    subsys |= {f"KIND {symbol}": {"MASS": repr(float(mass))} for symbol, mass in masses.items()}
    return format_input(
        {
            "GLOBAL": {"PROJECT": PROJECT, "RUN_TYPE": "MD", "PRINT_LEVEL": "LOW"},
            "FORCE_EVAL": {
                "METHOD": "NNP",
                "NNP": {
                    "NNP_INPUT_FILE_NAME": f"{members[0]}/{INPUT}",
                    "SCALE_FILE_NAME": f"{members[0]}/{SCALING}",
                    "MODEL": [{"WEIGHTS": f"{member}/weights"} for member in members],
                },
                "SUBSYS": subsys,
            },
            "MOTION": motion,
        }
    )
