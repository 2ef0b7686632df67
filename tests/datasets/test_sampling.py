import numpy as np
import pytest

from falsemetal.datasets.labelling import label_frames
from falsemetal.datasets.sampling import sample_labelled_frames, sampling_steps
from falsemetal.datasets.settings import SampleSpec, SamplingRun
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.specs import Origin

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


def sample(name, seed, progress=lambda _: None):
    origin = Origin(name="test", sha256="0", seed=seed)
    spec = SampleSpec(
        origin=origin, run=RUNS[name], force_field=FORCE_FIELD, name=name, seed=seed, label=name
    )
    return sample_labelled_frames(spec, progress=progress)


@pytest.mark.parametrize("name", RUNS)
def test_frames_of_each_kind(name):
    run, steps = RUNS[name], []
    frames = sample(name, 1, progress=steps.append)
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
    frames = sample("slab", 1)
    again = label_frames(frames, FORCE_FIELD)
    for one, other in zip(frames, again, strict=True):
        assert one.info["REF_energy"] == other.info["REF_energy"]
        assert np.array_equal(one.arrays["REF_forces"], other.arrays["REF_forces"])


def test_seed_and_replica_decide():
    one, same, other = (sample("bulk", seed) for seed in (1, 1, 2))
    assert [f.info["REF_energy"] for f in one] == [f.info["REF_energy"] for f in same]
    assert one[0].info["REF_energy"] != other[0].info["REF_energy"]
    assert one[0].info["REF_energy"] != one[3].info["REF_energy"]
