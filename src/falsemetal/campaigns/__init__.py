"""The kinds of campaigns, one file each."""

from falsemetal.campaigns.water_box import WaterBox
from falsemetal.campaigns.water_cube import WaterCube
from falsemetal.campaigns.water_slab import WaterSlab

__all__ = ["WaterBox", "WaterCube", "WaterSlab"]
