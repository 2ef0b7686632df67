from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from series import autoregressive

from falsemetal.electrostatics.cell import potential_difference
from falsemetal.observables.registry import ObserveSpec
from falsemetal.observables.runs import observe as observe_system
from falsemetal.potentials.kind import ELECTRONIC_CHARGE_E
from falsemetal.simulation.checkpoint import Checkpoint
from falsemetal.simulation.recording import TrajectoryWriter
from falsemetal.specs import Origin
from falsemetal.systems.boundary import Layout
from falsemetal.systems.molecule import WATER
from falsemetal.systems.system import System

SPACING_A = 3.75
REPEATS = np.array([2, 2, 8])
CHARGE_O_E = -0.8476
INTERVAL_STEPS = 50
DISCARD_PS = 1.0
FIRST_FRAME = 20
MAXIMUM_LAG_PS, BAND_GAP_EV, WIDTH_A = 1.0, 2.9, 1.0


def specification(*observables: str) -> ObserveSpec:
    return ObserveSpec(
        origin=Origin(name="test", sha256="", seed=1),
        observables=list(observables),
        layout=Layout.BULK,
        mirror=False,
        liquid=WATER,
        charges=WATER.charges(CHARGE_O_E),
        electronic_charges=WATER.charges(ELECTRONIC_CHARGE_E),
        settings={
            "gaussian_width_A": WIDTH_A,
            "band_gap_eV": BAND_GAP_EV,
            "band_gap_scatter_eV": 0.5,
            "maximum_lag_ps": MAXIMUM_LAG_PS,
            "structure_factor_k_per_A": 0.9,
            "temperature_K": 300.0,
            "rdf_bin_A": 0.1,
            "rdf_range_A": 3.7,
        },
        discard_ps=DISCARD_PS,
    )


def positions_of(tilt: float) -> np.ndarray:
    """Water on a lattice: dipoles lean up in the lower half of the cell and down in the upper."""
    oxygen = SPACING_A * (np.indices(REPEATS).reshape(3, -1).T + 0.5)
    up = np.where(oxygen[:, 2] < 0.5 * SPACING_A * REPEATS[2], 1.0, -1.0)
    along = 0.58 * np.stack([0 * up, np.sqrt(1 - tilt**2) + 0 * up, tilt * up], 1)
    aside = np.array([0.81, 0.0, 0.0])
    return np.concatenate([oxygen, oxygen + along + aside, oxygen + along - aside])


def write_box(path: Path, tilts: np.ndarray, failure: str | None = None) -> Path:
    numbers = np.repeat([8, 1, 1], REPEATS.prod())
    cell = SPACING_A * REPEATS
    atoms = Atoms(numbers=numbers, positions=np.zeros((len(numbers), 3)), cell=cell, pbc=True)
    writer = TrajectoryWriter(
        path,
        System.of(atoms, "water"),
        timestep_fs=1.0,
        frame_interval_steps=INTERVAL_STEPS,
        creator="test",
        parameters={},
    )
    for index, tilt in enumerate(tilts):
        positions = positions_of(tilt)
        writer.append(
            index * INTERVAL_STEPS, positions, potential_energy_eV=0.0, temperature_K=300.0
        )
    if failure is not None:
        writer.fail(failure)
        return path
    n_steps = len(tilts) * INTERVAL_STEPS
    writer.save(Checkpoint(n_steps, positions, 0.0 * positions))
    writer.finish(n_steps)
    return path


def observe(paths: list[Path]) -> dict[str, pd.DataFrame]:
    return observe_system(specification("voltage", "summary", "autocorrelation"), paths)


def rdf_of(paths: list[Path]) -> pd.DataFrame:
    return observe_system(specification("rdf"), paths)["rdf"]


