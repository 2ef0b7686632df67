"""Start structures: water slabs, boxes of water and of brine."""

from falsemetal.systems.water import StructureError, brine_box, cubic_cell, water_box, water_slab

__all__ = ["StructureError", "brine_box", "cubic_cell", "water_box", "water_slab"]
