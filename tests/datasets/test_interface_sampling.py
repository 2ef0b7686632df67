"""Labelled frames of water beside solids, and starts of their campaigns."""

from functools import cache

import numpy as np
import pytest
from ase import Atoms
from interfaces import CONDUCTOR, MOVING, copper, rutile

from falsemetal.campaigns import MetalWater, MetalWaterMetal
from falsemetal.campaigns.kind import StartSpec
from falsemetal.datasets.checks import check_frames
from falsemetal.datasets.io import read_frames, write_frames
from falsemetal.datasets.labelling import label_frames
from falsemetal.datasets.sampling import sample_labelled_frames, sampling_steps
from falsemetal.datasets.settings import Checks, InterfaceRun, SampleSpec
from falsemetal.specs import Origin
from falsemetal.systems.labels import external_field
from falsemetal.systems.surfaces import Surface
from falsemetal.units import BOLTZMANN, EPSILON_0

ORIGIN = Origin(name="test", sha256="0", seed=1)
FIELD_V_PER_A = 0.3
SHORT = {
    "kind": "interface",
    "n_molecules": 24,
    "equilibration_ps": 0.2,
    "n_frames": 3,
    "interval_ps": 0.05,
}
RUNS = {
    "copper": InterfaceRun(**SHORT, surface=copper(2)),
    "moving": InterfaceRun(**SHORT, surface=copper(2, fixed_layers=1)),
    "between": InterfaceRun(**SHORT, surface=copper(3), vacuum_A=None),
    "polarised": InterfaceRun(
        **SHORT, surface=copper(2), replicas=2, field_V_per_A=FIELD_V_PER_A, density_g_per_cm3=0.9
    ),
    "rutile": InterfaceRun(**SHORT, surface=rutile(2, fixed_layers=1)),
    "in fields": InterfaceRun(
        **SHORT, surface=copper(2), replicas=2, label_fields_V_per_A=[0.0, 0.02, -0.02]
    ),
}
CHARGED = {"in fields", "between"}
FORCE_FIELDS = {"moving": MOVING}


@cache
def sample(name: str) -> tuple[list[Atoms], list[int]]:
    steps: list[int] = []
    spec = SampleSpec(
        origin=ORIGIN,
        run=RUNS[name],
        force_field=FORCE_FIELDS.get(name, CONDUCTOR),
        charges=name in CHARGED,
        name=name,
        seed=1,
        label=name,
    )
    return sample_labelled_frames(spec, progress=steps.append), steps


def solid_of(surface: Surface) -> int:
    return len(surface.slab())


@pytest.mark.parametrize("name", RUNS)
def test_frames_of_each_solid(name) -> None:
    settings = RUNS[name]
    frames, steps = sample(name)
    surface, n_solid = settings.surface, solid_of(settings.surface)
    assert len(frames) == settings.n_frames * settings.replicas
    assert [f.info["time_ps"] for f in frames[:3]] == pytest.approx([0.05, 0.1, 0.15])
    assert {f.info["config_type"] for f in frames} == {"-".join([*surface.elements, "interface"])}
    assert {f.info["trajectory"] for f in frames} == {
        f"{name}-{n}" for n in range(settings.replicas)
    }
    assert all(len(f) == settings.n_atoms for f in frames)
    assert all(f.pbc.tolist() == [True, True, settings.vacuum_A is None] for f in frames)
    assert steps == sorted(steps)
    assert steps[-1] == sampling_steps(settings)
    built = surface.slab().positions
    built[:, 2] += 0.5 * (settings.vacuum_A or 0.0)
    fixed = surface.fixed()
    moved = np.array([np.abs(f.positions[:n_solid] - built).max(axis=1) for f in frames])
    assert moved[:, fixed].max() < 1e-9
    if surface.moves:
        assert moved[:, ~fixed].min() > 1e-3


@pytest.mark.parametrize("name", ["copper", "moving", "polarised"])
def test_labels_are_those_of_the_bare_force_field(name) -> None:
    """Without the field, the thermostat and the walls."""
    frames, _ = sample(name)
    again = label_frames(frames, FORCE_FIELDS.get(name, CONDUCTOR))
    for one, other in zip(frames, again, strict=True):
        assert one.info["REF_energy"] == other.info["REF_energy"]
        assert np.array_equal(one.arrays["REF_forces"], other.arrays["REF_forces"])
        assert np.abs(one.arrays["REF_forces"].sum(axis=0)).max() < 1e-9


