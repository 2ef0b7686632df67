import numpy as np
import pytest

from falsemetal.config import SamplingRun, Slabs, WaterForceField
from falsemetal.datasets.labelling import label_frames
from falsemetal.datasets.sampling import (
    equilibrate,
    sample_labelled_frames,
    sampling_steps,
)

FORCE_FIELD = WaterForceField()
RUNS = {
    "bulk": SamplingRun(
        kind="bulk", n_molecules=12, equilibration_ps=0.2, n_frames=3, interval_ps=0.05, replicas=2
    ),
    "slab": SamplingRun(
        kind="slab",
        n_molecules=9,
        cross_section_A=9.3,
        equilibration_ps=0.2,
        n_frames=3,
        interval_ps=0.05,
    ),
    "brine": SamplingRun(
        kind="brine",
        n_molecules=12,
        molality_mol_per_kg=4.0,
        equilibration_ps=0.2,
        n_frames=3,
        interval_ps=0.05,
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_frames_of_each_kind(name):
    run, steps = RUNS[name], []
    frames = sample_labelled_frames(run, FORCE_FIELD, name=name, seed=1, progress=steps.append)
    assert len(frames) == run.n_frames * run.replicas
    assert [frame.info["time_ps"] for frame in frames[:3]] == pytest.approx([0.05, 0.1, 0.15])
    assert {frame.info["trajectory"] for frame in frames} == {
        f"{name}-{replica}" for replica in range(run.replicas)
    }
    assert {frame.info["config_type"] for frame in frames} == {name}
    assert all(frame.pbc.tolist() == [True, True, name != "slab"] for frame in frames)
    volumes = {round(frame.get_volume(), 6) for frame in frames}
    assert len(volumes) == (1 if name == "slab" else len(frames))
    assert steps == sorted(steps)
    assert steps[-1] == sampling_steps(run)


def test_labels_are_those_of_the_bare_force_field():
    frames = sample_labelled_frames(RUNS["slab"], FORCE_FIELD, name="slab", seed=1)
    again = label_frames(frames, FORCE_FIELD)
    for one, other in zip(frames, again, strict=True):
        assert one.info["REF_energy"] == other.info["REF_energy"]
        assert np.array_equal(one.arrays["REF_forces"], other.arrays["REF_forces"])


def test_seed_and_replica_decide():
    one, same, other = (
        sample_labelled_frames(RUNS["bulk"], FORCE_FIELD, name="bulk", seed=seed)
        for seed in (1, 1, 2)
    )
    assert [f.info["REF_energy"] for f in one] == [f.info["REF_energy"] for f in same]
    assert one[0].info["REF_energy"] != other[0].info["REF_energy"]
    assert one[0].info["REF_energy"] != one[3].info["REF_energy"]


def test_equilibrated_slab(tmp_path):
    slabs = Slabs(
        cross_section_A=9.3, cell_height_A=32.0, thicknesses_A=[6.3], equilibration_ps=1.0
    )
    log = tmp_path / "lammps.log"
    start = equilibrate(6.3, slabs, FORCE_FIELD, temperature_K=300.0, seed=1, log=log)
    assert len(start) == 3 * slabs.n_molecules(6.3)
    assert start.pbc.tolist() == [True, True, False]
    assert start.cell.lengths() == pytest.approx([9.3, 9.3, 32.0])
    assert 150.0 < start.get_temperature() < 500.0
    molecules = start.positions.reshape(-1, 3, 3)
    assert np.linalg.norm(molecules[:, 1:] - molecules[:, :1], axis=2).max() < 1.3
    momentum = start.get_momenta().sum(axis=0)
    assert momentum == pytest.approx(np.zeros(3), abs=1e-2)
    assert "Loop time" in log.read_text()
