"""Figures of water beside solids, from tables of known numbers."""

import numpy as np
import pandas as pd
import pytest

from falsemetal.config import Config
from falsemetal.config.plan import Plan
from falsemetal.estimators.continuum import dielectric_fluctuation
from falsemetal.products import fig1, figS2, figS3, figS4, figS5, figS12, figS13, tableS1, tableS2
from falsemetal.products.registry import PRODUCTS, ProductSpec
from falsemetal.units import BOLTZMANN, EPSILON_0

SURFACE = {"kind": "metal", "element": "Cu", "lattice_constant_A": 3.59, "repeats": [4, 4]}
MODEL = {"dataset": "copper", "r_cut_A": 4.5, "layers": 1, "l_max": 0, "channels": 4}
RUNS = {"interface": {"duration_ps": 8}, "between": {"duration_ps": 8}}
CONFIG = Config.model_validate(
    {
        "name": "interfaces",
        "training": {"epochs": 1},
        "datasets": {
            "copper": {
                "kind": "force_field",
                "sampling": {
                    "interface": {
                        "kind": "interface",
                        "surface": SURFACE | {"layers": 2},
                        "n_molecules": 24,
                        "n_frames": 10,
                    }
                },
            }
        },
        "potentials": {
            "reference": {"kind": "force_field", "dataset": "copper", "runs": RUNS},
            "short": MODEL | {"kind": "mace", "runs": RUNS},
            "long": MODEL
            | {
                "kind": "split_charge",
                "runs": RUNS,
                "formal_charges_e": {"H": 1, "O": -2, "Cu": 0},
            },
            "theirs": {
                "kind": "foundation",
                "arch": "mace_mp",
                "runs": {"interface": {"duration_ps": {12.0: 8}}},
            },
            "rutile": {
                "kind": "force_field",
                "dataset": "copper",
                "runs": {"rutile": {"duration_ps": 8}},
            },
        },
        "campaigns": {
            "interface": {
                "kind": "metal_water",
                "surface": SURFACE | {"layers": 4},
                "sizes_A": [12.0, 24.0],
            },
            "between": {
                "kind": "metal_water_metal",
                "surface": SURFACE | {"layers": 6},
                "sizes_A": [12.0],
            },
            "rutile": {
                "kind": "oxide_water",
                "surface": {"kind": "rutile110", "repeats": [3, 2], "layers": 3, "fixed_layers": 1},
                "sizes_A": [12.0],
                "on_request": True,
            },
        },
        "dynamics": {"temperature_K": 330},
    }
)
PLAN = Plan(CONFIG, {})
SIGMA_E_PER_A = {"reference": 0.006, "short": 0.025, "long": 0.006, "theirs": 0.02, "rutile": 0.01}
OWN_E, ELECTRONIC_E = -0.8476, -0.5562


def spec_of(name: str) -> ProductSpec:
    return PLAN.product(name)


def dipole(name: str) -> pd.DataFrame:
    rng = np.random.default_rng(len(name))
    halves = rng.normal(scale=SIGMA_E_PER_A[name], size=(2, 400))
    columns = {"P_z_e_per_A": halves.sum(axis=0), "P_low_e_per_A": halves[0]}
    return pd.DataFrame({"replica": 0, "time_ps": 0.1, **columns, "P_up_e_per_A": halves[1]})


def cumulative(name: str) -> pd.DataFrame:
    z = np.arange(0.0, 20.0, 0.5)
    mean = SIGMA_E_PER_A[name] * z / z.max()
    ends = {"P_z_e_per_A_low": mean - 0.001, "P_z_e_per_A_high": mean + 0.001}
    return pd.DataFrame({"z_A": z, "P_z_e_per_A": mean, **ends, "std_P_z_e_per_A": 0.01})


def element_density(name: str) -> pd.DataFrame:
    tables = []
    for element, density in (("O", 0.033), ("H", 0.066)):
        z = np.arange(0.25, 20.0, 0.5)
        values = {"density_per_A3": density, "density_per_A3_low": density - 0.001}
        tables.append(
            pd.DataFrame(
                {"z_A": z, "element": element, **values, "density_per_A3_high": density + 0.001}
            )
        )
    return pd.concat(tables, ignore_index=True)


def summary(name: str) -> pd.DataFrame:
    sigma = SIGMA_E_PER_A[name]
    voltage = sigma * ELECTRONIC_E / OWN_E / EPSILON_0
    converged = name != "short"
    row = {"n_frames": 400}
    for column, value in (("sigma_P_e_per_A", sigma), ("sigma_dV_V", voltage)):
        row |= {column: value, f"{column}_low": 0.9 * value, f"{column}_high": 1.1 * value}
        if not converged:
            row |= {f"{column}_low": np.nan, f"{column}_high": np.nan}
    return pd.DataFrame([row])


def memory(name: str) -> pd.DataFrame:
    lag = np.arange(0.0, 2.0, 0.1)
    decay = np.exp(-lag)
    ends = {"acf_low": decay - 0.1, "acf_high": np.minimum(decay + 0.1, 1.0)}
    return pd.DataFrame({"lag_ps": lag, "acf": decay, **ends})


def dissociation(name: str) -> pd.DataFrame:
    shares = {"share_O": 0.0, "share_OH": 0.02, "share_H3O": 0.02}
    return pd.DataFrame({"replica": 0, "time_ps": np.arange(3.0), **shares})


def of(make, names, size=12.0):
    return {(name, size): make(name) for name in names}


OWN = ("reference", "short", "long")
ALL = (*OWN, "theirs")


def rows(table: pd.DataFrame, panel: str, potential: str) -> pd.DataFrame:
    return table[(table["panel"] == panel) & (table["potential"] == potential)]


