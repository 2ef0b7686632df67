"""Electronic structure of frames of the runs."""

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from falsemetal.config.datasets import PAPER_CHARGE_O_E
from falsemetal.config.potentials import CampaignName
from falsemetal.config.section import Name, Section

Functional = Literal["PBE", "RPBE", "revPBE0"]


class Cp2kSettings(Section):
    """Gaussian and plane waves with GTH pseudopotentials, by diagonalisation."""

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


class AimsSettings(Section):
    """FHI-aims as in S1.0.5; it is licensed, and its species come from the user's copy."""

    species_directory: str | None = Field(
        None, description="Folder `species_defaults/…/intermediate` of FHI-aims"
    )
    command: str | None = Field(
        None, min_length=1, description="Such as: mpirun -np {cores} aims.x"
    )
    k_grid: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        (1, 1, 1), description="Not recovered from the paper"
    )
    occupation_smearing_eV: PositiveFloat = Field(0.01, description="Not recovered from the paper")


class DensityOfStates(Section):
    """Projected density of states (paper, S1.0.5): 1001 energies from −20 eV on."""

    lowest_eV: float = Field(
        -20.0, description="From the Fermi level by CP2K, from the vacuum level by FHI-aims"
    )
    highest_eV: float = Field(10.0, description="Not recovered from the paper")
    n_energies: PositiveInt = Field(1001, ge=2)
    smearing_eV: PositiveFloat = Field(0.05, description="Not recovered from the paper")
    layer_A: PositiveFloat = Field(1.5, description="Thickness of layers in z-resolved panels")

    @model_validator(mode="after")
    def _window_is_open(self) -> "DensityOfStates":
        if self.highest_eV <= self.lowest_eV:
            raise ValueError("highest_eV must lie above lowest_eV")
        return self

    @property
    def energies_eV(self) -> np.ndarray:
        """Energies from the engine's zero, shape (n_energies,)."""
        return np.linspace(self.lowest_eV, self.highest_eV, self.n_energies)


class BandSearch(Section):
    """Thresholds of the search for water's band edges (paper, S1.0.5), none recovered."""

    threshold_per_eV: PositiveFloat = Field(
        1.0, description="Density from which on states are there"
    )
    overlap_eV: NonNegativeFloat = Field(
        0.0,
        description="Beyond the Fermi level to begin at: 0 where that is the middle of the gap, as "
        "for water in vacuum; beside a metal enough to pass bands that cross it",
    )
    separation_eV: PositiveFloat = Field(
        0.1, description="From one edge to the search for the other"
    )


class FrameSet(Section):
    """Frames of one potential's runs of one size, chosen by their ΔV."""

    potential: Name
    campaign: CampaignName = "slabs"
    size_A: PositiveFloat
    targets_V: list[float] | None = Field(
        None,
        description="Values of ΔV by the runs' own charges, as in their tables; one beyond all "
        "frames takes the extreme",
    )
    quantiles: list[float] | None = Field(None, description="Of ΔV, 0 to 1, instead of values")
    magnitude: bool = Field(False, description="Choose by abs(ΔV), as slabs are alike upside down")
    intact: bool = Field(
        True, description="Only frames all of whose molecules are whole, which eq. 1 needs"
    )
    separation_ps: NonNegativeFloat = Field(1.0, description="Least time between two frames")
    functionals: list[Functional] = Field(["PBE"], min_length=1)
    field_V_per_A: PositiveFloat | None = Field(
        None, description="Also compute the response to this field along z (0.02 in the paper)"
    )

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> "FrameSet":
        if (self.targets_V is None) == (self.quantiles is None):
            raise ValueError("give either targets_V or quantiles")
        if not (self.targets_V or self.quantiles):
            raise ValueError("no frame is chosen; give at least one target or quantile")
        if self.quantiles and not all(0.0 <= value <= 1.0 for value in self.quantiles):
            raise ValueError("quantiles lie between 0 and 1")
        if self.magnitude and any(value < 0.0 for value in self.targets_V or ()):
            raise ValueError("magnitude: abs(ΔV) is never negative; correct targets_V")
        if self.field_V_per_A and self.campaign != "slabs":
            raise ValueError("field_V_per_A: a field needs vacuum; choose campaign: slabs")
        return self

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.targets_V or self.quantiles)

    @property
    def fields_V_per_A(self) -> list[float | None]:
        """Fields of the jobs of each frame; None is a job without cubes."""
        return [None] if self.field_V_per_A is None else [0.0, self.field_V_per_A]


class Electronic(Section):
    """Density-functional calculations on frames of the runs."""

    engine: Literal["cp2k", "fhi-aims"] = "cp2k"
    frames: dict[Name, FrameSet] = Field(min_length=1)
    vacuum_A: PositiveFloat = Field(
        11.0,
        description="On either side of a slab; CP2K refuses one that its density reaches across",
    )
    cp2k: Cp2kSettings = Cp2kSettings()
    fhi_aims: AimsSettings = AimsSettings()
    density_of_states: DensityOfStates = DensityOfStates()
    band_search: BandSearch = BandSearch()
    charge_O_e: float = Field(
        PAPER_CHARGE_O_E,
        lt=0,
        description="q_O of the dipoles that gaps are drawn against (S1.0.4)",
    )
    small_dipole_V: PositiveFloat = Field(
        2.0,
        description="Largest abs(ΔV) by eq. 1 of the slabs that q_O is fitted to (S1.0.4, limit "
        "not recovered) and that tell E_g(0) of Figure 3b",
    )

    @model_validator(mode="after")
    def _engine_can_do_it(self) -> "Electronic":
        if self.engine == "cp2k":
            return self
        directory = self.fhi_aims.species_directory
        if directory is None or not Path(directory).expanduser().is_dir():
            fault = (
                "required for engine: fhi-aims" if directory is None else f"{directory}: no folder"
            )
            raise ValueError(
                f"fhi_aims.species_directory: {fault}; give species_defaults/…/intermediate of "
                "your copy, which may not be passed on"
            )
        for name, frames in self.frames.items():
            if "revPBE0" in frames.functionals:
                raise ValueError(
                    f"frames.{name}.functionals: FHI-aims has no keyword for revPBE0 that is known "
                    "here; take engine: cp2k"
                )
        return self