def test_frames_are_labelled_in_fields_in_turn(tmp_path) -> None:
    write_frames(tmp_path / "frames.extxyz", sample("in fields")[0])
    frames = read_frames(tmp_path / "frames.extxyz")
    assert [external_field(f).tolist() for f in frames] == 2 * [
        [0.0, 0.0, field] for field in (0.0, 0.02, -0.02)
    ]
    assert "external_field" not in frames[0].info
    kept, _ = check_frames(frames, Checks(fields="keep"))
    assert len(kept) == len(frames)
    _, rejected = check_frames(frames, Checks())
    assert [r.frame for r in rejected] == [1, 2, 4, 5]


def test_charges_and_dipoles_are_among_the_labels_where_they_are_asked_for() -> None:
    for frame in sample("in fields")[0]:
        charges = frame.arrays["REF_charges"]
        metal = np.array(frame.symbols) == "Cu"
        assert charges[metal].any()
        assert charges[metal].sum() == pytest.approx(0.0, abs=1e-8)
        np.testing.assert_allclose(charges[~metal], np.tile([-0.8476, 0.4238, 0.4238], 24))
        expected = [0.0, 0.0, charges @ frame.positions[:, 2]]
        np.testing.assert_allclose(frame.info["REF_dipole"], expected)
    for frame in sample("between")[0]:
        assert "REF_charges" in frame.arrays
        assert "REF_dipole" not in frame.info
    for frame in sample("copper")[0]:
        assert "REF_charges" not in frame.arrays


def test_neither_is_part_of_what_knows_nothing_of_it() -> None:
    spec = SampleSpec(
        origin=ORIGIN, run=RUNS["copper"], force_field=CONDUCTOR, name="copper", seed=1, label=""
    )
    identity = spec.identity()
    assert "charges" not in identity
    assert "label_fields_V_per_A" not in identity["run"]


def test_frames_of_several_solids_pass_the_checks_of_a_dataset() -> None:
    frames = [f for name in ("copper", "between", "polarised", "rutile") for f in sample(name)[0]]
    kept, rejected = check_frames(frames, Checks())
    assert (len(kept), rejected) == (len(frames), [])


def test_replicas_are_polarised_up_and_down_in_turn() -> None:
    frames, _ = sample("polarised")
    n_solid = solid_of(RUNS["polarised"].surface)
    charges = np.tile([-0.8476, 0.4238, 0.4238], 24)
    dipoles = np.array([charges @ f.positions[n_solid:, 2] for f in frames])
    # a film screens what is applied: P_z = ε0 E(1 − 1/ε), here of 1.3 e·Å with a scatter of 0.3
    (x, y), settings = RUNS["polarised"].surface.edges_A, RUNS["polarised"]
    expected = EPSILON_0 * FIELD_V_PER_A * x * y * settings.layer_A
    half = 0.5 * (dipoles[:3].mean() - dipoles[3:].mean())
    assert half == pytest.approx(expected, rel=0.5)
    assert dipoles[3:].max() < 0.0 < dipoles[:3].min()


def test_less_density_is_a_thicker_layer() -> None:
    thin, thick = (RUNS[name].layer_A for name in ("copper", "polarised"))
    assert thick / thin == pytest.approx(0.997 / 0.9)


@pytest.mark.parametrize(
    ("family", "kind"), [(MetalWater, "metal_water"), (MetalWaterMetal, "metal_water_metal")]
)
def test_campaigns_start_with_the_metal_at_rest_and_warm_water(family, kind, tmp_path) -> None:
    campaign = family(kind=kind, surface=copper(3), sizes_A=[9.0], equilibration_ps=0.5)
    spec = StartSpec(
        origin=ORIGIN,
        campaign=campaign,
        size_A=9.0,
        force_field=CONDUCTOR,
        temperature_K=330.0,
        seed=1,
    )
    start = campaign.start(spec)
    solid = start.within("metal")
    np.testing.assert_array_equal(start.fixed, solid)
    assert not start.atoms.get_velocities()[solid].any()
    kinetic = 2.0 * start.atoms.get_kinetic_energy() / (3 * np.sum(~solid) * BOLTZMANN)
    # of 230 degrees of freedom, of which bonds and angles are not yet quite as warm
    assert 200.0 < kinetic < 460.0
    molecules = start.atoms.positions[~solid].reshape(-1, 3, 3)
    assert np.linalg.norm(molecules[:, 1:] - molecules[:, :1], axis=2).max() < 1.3
    start.write(tmp_path / "start.extxyz")
    again = type(start).read(tmp_path / "start.extxyz")
    np.testing.assert_array_equal(again.fixed, start.fixed)
    np.testing.assert_array_equal(again.region, start.region)
