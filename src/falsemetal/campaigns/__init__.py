"""The kinds of campaigns, one file each."""

from falsemetal.campaigns.metal_water import MetalWater
from falsemetal.campaigns.metal_water_metal import MetalWaterMetal
from falsemetal.campaigns.oxide_water import OxideWater
from falsemetal.campaigns.polarised_slab import PolarisedSlab
from falsemetal.campaigns.water_box import WaterBox
from falsemetal.campaigns.water_cube import WaterCube
from falsemetal.campaigns.water_slab import SlabCampaign, WaterSlab

__all__ = [
    "MetalWater",
    "MetalWaterMetal",
    "OxideWater",
    "PolarisedSlab",
    "SlabCampaign",
    "WaterBox",
    "WaterCube",
    "WaterSlab",
]
