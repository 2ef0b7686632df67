"""Settings of the analysis."""

from pydantic import Field

from falsemetal.section import NonNegativeFloat, PositiveFloat, PositiveInt, Section

BAND_GAP_EV = 4.45
"""Band gap of unpolarised PBE water in the paper."""


class Analysis(Section):
    """Estimators of the paper's section S1.0.4 and their error bars."""

    band_gap_eV: PositiveFloat = Field(
        BAND_GAP_EV, le=50.0, description="E_g(0) of PBE water (Fig. 3b)"
    )
    band_gap_scatter_eV: NonNegativeFloat = Field(
        0.6,
        le=10.0,
        description="Standard deviation of single frames' gaps about the line of Fig. 3b, which "
        "softens the threshold; of nine frames of the demo by PBE 0.59 eV",
    )
    relative_permittivity: PositiveFloat = Field(
        71.0, gt=1.0, description="Of the continuum reference"
    )
    z_bin_A: PositiveFloat = Field(0.25, le=10.0)
    maximum_lag_ps: PositiveFloat = Field(
        10.0, description="Of autocorrelation functions, which end at half of what is sampled"
    )
    gaussian_width_A: PositiveFloat = Field(
        1.0,
        le=10.0,
        description="Width σ of the charges whose potential gives ΔV of a periodic cell",
    )
    structure_factor_k_per_A: PositiveFloat = Field(
        1.0, le=10.0, description="Longest wave vector of the polarisation's structure factors"
    )
    response_frames: PositiveInt = Field(
        4, description="Starts of each thickness of which the answer of charges to a field is taken"
    )
    rdf_bin_A: PositiveFloat = Field(0.05, le=2.0)
    rdf_range_A: PositiveFloat = Field(8.0, description="At most half the shortest cell edge")