@pytest.fixture(scope="module")
def first():
    makers = (element_density, cumulative, dipole, summary)
    return fig1.draw(*(of(make, ALL) for make in makers), spec_of("fig1"))


def test_fig1_shows_volts_by_the_electronic_charge(first):
    figure, table = first
    profile = rows(table, "b", "short")
    volts = SIGMA_E_PER_A["short"] * ELECTRONIC_E / OWN_E / EPSILON_0
    assert profile["y"].max() == pytest.approx(volts, rel=1e-6)
    histogram = rows(table, "c", "short")
    assert histogram["y"].sum() * histogram["x"].diff().median() == pytest.approx(1.0)
    assert set(table["y_quantity"]) >= {"density_O_per_A3", "density_H_per_A3"}
    assert len(figure.axes) == 4


def test_fig1_leaves_models_of_others_to_figS2(first):
    _, table = first
    assert set(table["potential"]) == {*OWN, "dielectric"}
    drawn, both = figS2.draw(of(cumulative, ALL), of(dipole, ALL), spec_of("figS2"))
    assert set(both["potential"]) == set(ALL)
    assert drawn.get_supxlabel() == ""


def test_figS2_says_that_there_is_no_foundation_model():
    spec = spec_of("figS2")
    own = {name: shown for name, shown in spec.potentials.items() if name in OWN}
    spec = spec.model_copy(update={"potentials": own})
    figure, _ = figS2.draw(of(cumulative, OWN), of(dipole, OWN), spec)
    assert "no foundation model" in figure.get_supxlabel()


def test_a_spread_without_interval_is_a_lower_bound(first):
    _, table = first
    bound = rows(table, "d", "short")
    known = rows(table, "d", "reference")
    assert np.isnan(bound["y_low"].iloc[0]) and np.isfinite(bound["y"].iloc[0])
    assert known["y_low"].iloc[0] == pytest.approx(0.9 * known["y"].iloc[0])


def test_the_dielectric_layer_is_that_of_the_continuum(first):
    _, table = first
    [found] = rows(table, "d", "dielectric")["y"]
    surface = CONFIG.campaigns["interface"].surface
    x, y = surface.edges_A
    thickness = CONFIG.campaigns["interface"].n_molecules(12.0) / (x * y) / 0.03333
    reduced = dielectric_fluctuation(CONFIG.analysis.relative_permittivity)
    sigma = np.sqrt(BOLTZMANN * 330.0 * EPSILON_0 * reduced * thickness / (x * y)) / EPSILON_0
    assert found == pytest.approx(sigma * ELECTRONIC_E / OWN_E, rel=2e-3)


def test_figS5_tells_the_centre_from_the_total():
    spec = spec_of("figS5")
    assert list(spec.potentials) == list(OWN)
    tables = [of(make, OWN) for make in (cumulative, dipole, summary)]
    figure, table = figS5.draw(*tables, spec)
    assert len(figure.axes) == 6
    centre, total = (rows(table, panel, "short") for panel in "ce")
    frames = dipole("short")
    expected = 0.5 * (frames["P_low_e_per_A"] - frames["P_up_e_per_A"])
    for found, values in ((centre, expected), (total, frames["P_z_e_per_A"])):
        volts = values * ELECTRONIC_E / OWN_E / EPSILON_0
        width = found["x"].diff().median()
        mean = (found["x"] * found["y"]).sum() * width
        assert mean == pytest.approx(volts.mean(), abs=0.6 * width)
    assert {"dV_centre_V", "P_z_over_eps0_V"} <= set(table["x_quantity"])


def test_the_other_figures_are_drawn_from_their_tables():
    _, table = figS3.draw(of(dissociation, ALL), spec_of("figS3"))
    assert set(table["y_quantity"]) == {"percent_O", "percent_OH", "percent_H3O"}
    assert rows(table, "b", "short")["y"].tolist() == [2.0] * 3
    _, table = figS4.draw(of(memory, ALL), spec_of("figS4"))
    assert set(table["potential"]) == set(ALL)
    tables = [of(make, OWN, 24.0) for make in (cumulative, dipole, summary)]
    _, table = figS12.draw(*tables, spec_of("figS12"))
    assert rows(table, "c", "dielectric")["y"].iloc[0] > 0.0
    makers = (element_density, cumulative, dipole, summary, memory)
    figure, table = figS13.draw(*(of(make, ["rutile"]) for make in makers), spec_of("figS13"))
    assert len(figure.axes) == 5
    assert set(table["panel"]) == set("abcde")


def test_tables_of_symbols_and_formal_charges():
    symbols = tableS1.tabulate(spec_of("tableS1"))
    assert not symbols["symbol"].duplicated().any()
    charges = tableS2.tabulate(spec_of("tableS2"))
    assert charges.to_dict("records") == [{"model": "long", "H_e": 1, "O_e": -2, "Cu_e": 0}]


def test_what_is_on_request_is_made_by_its_name_alone():
    wanted = PLAN.wanted
    assert {"fig1", "figS2", "figS3", "figS4", "figS5", "figS12", "tableS3"} <= set(wanted)
    assert not {"figS13", "tableS10"} & set(wanted)
    assert [path.split("/")[2] for path in PLAN.inputs("figS13")] == ["rutile"] * 5
    assert set(PLAN.product("table_runs").potentials) == set(ALL)
    assert "rutile" not in PLAN.product("table_check").potentials
    assert not any("rutile" in path for path in PLAN.inputs("table_runs"))


def test_every_figure_of_interfaces_has_a_caption():
    names = [name for name, product in PRODUCTS.items() if "_water" in " ".join(product.campaigns)]
    names = [name for name in names if not name.startswith("fig3")] + ["tableS1", "tableS2"]
    missing = [name for name in names if PRODUCTS[name].caption is None]
    assert len(names) > 8
    assert missing == []
