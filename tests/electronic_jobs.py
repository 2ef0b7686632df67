"""Specifications of jobs as a configuration makes them."""

from falsemetal.electronic.engine import SinglePoint
from falsemetal.electronic.settings import Electronic
from falsemetal.electronic.specs import ReadJobSpec, WriteJobSpec
from falsemetal.specs import Origin
from falsemetal.systems.molecule import Molecule

ORIGIN = Origin(name="test", sha256="0", seed=1)


def write_spec(electronic: Electronic, point: SinglePoint) -> WriteJobSpec:
    return WriteJobSpec(
        origin=ORIGIN,
        engine=electronic.engine,
        point=point,
        vacuum_A=electronic.vacuum_A,
        density_of_states=electronic.engine.inputs_from(electronic.density_of_states),
        liquid=Molecule(),
    )


def read_spec(electronic: Electronic) -> ReadJobSpec:
    return ReadJobSpec(
        origin=ORIGIN,
        engine=electronic.engine,
        density_of_states=electronic.density_of_states,
        band_search=electronic.band_search,
        electronic_charge_e=-0.5562,
        liquid=Molecule(),
    )
