import numpy as np
import pandas as pd
import pytest
from films import BOND_Z_A, CHARGE_O_E, EDGE_A, FRAME_INTERVAL_STEPS, write_slab
from series import autoregressive

from falsemetal.estimators.voltage import potential_drop
from falsemetal.observables.registry import ObserveSpec
from falsemetal.observables.runs import observe
from falsemetal.potentials.kind import ELECTRONIC_CHARGE_E
from falsemetal.specs import Origin
from falsemetal.systems.boundary import Layout
from falsemetal.systems.molecule import WATER

DISCARD_PS = 1.0
MAXIMUM_LAG_PS = 2.0
SPEC = ObserveSpec(
    origin=Origin(name="test", sha256="", seed=1),
    observables=["voltage", "dipole", "summary", "autocorrelation", "cumulative", "density"],
    layout=Layout.FREE,
    mirror=True,
    liquid=WATER,
    charges=WATER.charges(CHARGE_O_E),
    electronic_charges=WATER.charges(ELECTRONIC_CHARGE_E),
    settings={
        "mass_u": WATER.mass,
        "band_gap_eV": 4.45,
        "band_gap_scatter_eV": 1.0,
        "maximum_lag_ps": MAXIMUM_LAG_PS,
        "z_bin_A": 0.25,
    },
    discard_ps=DISCARD_PS,
)


def dipole_of(tilt: np.ndarray) -> np.ndarray:
    n_molecules = 64
    return -CHARGE_O_E * BOND_Z_A * tilt * n_molecules / EDGE_A**2


@pytest.fixture(scope="module")
def tilts() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [np.clip(0.1 * autoregressive(0.9, n, rng), -1, 1) for n in (400, 250)]


@pytest.fixture(scope="module")
def observed(tilts, tmp_path_factory) -> dict[str, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("slab")
    paths = [write_slab(folder / f"{i}.h5", tilt) for i, tilt in enumerate(tilts)]
    return observe(SPEC, paths)


def test_dipole_follows_the_molecules_after_the_discarded_start(observed, tilts):
    kept = [dipole_of(tilt)[20:] for tilt in tilts]
    np.testing.assert_allclose(observed["dipole"]["P_z_e_per_A"], np.concatenate(kept), atol=1e-6)
    assert observed["dipole"]["time_ps"].min() == pytest.approx(DISCARD_PS)
    assert observed["dipole"]["replica"].value_counts().to_dict() == {0: 380, 1: 230}
    np.testing.assert_allclose(
        observed["voltage"]["delta_V_V"],
        ELECTRONIC_CHARGE_E / CHARGE_O_E * potential_drop(observed["dipole"]["P_z_e_per_A"]),
    )


def test_summary(observed):
    row = observed["summary"].iloc[0]
    dipole = observed["dipole"]["P_z_e_per_A"]
    assert (row["n_molecules"], row["n_frames"], row["n_replicas"]) == (64, 610, 2)
    # the slab has a mirror plane
    about_zero = np.sqrt(np.mean(dipole**2))
    assert row["sigma_P_e_per_A"] == pytest.approx(about_zero)
    electronic = ELECTRONIC_CHARGE_E / CHARGE_O_E * potential_drop(about_zero)
    assert row["sigma_dV_V"] == pytest.approx(electronic)
    assert row["mean_P_e_per_A"] == pytest.approx(dipole.mean())
    assert row["sampled_ps"] == pytest.approx(30.5)
    assert row["fraction_broken"] == 0.0
    assert 0.0 < row["fraction_broken_high"] < row["fraction_metallic_high"]
    assert row["temperature_K"] == pytest.approx(300.0)
    exact_ps = 0.5 * 1.9 / 0.1 * 0.05
    assert row["correlation_time_ps"] == pytest.approx(exact_ps, rel=0.5)
    assert not observed["summary"].drop(columns="memory_ps").isna().any(axis=None)
    for name in [c.removesuffix("_low") for c in observed["summary"] if c.endswith("_low")]:
        assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]


def test_profiles(observed):
    last = observed["cumulative"].iloc[-1]
    assert last["P_z_e_per_A"] == pytest.approx(observed["summary"]["mean_P_e_per_A"][0])
    dipole = observed["dipole"]["P_z_e_per_A"]
    assert last["std_P_z_e_per_A"] == pytest.approx(dipole.std(ddof=0))
    layer_A = np.diff(observed["density"]["z_A"])[0]
    per_area = observed["density"]["density_molecules_per_A3"].sum() * layer_A
    assert per_area == pytest.approx(64 / EDGE_A**2)


