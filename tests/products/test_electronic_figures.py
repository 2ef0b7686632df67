"""Figures of electronic structure on synthetic jobs whose gaps follow the line."""

from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
from synthetic import synthetic_config

from falsemetal.config.plan import Plan
from falsemetal.electronic.density_of_states import smear_levels
from falsemetal.electronic.settings import Electronic, FrameSet
from falsemetal.products import band_edges, fig2b, fig3b, figS1, figS9, figS11, style
from falsemetal.products.band_diagram import as_map
from falsemetal.units import EPSILON_0

GAP_EV = 4.34
CHARGE_O_E = -0.5562
DFT_CHARGE_O_E = -0.60
DIFFERENCES_V = np.array([-5.2, -3.0, -1.5, -0.4, 0.3, 1.2, 2.8, 4.6])
ENERGIES_EV = np.linspace(-20.0, 10.0, 301)
CONFIG = synthetic_config().model_copy(
    update={
        "electronic": Electronic(
            frames={"s": FrameSet(potential="short", campaign="slabs", size_A=37.3, targets_V=[0])}
        )
    }
)
PLAN = Plan(CONFIG, {})
STAMP = {"commit": "0123abc"}


@pytest.fixture(scope="module")
def jobs() -> pd.DataFrame:
    """Slabs, the last of which did not converge, one of them in a field too, and a bulk frame."""
    gaps = np.maximum(GAP_EV - np.abs(DIFFERENCES_V), 0.0)
    slabs = pd.DataFrame(
        {
            "frames": "slab",
            "frame": range(len(DIFFERENCES_V)),
            "job": "PBE",
            "functional": "PBE",
            "engine": "CP2K 2023.1",
            "boundary": "film",
            "field_V_per_A": 0.0,
            "cubes": False,
            "charge_e": CHARGE_O_E,
            "delta_V_V": DIFFERENCES_V,
            "P_z_e_per_A": EPSILON_0 * DIFFERENCES_V,
            "P_z_dft_e_per_A": EPSILON_0 * DIFFERENCES_V * DFT_CHARGE_O_E / CHARGE_O_E,
            "gap_eV": gaps,
            "edge_gap_eV": gaps - 0.1,
            "edge_flag": "",
            "status": "done",
        }
    )
    slabs.loc[len(slabs) - 1, "status"] = "not converged"
    slabs.loc[3, "cubes"] = True
    in_field = slabs.iloc[[3]].assign(job="PBE-0.02", field_V_per_A=0.02, gap_eV=gaps[3] + 0.3)
    bulk = slabs.iloc[[0, 0]].assign(
        frames="bulk",
        frame=0,
        boundary="bulk",
        functional=["RPBE", "revPBE0"],
        job=["RPBE", "revPBE0"],
        P_z_e_per_A=np.nan,
        P_z_dft_e_per_A=np.nan,
        delta_V_V=5.5,
    )
    return pd.concat([slabs, in_field, bulk], ignore_index=True)


@pytest.fixture(scope="module")
def density(jobs) -> dict:
    tables = {}
    for job in jobs.itertuples():
        heights = np.linspace(0.0, 20.0, 12)
        tilt = job.delta_V_V * (heights / heights[-1] - 0.5)
        states = [
            smear_levels(np.array([-2.0, 2.3]) - shift, np.ones(2), ENERGIES_EV, smearing_eV=0.1)
            for shift in tilt
        ]
        tables[job.frames, job.frame, job.job] = pd.DataFrame(
            {
                "region": "water",
                "searched": True,
                "height_A": np.nan,
                "z_A": np.repeat(heights, len(ENERGIES_EV)),
                "energy_eV": np.tile(ENERGIES_EV, len(heights)),
                "states_per_eV": np.ravel(states),
            }
        )
    return tables