@pytest.fixture(scope="module")
def tilts() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [np.clip(0.3 + 0.1 * autoregressive(0.6, n, rng), 0, 1) for n in (120, 90)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("bulk")


@pytest.fixture(scope="module")
def paths(tilts, folder) -> list[Path]:
    return [write_box(folder / f"{i}.h5", tilt) for i, tilt in enumerate(tilts)]


@pytest.fixture(scope="module")
def observed(paths) -> dict[str, pd.DataFrame]:
    return observe(paths)


def test_each_frame_after_the_discarded_start_has_its_potential_difference(observed, tilts) -> None:
    kept = [tilt[FIRST_FRAME:] for tilt in tilts]
    assert list(observed["voltage"]["replica"].value_counts().sort_index()) == list(map(len, kept))
    assert observed["voltage"]["time_ps"].min() == pytest.approx(DISCARD_PS)
    charges = ELECTRONIC_CHARGE_E * np.repeat([1.0, -0.5, -0.5], REPEATS.prod())
    frames = np.array([positions_of(tilt) for tilt in np.concatenate(kept)], dtype=np.float32)
    cell = np.diag(SPACING_A * REPEATS)
    expected = potential_difference(frames, charges, cell, width_A=WIDTH_A)
    np.testing.assert_allclose(observed["voltage"]["delta_V_V"], expected, atol=1e-9)


def test_the_summary_is_of_those_frames(observed) -> None:
    summary, difference = observed["summary"].iloc[0], observed["voltage"]["delta_V_V"]
    assert summary["n_molecules"] == REPEATS.prod()
    assert summary["n_frames"] == len(difference)
    assert summary["mean_dV_V"] == pytest.approx(difference.mean())
    assert summary["sigma_dV_V"] == pytest.approx(difference.std(ddof=0))
    assert summary["maximum_dV_V"] == difference.max()
    beyond = (difference > BAND_GAP_EV).mean()
    assert 0 < beyond < 1
    assert summary["fraction_beyond_gap"] == pytest.approx(beyond)
    for name in ("mean_dV_V", "sigma_dV_V", "fraction_beyond_gap"):
        assert summary[f"{name}_low"] < summary[name] < summary[f"{name}_high"]
    assert observed["autocorrelation"]["lag_ps"].max() == pytest.approx(MAXIMUM_LAG_PS)


def test_radial_distributions_end_within_the_cell_and_have_the_bond(paths) -> None:
    rdf = rdf_of(paths)
    assert rdf["r_A"].max() < 0.5 * SPACING_A * REPEATS.min()
    assert rdf["r_A"][rdf["g_OH"].idxmax()] == pytest.approx(np.hypot(0.81, 0.58), abs=0.1)
    # two bonds in a shell of 0.1 Å, of two hydrogens per cell of the lattice
    peak = 2 * SPACING_A**3 / (2 * 4 / 3 * np.pi * (1.0**3 - 0.9**3))
    assert rdf["g_OH"].max() == pytest.approx(peak, rel=0.01)


def test_radial_distributions_have_the_interval_of_replicas_or_of_blocks(
    paths, tilts, folder
) -> None:
    first, second = (rdf_of([path])["g_OO"].to_numpy() for path in paths)
    mean = 0.5 * (first + second)
    # Student's t of one degree of freedom is 12.706
    half_width = 12.706 * 0.5 * np.abs(first - second)
    together = rdf_of(paths)
    np.testing.assert_allclose(together["g_OO"], mean, atol=1e-9)
    np.testing.assert_allclose(together["g_OO_high"] - mean, half_width, atol=1e-4)

    # a run of four equal parts: whole, its blocks are as if they were runs of their own
    parts = np.split(tilts[0][FIRST_FRAME:][:80], 4)
    discarded = tilts[0][:FIRST_FRAME]
    runs = [write_box(folder / f"part{i}.h5", np.r_[discarded, p]) for i, p in enumerate(parts)]
    whole = write_box(folder / "whole.h5", np.r_[discarded, *parts])
    in_runs, in_blocks = rdf_of(runs), rdf_of([whole])
    for column in ("g_HH", "g_HH_low", "g_HH_high"):
        np.testing.assert_allclose(in_blocks[column], in_runs[column], atol=1e-6)


def test_structure_factors_are_of_the_waves_of_each_length(paths) -> None:
    table = observe_system(specification("structure_factors"), paths)["structure_factors"]
    edges = SPACING_A * REPEATS
    along_z = [2 * np.pi * n / edges[2] for n in range(1, 5)]
    np.testing.assert_allclose(table["k_per_A"], along_z, atol=1e-5)
    # the fourth along z is as long as the first along x and y
    assert list(table["n_vectors"]) == [1, 1, 1, 3]
    # the lattice has one wave of dipoles along z: up in the lower half of the cell, down above
    assert table["S_L"].iloc[0] > 10 * table["S_L"].iloc[1]
    np.testing.assert_allclose(table["lambda_k"], 1 / table["S_L"] - 1 / table["S_T"])


def test_means_of_runs_shorter_than_their_memory_have_the_interval_of_their_scatter(folder) -> None:
    levels = [np.linspace(0.2, 0.3, 60), np.linspace(0.4, 0.35, 60)]
    tables = observe([write_box(folder / f"slow{i}.h5", tilt) for i, tilt in enumerate(levels)])
    summary = tables["summary"].iloc[0]
    assert np.isnan(summary["sigma_dV_V_low"])
    means = tables["voltage"].groupby("replica")["delta_V_V"].mean()
    half_width = 12.706 * 0.5 * abs(means[0] - means[1])
    assert summary["mean_dV_V_high"] - summary["mean_dV_V"] == pytest.approx(half_width, rel=1e-3)


def test_a_run_that_failed_is_counted_and_left_out(observed, tilts, folder) -> None:
    broken = write_box(folder / "broken.h5", tilts[0], failure="step 7: too hot")
    both = observe([folder / "0.h5", folder / "1.h5", broken])
    assert both["summary"].iloc[0]["n_failed"] == 1
    assert both["summary"].iloc[0]["mean_dV_V"] == observed["summary"].iloc[0]["mean_dV_V"]
    # the others keep their numbers, by which frames are looked up in their files
    later = observe([broken, folder / "0.h5"])
    assert set(later["voltage"]["replica"]) == {1}
    alone = observe([broken])
    assert alone["summary"].iloc[0]["failures"] == "broken.h5: step 7: too hot"
    assert np.isnan(alone["summary"].iloc[0]["mean_dV_V"])
    for name in ("voltage", "autocorrelation"):
        assert alone[name].empty
        assert list(alone[name].columns) == list(observed[name].columns)
    assert rdf_of([broken]).empty
    assert list(rdf_of([broken]).columns) == list(rdf_of([folder / "0.h5"]).columns)
    assert set(alone["summary"].columns) == set(observed["summary"].columns)
