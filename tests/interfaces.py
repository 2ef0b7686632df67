"""Small systems of water beside solids, equilibrated, and the force fields that know them."""

from functools import cache

from falsemetal.potentials.force_field.equilibration import equilibrate
from falsemetal.potentials.force_field.settings import DampedShiftedCoulomb, WaterForceField
from falsemetal.potentials.force_field.solids import COPPER
from falsemetal.systems.interface import water_on
from falsemetal.systems.surfaces import MetalSurface, RutileSurface, Surface
from falsemetal.systems.system import System
from falsemetal.units import water_number_density

TEMPERATURE_K = 330.0


def with_copper(**changes: object) -> WaterForceField:
    """Change keys of copper's parameters."""
    copper = COPPER.model_copy(update=changes)
    return WaterForceField().model_copy(update={"metals": {"Cu": copper}})


CONDUCTOR = WaterForceField()
UNPOLARISABLE = with_copper(response="none")
MOVING = with_copper(eam="Cu_mishin1.eam.alloy")
TRUNCATED = CONDUCTOR.model_copy(
    update={"coulomb": DampedShiftedCoulomb(kind="damped_shifted", cutoff_A=8.0)}
)


def copper(layers: int, repeats: tuple[int, int] = (4, 4), **changes: object) -> MetalSurface:
    """Cu(111)."""
    settings = {"kind": "metal", "element": "Cu", "lattice_constant_A": 3.615}
    return MetalSurface(**settings | {"repeats": list(repeats), "layers": layers} | changes)


def rutile(layers: int, repeats: tuple[int, int] = (3, 1), **changes: object) -> RutileSurface:
    """TiO2(110)."""
    settings = {"kind": "rutile110", "repeats": list(repeats), "layers": layers}
    return RutileSurface(**settings | changes)


FROZEN, MOBILE = copper(3), copper(3, fixed_layers=1)
OXIDE = rutile(3, fixed_layers=1)
INTERFACES: dict[str, tuple[Surface, WaterForceField, float | None]] = {
    "frozen metal": (FROZEN, CONDUCTOR, 20.0),
    "between faces": (copper(4), CONDUCTOR, None),
    "moving metal": (MOBILE, MOVING, 20.0),
    "rutile": (OXIDE, CONDUCTOR, 20.0),
}
"""Solids, their force fields and the height of the vacuum."""


@cache
def equilibrated(name: str, n_molecules: int = 24, duration_ps: float = 0.3) -> System:
    """One of the interfaces, with velocities; not to be changed."""
    surface, force_field, vacuum_A = INTERFACES[name]
    x, y = surface.edges_A
    system = water_on(
        surface,
        n_molecules,
        layer_A=n_molecules / water_number_density(1.0) / (x * y),
        contact_A=2.2,
        vacuum_A=vacuum_A,
        seed=1,
    )
    return equilibrate(
        system, force_field, temperature_K=TEMPERATURE_K, duration_ps=duration_ps, seed=2
    )
