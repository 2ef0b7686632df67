"""Water slabs released from a dipole."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from falsemetal.campaigns.kind import CAMPAIGNS, CampaignKind, StartSpec
from falsemetal.campaigns.water_slab import SlabCampaign
from falsemetal.section import PositiveFloat
from falsemetal.units import EPSILON_0

if TYPE_CHECKING:
    from falsemetal.systems.system import System


@CAMPAIGNS.register("polarised_slab")
class PolarisedSlab(SlabCampaign):
    """Water slabs that a field polarises until it is switched off as a run starts.

    Up in runs of even number, down in the others: a potential that feels its depolarising field
    forgets the dipole within its relaxation time, another one keeps it. Nothing is discarded.
    """

    mirror: ClassVar = False
    discards: ClassVar[bool] = False

    kind: Literal["polarised_slab"]
    dipole_e_per_A: PositiveFloat = Field(
        0.03, le=1.0, description="Mean dipole per area of the starts, by the force field's charges"
    )

    def tells_memory_of(self, campaign: CampaignKind) -> bool:
        """Of slabs of water in the same cell."""
        return (
            isinstance(campaign, SlabCampaign)
            and campaign.mirror
            and campaign.cell_lengths(0.0) == self.cell_lengths(0.0)
            and campaign.density_g_per_cm3 == self.density_g_per_cm3
        )

    def start(self, spec: StartSpec, *, log: Path | None = None) -> "System":
        """Equilibrate in the field of a dielectric slab of that dipole, E = P_z/(ε0 L).

        The factor 1 − 1/ε, within 1.5 % of 1 in water, is neglected.
        """
        sign = -1.0 if spec.replica % 2 else 1.0
        field_V_per_A = sign * self.dipole_e_per_A / (EPSILON_0 * spec.size_A)
        return self.equilibrate(spec, field_V_per_A=field_V_per_A, log=log)
