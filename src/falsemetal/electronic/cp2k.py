"""CP2K as an engine of electronic structure."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from falsemetal.electronic.density_of_states import DensityOfStates
from falsemetal.electronic.engine import ENGINES, EngineKind, SinglePoint
from falsemetal.electronic.errors import JobError
from falsemetal.programs.cp2k import (
    ABORTED,
    INPUT,
    LOG,
    Cp2kError,
    nearest_release,
    require_cp2k,
)
from falsemetal.section import PositiveFloat, PositiveInt

if TYPE_CHECKING:
    from ase import Atoms

    from falsemetal.arrays import FloatArray
    from falsemetal.electronic.profiles import Grid
    from falsemetal.electronic.result import ElectronicStructure
    from falsemetal.electronic.structure import Layers

FUNCTIONALS: Mapping[str, dict[str, Any]] = {
    "PBE": {"XC_FUNCTIONAL": {"PBE": {}}},
    "RPBE": {"XC_FUNCTIONAL": {"GGA_X_RPBE": {}, "GGA_C_PBE": {}}},
    "revPBE0": {
        "XC_FUNCTIONAL": {"PBE": {"PARAMETRIZATION": "REVPBE", "SCALE_X": 0.75, "SCALE_C": 1.0}},
        "HF": {
            "FRACTION": 0.25,
            "SCREENING": {"EPS_SCHWARZ": 1.0e-6, "SCREEN_ON_INITIAL_P": "F"},
            "INTERACTION_POTENTIAL": {"POTENTIAL_TYPE": "TRUNCATED", "T_C_G_DATA": "t_c_g.dat"},
            "MEMORY": {"MAX_MEMORY": 4000},
        },
    },
}

LATER_INPUT = "cp2k-2026.2.inp"
LATER = (2026, 2)
"""Release from which on states are projected by `&DOS` instead of `&PDOS`, with no form for all."""

NOT_CONVERGED = "SCF run NOT converged"


@ENGINES.register("cp2k")
class Cp2kEngine(EngineKind):
    """Gaussian and plane waves with GTH pseudopotentials, by diagonalisation."""

    title: ClassVar[str] = "CP2K"
    output: ClassVar[str] = LOG
    patterns: ClassVar[tuple[str, ...]] = (LOG, "*.pdos", "*.cube")
    guide: ClassVar[tuple[str, str, str]] = (
        f"mpirun -np 8 cp2k.psmp -i {INPUT} > {LOG}      # CP2K 9.1 to 2026.1\n"
        f"    mpirun -np 8 cp2k.psmp -i {LATER_INPUT} > {LOG}   # 2026.2 and later",
        "`cp2k.log` says “SCF run converged” and “PROGRAM ENDED”",
        "`cp2k.log`, all `job-*.pdos` and, where there are any, the cubes",
    )
    change: ClassVar[re.Pattern[str]] = re.compile(
        r"^ +\d+ \S+/Diag\. +\S+ +\S+ +(\S+)\s", re.MULTILINE
    )
    functionals: ClassVar[Mapping[str, dict[str, Any]]] = FUNCTIONALS

    kind: Literal["cp2k"]
    basis: str = Field(
        "DZVP-MOLOPT-PBE-GTH-q{valence}",
        description="{valence}: electrons of the element. Bases named SR lack the diffuse "
        "functions of water's conduction band: their gap is 2 eV too wide",
    )
    basis_file: str = "BASIS_MOLOPT_UZH"
    exchange_basis: str | None = Field(
        "admm-dzp-q{valence}",
        description="Auxiliary basis of hybrids' exact exchange (ADMM); null: `basis` itself",
    )
    exchange_basis_file: str = "BASIS_ADMM_UZH"
    cutoff_Ry: PositiveFloat = 280.0
    rel_cutoff_Ry: PositiveFloat = 40.0
    eps_default: PositiveFloat = 1.0e-10
    scf_tolerance: PositiveFloat = 1.0e-5
    scf_steps: PositiveInt = 200
    mixing: PositiveFloat = Field(0.4, le=1.0)
    mixing_damping_per_bohr: PositiveFloat = Field(
        1.5,
        description="Kerker's β, by which long waves of the density are mixed less; with CP2K's "
        "own 0.5 polarised slabs spill charge into the vacuum on the way",
    )
    mixing_history: PositiveInt = 8
    electronic_temperature_K: PositiveFloat = 300.0
    empty_share: PositiveFloat = Field(0.5, description="Empty orbitals over occupied ones")

    def find_fault(self) -> str | None:
        """Tell why CP2K cannot be run here, or None."""
        try:
            require_cp2k()
        except Cp2kError as error:
            return str(error)
        return None

    def inputs_from(self, states: DensityOfStates) -> DensityOfStates:
        """Return the layers alone: levels are smeared when they are read."""
        return DensityOfStates(layer_A=states.layer_A)

    def write(
        self, structure: "Atoms", layers: "Layers", states: DensityOfStates, point: SinglePoint
    ) -> dict[str, str]:
        """Text of `cp2k.inp`, and of the same in the form of later releases."""
        from falsemetal.electronic.cp2k_input import cp2k_input, with_later_sections

        text = cp2k_input(structure, layers, self, point)
        return {INPUT: text, LATER_INPUT: with_later_sections(text)}

    def run(self, folder: Path, *, n_cores: int, watch: Callable[[], None]) -> None:
        """Run CP2K; it has not failed where it does not converge or ends by its own decision."""
        log = folder / LOG
        try:
            cp2k = require_cp2k()
            name = LATER_INPUT if nearest_release(cp2k.version) >= LATER else INPUT
            text = (folder / name).read_text()
            cp2k.run(text, folder, n_ranks=n_cores, watch=watch, name=name)
        except Cp2kError as error:
            said = log.read_text(errors="replace") if log.exists() else ""
            # since 2024 CP2K ends with an error where it does not converge
            if NOT_CONVERGED not in said and ABORTED not in said:
                raise JobError(str(error)) from error

    def is_converged(self, output: Path) -> bool:
        """Tell whether a finished run reached self-consistency."""
        from falsemetal.electronic.cp2k_result import is_converged

        return is_converged(output)

    def read(
        self, folder: Path, structure: "Atoms", layers: "Layers", states: DensityOfStates
    ) -> "ElectronicStructure":
        """Read a job that converged; its levels are smeared here."""
        from falsemetal.electronic.cp2k_result import read_cp2k

        return read_cp2k(folder, structure, layers, states)

    def read_labels(self, folder: Path, structure: "Atoms") -> "tuple[float, FloatArray]":
        """Energy, free where levels are smeared, and forces of a job that converged."""
        from falsemetal.electronic.cp2k_labels import read_labels

        return read_labels(folder, structure)

    def response_grids(self, folder: Path, *, field_V_per_A: float) -> "tuple[Grid, Grid]":
        """Potential energy of an electron, the field's included, and density of electrons."""
        from falsemetal.electronic.cp2k_result import response_grids

        return response_grids(folder, field_V_per_A=field_V_per_A)
