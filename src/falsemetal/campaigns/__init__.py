"""The kinds of campaigns, one file each."""

from falsemetal.campaigns.polarised_slab import PolarisedSlab
from falsemetal.campaigns.water_box import WaterBox
from falsemetal.campaigns.water_cube import WaterCube
from falsemetal.campaigns.water_slab import SlabCampaign, WaterSlab

__all__ = ["PolarisedSlab", "SlabCampaign", "WaterBox", "WaterCube", "WaterSlab"]
