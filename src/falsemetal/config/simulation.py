"""Simulations and their analysis."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat

from falsemetal.config.section import Section

COMPILE_FROM_STEPS = 2000
"""Compiling takes as long as some hundred steps: shorter runs end before it has paid."""


class RunLimits(Section):
    """A run beyond these has broken down: it stops, and its frames are kept but not analysed."""

    temperature_K: PositiveFloat = Field(2000.0, description="Of a single frame")
    force_eV_per_A: PositiveFloat = Field(100.0, description="On a single atom")
    broken_fraction: PositiveFloat = Field(
        0.2, le=1.0, description="Share of oxygens without exactly two hydrogens; 1: any"
    )


class Dynamics(Section):
    """Langevin NVT, the same for every potential (paper, S1.1.1 and S1.2.1)."""

    temperature_K: PositiveFloat = 300.0
    timestep_fs: PositiveFloat = 1.0
    friction_per_fs: PositiveFloat = Field(0.01, description="1/(100 fs)")
    hydrogen_mass_u: PositiveFloat = Field(1.008, description="Leaves equilibrium averages alone")
    frame_interval_fs: PositiveFloat = 50.0
    discard_ps: NonNegativeFloat = Field(5.0, description="Start of each run left out of analysis")
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    neighbour_skin_A: NonNegativeFloat = 0.3
    compile: Literal["auto", "always", "never"] = Field(
        "auto", description="Compile trained models; auto: in runs long enough to gain by it"
    )
    limits: RunLimits = RunLimits()

    def compiles(self, n_steps: int) -> bool:
        """Tell whether trained models are compiled for a run of this length."""
        if self.compile == "auto":
            return n_steps >= COMPILE_FROM_STEPS
        return self.compile == "always"

    @property
    def frame_interval_steps(self) -> int:
        """Steps between saved frames."""
        return max(1, round(self.frame_interval_fs / self.timestep_fs))


class Analysis(Section):
    """Estimators of the paper's section S1.0.4 and their error bars."""

    band_gap_eV: PositiveFloat = Field(4.45, description="E_g(0) of PBE water (Fig. 3b)")
    oh_cutoff_A: PositiveFloat = Field(1.2, description="H belongs to an O within this distance")
    relative_permittivity: PositiveFloat = Field(71.0, description="Of the continuum reference")
    z_bin_A: PositiveFloat = 0.25
    maximum_lag_ps: PositiveFloat = Field(
        10.0, description="Of autocorrelation functions, which end at half of what is sampled"
    )
    gaussian_width_A: PositiveFloat = Field(
        1.0, description="Width σ of the charges whose potential gives ΔV of a periodic cell"
    )
    rdf_bin_A: PositiveFloat = 0.05
    rdf_range_A: PositiveFloat = Field(8.0, description="At most half the shortest cell edge")
