"""Tables read off layers on a solid and between its faces, against what was put into them."""

import numpy as np
import pandas as pd
import pytest
from series import autoregressive
from solid_films import (
    AREA_A2,
    BOND_Z_A,
    BRIDGE_A,
    CHARGE_O_E,
    GAP_A,
    HEIGHTS_A,
    MOLECULE_E_A,
    PER_LAYER,
    water,
    write_layers,
)

from falsemetal.campaigns import MetalWater, MetalWaterMetal, OxideWater
from falsemetal.estimators.voltage import potential_drop
from falsemetal.observables.registry import ObserveSpec, observe_spec
from falsemetal.observables.runs import observe
from falsemetal.observables.settings import Analysis
from falsemetal.potentials.kind import ELECTRONIC_CHARGE_E, ChargeModel
from falsemetal.simulation.settings import Dynamics
from falsemetal.specs import Origin
from falsemetal.systems.molecule import WATER
from falsemetal.units import EPSILON_0

COPPER = {"kind": "metal", "element": "Cu", "lattice_constant_A": 3.6, "repeats": [4, 4]}
METAL = {"surface": COPPER | {"layers": 3}, "sizes_A": [12.0]}
SUPPORTED = MetalWater(kind="metal_water", **METAL)
CONFINED = MetalWaterMetal(kind="metal_water_metal", **METAL)
OXIDE = OxideWater(
    kind="oxide_water", surface={"kind": "rutile110", "repeats": [4, 2], "layers": 3}, sizes_A=[12]
)
PER_FRAME = ["dipole", "voltage", "dissociation"]
AVERAGES = ["summary", "cumulative", "density", "element_density", "autocorrelation"]
ELECTRONIC = ELECTRONIC_CHARGE_E / CHARGE_O_E
"""Volts are by the charge that meets the dipoles of electrons."""
BIN_A = 0.25


def specify(campaign=SUPPORTED, names=(*PER_FRAME, *AVERAGES)) -> ObserveSpec:
    return observe_spec(
        names,
        campaign,
        WATER,
        charges=ChargeModel(own_e=CHARGE_O_E, electronic_e=ELECTRONIC_CHARGE_E, origin="test"),
        analysis=Analysis(z_bin_A=BIN_A),
        dynamics=Dynamics(discard_ps=0.0),
        origin=Origin(name="test", sha256="", seed=1),
    )


def dipoles_of(tilts: np.ndarray) -> np.ndarray:
    """P_z of each layer in e/Å."""
    return PER_LAYER * MOLECULE_E_A * tilts / AREA_A2