def test_a_line_is_fitted_freely_to_gaps_that_are_open(jobs) -> None:
    figure, table = fig3b.draw(jobs, PLAN.product("fig3b"))
    assert len(table) == len(DIFFERENCES_V)
    shown = table[table["status"] == "done"]
    assert len(shown) == len(table) - 1, "the job that did not converge"
    assert shown["largest_gap_eV"].to_numpy() == pytest.approx(GAP_EV - 0.3)
    assert shown["intercept_eV"].to_numpy() == pytest.approx(GAP_EV)
    assert shown["slope_eV_per_V"].to_numpy() == pytest.approx(-1.0)
    assert shown["scatter_eV"].to_numpy() == pytest.approx(0.0, abs=1e-9)
    # that of 5.2 V is closed, and the line with it: it tells nothing of the slope
    assert (shown["n_fitted"] == 6).all()
    drawn = {line.get_label(): line.get_xydata() for line in figure.axes[0].get_lines()}
    np.testing.assert_allclose(
        drawn["PBE, levels"], np.stack([shown["P_z_e_per_A"].abs(), shown["gap_eV"]], axis=1)
    )
    [fit] = [points for label, points in drawn.items() if label.startswith("fit")]
    np.testing.assert_allclose(fit, [[0.0, GAP_EV], [GAP_EV * EPSILON_0, 0.0]], atol=1e-9)
    assert figure.get_supxlabel() == "1 of 8 jobs missing, not converged: slab/7/PBE"


def test_the_slope_has_an_interval_and_frames_their_scatter() -> None:
    rng = np.random.default_rng(3)
    held = []
    for _ in range(400):
        voltage = rng.uniform(0.0, 4.0, 9)
        gaps = 4.4 - 1.0 * voltage + 0.5 * rng.standard_normal(9)
        line = fig3b.fit_gaps(gaps, voltage)
        held.append(abs(line.slope_eV_per_V + 1.0) <= line.slope_half_width_eV_per_V)
    assert np.mean(held) == pytest.approx(0.95, abs=0.03)
    line = fig3b.fit_gaps(np.array([4.0, 3.2, 2.9]), np.array([0.0, 1.0, -2.0]))
    # residuals of (4, 3.2, 2.9) about their line are (0.0833, -0.1667, 0.0833)
    assert line.scatter_eV == pytest.approx(np.sqrt(0.0833**2 * 2 + 0.1667**2), abs=1e-3)
    assert fig3b.fit_gaps(np.array([4.0, 3.2]), np.array([0.0, 1.0])) is None


def test_closed_frames_do_not_sharpen_the_line() -> None:
    gaps, voltage = np.array([4.1, 3.1, 2.3, 0.9, 0.0]), np.array([0.0, 1.0, 2.0, 3.0, 5.0])
    line = fig3b.fit_gaps(gaps, voltage)
    more = fig3b.fit_gaps(np.append(gaps, [0.0] * 20), np.append(voltage, np.linspace(6, 9, 20)))
    np.testing.assert_allclose(astuple(more), astuple(line))
    assert line.n_fitted == 4


def test_the_charge_is_fitted_to_small_dipoles(jobs) -> None:
    figure, table = figS1.draw(jobs, PLAN.product("figS1"))
    assert table["charge_O_fitted_e"].to_numpy() == pytest.approx(DFT_CHARGE_O_E)
    assert (table["n_fitted"] == 4).all()
    [text] = figure.legends[0].get_texts()
    assert f"{DFT_CHARGE_O_E:.4f} e" in text.get_text()
    few = jobs[jobs["frame"] < 4]
    [text] = figS1.draw(few, PLAN.product("figS1"))[0].legends[0].get_texts()
    assert "too few frames" in text.get_text()


def test_each_functional_has_a_charge_of_its_own(jobs) -> None:
    other = jobs.assign(functional="RPBE", P_z_dft_e_per_A=1.1 * jobs["P_z_dft_e_per_A"])
    _, table = figS1.draw(pd.concat([jobs, other], ignore_index=True), PLAN.product("figS1"))
    charges = table.groupby("functional")["charge_O_fitted_e"].first()
    assert charges["RPBE"] == pytest.approx(1.1 * charges["PBE"])


