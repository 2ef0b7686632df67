import numpy as np
import pytest

from falsemetal.campaigns import WaterSlab
from falsemetal.campaigns.kind import StartSpec
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.specs import Origin
from falsemetal.systems.boundary import Boundary
from falsemetal.systems.system import System


def test_equilibrated_slab(tmp_path):
    slabs = WaterSlab(
        kind="water_slab",
        cross_section_A=9.3,
        cell_height_A=32.0,
        sizes_A=[6.3],
        equilibration_ps=1.0,
    )
    spec = StartSpec(
        origin=Origin(name="test", sha256="0", seed=1),
        campaign=slabs,
        size_A=6.3,
        force_field=WaterForceField(),
        temperature_K=300.0,
        seed=1,
    )
    log = tmp_path / "lammps.log"
    system = slabs.start(spec, log=log)
    start = system.atoms
    assert system.boundary is Boundary.FILM
    assert system.within("water").all()
    assert not system.fixed.any()
    assert len(start) == 3 * slabs.n_molecules(6.3)
    assert start.pbc.tolist() == [True, True, False]
    assert start.cell.lengths() == pytest.approx([9.3, 9.3, 32.0])
    assert 150.0 < start.get_temperature() < 500.0
    molecules = start.positions.reshape(-1, 3, 3)
    assert np.linalg.norm(molecules[:, 1:] - molecules[:, :1], axis=2).max() < 1.3
    momentum = start.get_momenta().sum(axis=0)
    assert momentum == pytest.approx(np.zeros(3), abs=1e-2)
    assert "Loop time" in log.read_text()
    system.write(tmp_path / "start.extxyz")
    again = System.read(tmp_path / "start.extxyz")
    assert again.region.tolist() == system.region.tolist()
    assert again.atoms.positions == pytest.approx(start.positions, abs=1e-7)