@pytest.fixture(scope="module")
def tilts() -> np.ndarray:
    """Draw a tilt for each of 400 frames and 4 layers, as broad as to leave the metal's window."""
    rng = np.random.default_rng(0)
    means = np.array([0.6, 0.1, -0.1, 0.2])
    series = np.column_stack([autoregressive(0.5, 400, rng) for _ in means])
    return np.clip(means + 0.35 * series, -1.0, 1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("interfaces")


@pytest.fixture(scope="module")
def supported(tilts, folder) -> dict[str, pd.DataFrame]:
    shifts = np.random.default_rng(1).uniform(-2.0, 2.0, len(tilts))
    return observe(specify(), [write_layers(folder / "supported.h5", tilts, shifts_A=shifts)])


@pytest.fixture(scope="module")
def confined(tilts, folder) -> dict[str, pd.DataFrame]:
    path = write_layers(folder / "confined.h5", tilts, periodic=True)
    return observe(specify(CONFINED), [path])


def test_dipole_is_that_of_the_water_alone(supported, confined, tilts) -> None:
    expected = dipoles_of(tilts).sum(axis=1)
    for tables in (supported, confined):
        np.testing.assert_allclose(tables["dipole"]["P_z_e_per_A"], expected, atol=1e-6)
    np.testing.assert_allclose(
        supported["voltage"]["delta_V_V"], ELECTRONIC * potential_drop(expected), atol=1e-4
    )


def test_share_outside_the_window_counts_both_of_its_unlike_sides(supported, tilts) -> None:
    volts = ELECTRONIC * potential_drop(dipoles_of(tilts).sum(axis=1))
    row = supported["summary"].iloc[0]
    below, above = (volts < -3.56).mean(), (volts > 2.11).mean()
    assert min(below, above) > 0.01
    assert row["fraction_metallic"] == pytest.approx(below + above, abs=1e-9)
    assert row["fraction_metallic_low"] < row["fraction_metallic"] < row["fraction_metallic_high"]
    assert row["sigma_dV_V"] == pytest.approx(volts.std(), rel=1e-4)
    assert row["mean_P_e_per_A"] == pytest.approx(dipoles_of(tilts).sum(axis=1).mean(), abs=1e-6)
    assert (row["n_molecules"], row["fraction_broken"]) == (64, 0.0)


def test_another_window_is_another_share(tilts, folder, supported) -> None:
    volts = supported["voltage"]["delta_V_V"]
    campaign = MetalWater(kind="metal_water", window_V=[-1.0, 4.0], **METAL)
    row = observe(specify(campaign, ["summary"]), [folder / "supported.h5"])["summary"].iloc[0]
    assert row["fraction_metallic"] == ((volts < -1.0) | (volts > 4.0)).mean()


GOLD = {
    "kind": "metal",
    "element": "Au",
    "lattice_constant_A": 4.08,
    "repeats": [4, 4],
    "layers": 2,
}


@pytest.mark.parametrize(
    ("campaign", "region"),
    [(MetalWater(kind="metal_water", **METAL | {"surface": GOLD}), "metal"), (OXIDE, "oxide")],
    ids=["another metal", "oxide"],
)
def test_without_a_window_nothing_is_metallic_or_not(campaign, region, tilts, tmp_path) -> None:
    path = write_layers(tmp_path / "a.h5", tilts[:60], region=region)
    row = observe(specify(campaign, ["summary"]), [path])["summary"].iloc[0]
    shares = [row[f"fraction_metallic{end}"] for end in ("", "_low", "_high")]
    assert np.isnan(shares).all()
    assert row["n_molecules"] == 64
    assert np.isfinite(row["sigma_P_e_per_A"])


def test_cumulative_profile_begins_at_the_face(supported, confined, tilts) -> None:
    means = dipoles_of(tilts).mean(axis=0)
    for tables in (supported, confined):
        profile = tables["cumulative"]
        z, dipole = profile["z_A"].to_numpy(), profile["P_z_e_per_A"].to_numpy()
        assert z[0] == 0.0
        for n_below in range(5):
            edges = [0.0, *HEIGHTS_A, z[-1] + 1.0]
            between = (z > edges[n_below]) & (z < edges[n_below + 1])
            np.testing.assert_allclose(dipole[between], means[:n_below].sum(), atol=1e-6)
        assert profile["std_P_z_e_per_A"].iloc[-1] == pytest.approx(
            dipoles_of(tilts).sum(axis=1).std(), rel=1e-4
        )


def test_densities_lie_above_the_face_and_hold_all_atoms(supported, confined, tilts) -> None:
    for tables in (supported, confined):
        table = tables["element_density"]
        of_oxygen, of_hydrogen = (table[table["element"] == e] for e in ("O", "H"))
        counts = [
            (t["density_per_A3"] * BIN_A * AREA_A2).to_numpy() for t in (of_oxygen, of_hydrogen)
        ]
        assert counts[1].sum() == pytest.approx(128.0)
        z = of_oxygen["z_A"].to_numpy()
        filled = np.abs(z[:, None] - HEIGHTS_A).min(axis=1) < 0.5 * BIN_A
        np.testing.assert_allclose(counts[0], np.where(filled, PER_LAYER, 0.0), atol=1e-9)
        mean_height = (counts[1] @ z) / 128.0
        expected = HEIGHTS_A.mean() + BOND_Z_A * tilts.mean()
        assert mean_height == pytest.approx(expected, abs=0.5 * BIN_A)
        molecules = tables["density"]
        np.testing.assert_allclose(
            molecules["density_molecules_per_A3"], of_oxygen["density_per_A3"]
        )


def test_heights_are_those_above_cations_of_an_oxide(tilts, tmp_path) -> None:
    """Bridging oxygens lie above them and are no water."""
    path = write_layers(tmp_path / "oxide.h5", tilts[:60], region="oxide")
    table = observe(specify(OXIDE, ["element_density"]), [path])["element_density"]
    table = table[table["element"] == "O"]
    z = table["z_A"][table["density_per_A3"] > 0.0]
    assert z.min() == pytest.approx(HEIGHTS_A[0], abs=0.5 * BIN_A)
    assert z.min() > BRIDGE_A
    assert table["density_per_A3"].sum() * BIN_A * AREA_A2 == pytest.approx(64.0)


def potential_V(z: np.ndarray, tilts: np.ndarray) -> np.ndarray:
    """Potential of the molecules' charges, averaged laterally, from a face where it is zero."""
    heights = water(tilts)[..., 2].reshape(-1)
    charges = np.tile(ELECTRONIC * CHARGE_O_E * np.array([1.0, -0.5, -0.5]), len(heights) // 3)
    above = np.clip(z[:, None] - heights, 0.0, None)
    return -(above @ charges) / (AREA_A2 * EPSILON_0)


def test_halves_bend_the_potential_of_the_centre(confined, tilts) -> None:
    layers = dipoles_of(tilts)
    low, up = layers[:, :2].sum(axis=1), layers[:, 2:].sum(axis=1)
    dipole = confined["dipole"]
    np.testing.assert_allclose(dipole["P_low_e_per_A"], low, atol=1e-6)
    np.testing.assert_allclose(dipole["P_up_e_per_A"], up, atol=1e-6)
    volts = confined["voltage"]["delta_V_V"]
    np.testing.assert_allclose(volts, ELECTRONIC * (low - up) / (2.0 * EPSILON_0), atol=1e-4)
    # the centre against the mean of both faces, by Poisson's equation
    for index in (0, 100, 200):
        at = potential_V(np.array([0.0, 0.5 * GAP_A, GAP_A]), tilts[index])
        assert volts[index] == pytest.approx(at[1] - 0.5 * (at[0] + at[2]), abs=1e-4)


@pytest.mark.parametrize(("of_halves", "sign"), [((1.0, -1.0), 1), ((-1.0, 1.0), -1), ((1, 1), 0)])
def test_dipoles_away_from_both_faces_raise_the_centre(of_halves, sign, tmp_path) -> None:
    tilts = np.tile(0.5 * np.repeat(of_halves, 2), (20, 1))
    path = write_layers(tmp_path / "a.h5", tilts, periodic=True)
    volts = observe(specify(CONFINED, ["voltage"]), [path])["voltage"]["delta_V_V"]
    whole = ELECTRONIC * potential_drop(2 * PER_LAYER * MOLECULE_E_A * 0.5 / AREA_A2)
    np.testing.assert_allclose(volts, sign * whole, atol=1e-4)


def test_summary_of_a_confined_layer_is_of_its_centre(confined, tilts) -> None:
    row, volts = confined["summary"].iloc[0], confined["voltage"]["delta_V_V"]
    assert row["mean_dV_V"] == pytest.approx(volts.mean())
    assert row["sigma_dV_V"] == pytest.approx(volts.std(ddof=0))
    dipole = dipoles_of(tilts).sum(axis=1)
    assert row["sigma_P_e_per_A"] == pytest.approx(dipole.std(), rel=1e-5)
    assert "fraction_metallic" not in row
    assert confined["autocorrelation"]["acf"].iloc[1] == pytest.approx(0.5, abs=0.15)


def test_neither_place_nor_wrapping_of_a_periodic_layer_matters(confined, tilts, tmp_path) -> None:
    shifts = np.random.default_rng(2).uniform(-0.3, 0.3, len(tilts)) + 8.0
    path = write_layers(
        tmp_path / "wrapped.h5", tilts, periodic=True, shifts_A=shifts, wrapped=True
    )
    wrapped = observe(specify(CONFINED), [path])
    for name in ("dipole", "voltage", "cumulative"):
        for column in confined[name].select_dtypes("number"):
            np.testing.assert_allclose(
                wrapped[name][column], confined[name][column], atol=1e-4, err_msg=f"{name} {column}"
            )
    pd.testing.assert_frame_equal(wrapped["density"], confined["density"])
    hydrogens, others = (
        table["density_per_A3"][table["element"] == "H"] * BIN_A * AREA_A2
        for table in (wrapped["element_density"], confined["element_density"])
    )
    # a hydrogen at the edge of a bin may fall to either side
    np.testing.assert_allclose(hydrogens, others, atol=0.1)


def test_shares_of_dissociated_molecules(tmp_path) -> None:
    """By frame: whole; OH and H3O; O and free hydrogens, beyond 1.2 Å of any oxygen."""

    def edit(frame: int, molecules: np.ndarray) -> None:
        first, second = molecules[0, 0], molecules[0, 5]
        if frame == 1:
            first[1] = second[0] - [0.0, 0.0, 1.0]
        if frame == 2:
            first[1:] = first[0] + np.array([[1.6, 0.0, 1.5], [-1.6, 0.0, 1.5]])

    path = write_layers(tmp_path / "a.h5", np.zeros((3, 4)), edit=edit)
    tables = observe(specify(names=["dissociation", "voltage"]), [path])
    shares = tables["dissociation"].filter(like="share_") * 64
    assert shares.columns.tolist() == ["share_O", "share_OH", "share_H3O"]
    np.testing.assert_allclose(shares, [[0, 0, 0], [0, 1, 1], [1, 0, 0]], atol=1e-9)
    np.testing.assert_allclose(tables["voltage"]["fraction_broken"] * 64, [0, 2, 1])


def test_a_layer_without_its_solid_is_refused(tilts, tmp_path) -> None:
    path = write_layers(tmp_path / "a.h5", tilts[:5], region="gas")
    with pytest.raises(ValueError, match="holds no metal or oxide beside the liquid"):
        observe(specify(), [path])
    with pytest.raises(ValueError, match="a film cell, not bulk"):
        observe(specify(CONFINED), [path])


def test_tables_without_a_completed_run_have_the_columns_of_others(supported, confined) -> None:
    for campaign, tables in ((SUPPORTED, supported), (CONFINED, confined)):
        empty = observe(specify(campaign, ["summary"]), [])["summary"]
        assert set(empty.columns) == set(tables["summary"].columns)