def test_panels_are_those_of_the_extreme_and_the_smallest_dipole(jobs, density) -> None:
    figure, table = figS9.draw(jobs, density, PLAN.product("figS9"))
    assert list(table.groupby("panel")["delta_V_V"].first()) == [-5.2, 0.3, 2.8]
    assert len(figure.axes) == 6
    assert "not converged: slab/7" in figure.get_supxlabel()
    # what was drawn is what was given, height to the right and energy upward
    heights, energies, values = as_map(density["slab", 0, "PBE"])
    assert values.shape == (len(heights), len(energies))
    first = density["slab", 0, "PBE"]
    [mesh] = figure.axes[0].collections
    assert mesh.get_array()[17, 3] == first["states_per_eV"][3 * len(energies) + 17]


def test_bulk_has_a_panel_for_each_functional(jobs, density) -> None:
    figure, table = figS11.draw(jobs, density, PLAN.product("figS11"))
    assert list(table["functional"].unique()) == ["RPBE", "revPBE0"]
    assert figure.axes[0].get_title().startswith("RPBE: ")


def test_settings_of_the_search_move_the_gap_little_where_bands_are_apart(jobs, density) -> None:
    figure, table = band_edges.draw(jobs, density, PLAN.product("band_edges"))
    assert len(figure.axes) == 3
    # of the slab with the smallest dipole: bands of one level each, smeared by 0.1 eV
    rows = table[(table["frame"] == 4) & table["value"].between(0.2, 1.0)]
    assert len(rows) > 20
    assert (rows["edge_gap_eV"] - rows["gap_eV"]).abs().max() < 0.6
    assert set(table["frame"]) == set(range(len(DIFFERENCES_V) - 1))


def test_responses_are_drawn_in_their_slabs(jobs) -> None:
    heights = np.linspace(0.0, 40.0, 81)
    response = pd.DataFrame(
        {
            "z_A": heights,
            "delta_phi_eV": 0.02 * heights,
            "delta_rho_per_A3": np.sin(heights),
            "slab_low_A": 10.0,
            "slab_high_A": 30.0,
        }
    )
    figure, table = fig2b.draw(jobs, {("slab", 3, "PBE-0.02"): response}, PLAN.product("fig2b"))
    assert len(table) == len(heights)
    assert len(figure.axes) == 2
    assert table["share_within"].to_numpy() == pytest.approx(1.0)
    assert f"{jobs['gap_eV'][3]:.1f} eV" in figure.axes[0].get_title()
    unread = fig2b.draw(jobs, {("slab", 3, "PBE-0.02"): response.iloc[:0]}, PLAN.product("fig2b"))[
        0
    ]
    assert unread.get_supxlabel() == "no response of slab/3/PBE-0.02 could be read"


def test_figures_of_jobs_that_wait_are_drawn_and_say_so(jobs, density, tmp_path) -> None:
    waiting = jobs.assign(status="ready to run")
    nothing = {key: table.iloc[:0] for key, table in density.items()}
    for name, (figure, table) in {
        "fig3b": fig3b.draw(waiting, PLAN.product("fig3b")),
        "figS1": figS1.draw(waiting, PLAN.product("figS1")),
        "figS9": figS9.draw(waiting, nothing, PLAN.product("figS9")),
        "figS11": figS11.draw(waiting, nothing, PLAN.product("figS11")),
        "band_edges": band_edges.draw(waiting, nothing, PLAN.product("band_edges")),
        "fig2b": fig2b.draw(
            waiting, {("slab", 3, "PBE-0.02"): pd.DataFrame()}, PLAN.product("fig2b")
        ),
    }.items():
        assert "jobs missing, ready to run" in figure.get_supxlabel()
        assert style.save_figure(figure, table, tmp_path / name, stamp=STAMP)