def test_autocorrelation_table(observed):
    table = observed["autocorrelation"]
    assert table["lag_ps"].iloc[-1] == pytest.approx(MAXIMUM_LAG_PS)
    assert table["acf"].iloc[0] == pytest.approx(1.0)
    assert (table["acf_low"] <= table["acf"]).all()


def test_the_autocorrelation_ends_at_half_of_the_longest_run(tmp_path):
    random = np.random.default_rng(2).uniform(-0.1, 0.1, 41)
    paths = [write_slab(tmp_path / f"{n}.h5", random[:n]) for n in (41, 29)]
    table = observe(SPEC, paths)["autocorrelation"]
    np.testing.assert_allclose(table["lag_ps"], 0.05 * np.arange(11))


def test_runs_too_short_or_unlike_are_refused(tmp_path):
    tilt = np.linspace(-0.1, 0.1, 30)
    short = write_slab(tmp_path / "short.h5", tilt[:10])
    with pytest.raises(ValueError, match="run longer or lower discard_ps"):
        observe(SPEC, [short])
    fine = write_slab(tmp_path / "fine.h5", tilt)
    coarse = write_slab(tmp_path / "coarse.h5", tilt, 2 * FRAME_INTERVAL_STEPS)
    with pytest.raises(ValueError, match="frames every"):
        observe(SPEC, [fine, coarse])


def test_a_handful_of_frames_gives_finite_tables(tmp_path):
    path = write_slab(tmp_path / "few.h5", np.array([0.1, 0.0, -0.2, 0.1]))
    few = observe(SPEC.model_copy(update={"discard_ps": 0.0}), [path])
    summary = few["summary"].drop(columns=["failures", "memory_ps"])
    ends = [column for column in summary if column.endswith(("_low", "_high"))]
    # four frames bear no interval
    assert np.isnan(summary["sigma_P_e_per_A_low"][0])
    summary = summary.drop(columns=ends)
    for table in (
        summary,
        few["dipole"],
        few["cumulative"].filter(regex="A$"),
        few["density"],
        few["autocorrelation"],
    ):
        assert np.isfinite(table.to_numpy(float)).all()


def test_released_runs_tell_of_a_memory_that_a_run_is_too_short_for(tilts, tmp_path):
    path = write_slab(tmp_path / "run.h5", tilts[0])
    decay = 0.5 * np.exp(-np.arange(300) / 100.0)
    sides = [write_slab(tmp_path / f"{n}.h5", sign * decay) for n, sign in enumerate((1, -1))]
    alone, warned = (observe(SPEC, [path], r)["summary"].iloc[0] for r in ([], sides))
    assert np.isnan(alone["memory_ps"])
    assert warned["memory_ps"] == pytest.approx(5.0, abs=0.3)
    assert alone["n_independent"] > 6 > warned["n_independent"]
    assert alone["sigma_P_e_per_A"] == warned["sigma_P_e_per_A"]
    assert np.isfinite(alone["sigma_P_e_per_A_low"])
    assert np.isnan(warned["sigma_P_e_per_A_low"])
    # one side alone tells nothing
    up = observe(SPEC, [path], sides[:1])["summary"].iloc[0]
    assert np.isnan(up["memory_ps"])


def test_runs_that_failed_are_named_and_left_out(tilts, observed, tmp_path):
    paths = [
        write_slab(tmp_path / "0.h5", tilts[0]),
        write_slab(tmp_path / "1.h5", tilts[1], failure="step 7: too hot"),
    ]
    some = observe(SPEC, paths)["summary"].iloc[0]
    assert (some["n_replicas"], some["n_failed"]) == (1, 1)
    assert some["failures"] == "1.h5: step 7: too hot"
    assert some["n_frames"] == 380
    none = observe(SPEC, paths[1:])
    assert none["summary"].iloc[0]["n_molecules"] == 64
    assert none["summary"].iloc[0]["n_frames"] == 0
    assert np.isnan(none["summary"].iloc[0]["sigma_P_e_per_A"])
    for name in ("summary", "dipole", "cumulative", "density", "autocorrelation"):
        assert set(none[name].columns) == set(observed[name].columns), name
    assert none["dipole"].empty
    assert none["density"].empty
