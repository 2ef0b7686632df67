"""Figures of the electrons of water beside a metal, on bands that are bent by a known ΔV."""

import numpy as np
import pandas as pd
import pytest
import yaml
from checkouts import ROOT
from electronic_jobs import read_spec
from metal_jobs import CBM_EV, ELECTRONIC, VBM_EV, computed, interface, written

from falsemetal.config import parse_config
from falsemetal.config.plan import Plan
from falsemetal.electronic.job import Outcome
from falsemetal.electronic.settings import BandSearch
from falsemetal.electronic.summary import summarise_job, tabulate_density
from falsemetal.products import band_edges, fig2a, fig2c, figS1b, figS6, style
from falsemetal.products.making import NothingToShowError, make_product
from falsemetal.products.registry import PRODUCTS
from falsemetal.units import EPSILON_0

DIFFERENCES_V = (-3.3, -2.2, -1.1, -1.2, -0.2, 0.1, 1.2, 2.3, 3.2)
OFFSET_V = 1.1
PLATEAU_V = 2.5
"""Largest dipole of electronic structure: beyond it electrons flow."""

FIGURES = ("fig2a", "fig2c", "figS1b", "figS6")
STAMP = {"commit": "0123abc"}
SPEC = read_spec(ELECTRONIC.model_copy(update={"band_search": BandSearch(overlap_eV=1.3)}))


def configuration() -> dict:
    """Frames of copper and water in both layouts, of campaigns that are asked for."""
    raw = yaml.safe_load((ROOT / "config/interfaces.yaml").read_text())
    frames = {"potential": "truncated", "size_A": 24.2, "quantiles": [0.5]}
    raw["electronic"]["frames"] = {
        "film": frames | {"campaign": "interface"},
        "cell": frames | {"campaign": "periodic"},
    }
    return raw


PLAN = Plan(parse_config(configuration(), source="test"), {})


def job_tables(folder, differences_V, *, confined: bool) -> tuple[pd.DataFrame, dict]:
    rows, density = [], {}
    name = "cell" if confined else "film"
    for number, difference_V in enumerate(differences_V):
        frame = interface(difference_V, confined=confined)
        frame.info["trajectory"] = "results/interfaces/trajectories/truncated/interface/24.2A/0.h5"
        frame.info["time_ps"] = 10.0 * number
        job = written(folder / str(number), frame)
        outcome = computed(job, difference_V)
        row = summarise_job(job, outcome, SPEC).assign(frames=name, frame=number, job="PBE")
        rows.append(row)
        density[name, number, "PBE"] = tabulate_density(job, outcome, SPEC)
    jobs = pd.concat(rows, ignore_index=True)
    if not confined:
        jobs["P_z_dft_e_per_A"] = EPSILON_0 * (
            OFFSET_V + jobs["delta_V_V"].clip(-PLATEAU_V, PLATEAU_V)
        )
    return jobs, density


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return job_tables(tmp_path_factory.mktemp("film"), DIFFERENCES_V, confined=False)


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    differences_V = (-2.6, 0.1, 2.4, 1.0, 0.5)
    return job_tables(tmp_path_factory.mktemp("cell"), differences_V, confined=True)


@pytest.fixture(scope="module")
def voltage() -> dict:
    """Make runs of a potential whose ΔV is narrow, and of one whose is wide."""
    rng = np.random.default_rng(1)
    return {
        (name, 24.2): pd.DataFrame({"replica": 0, "delta_V_V": sigma * rng.standard_normal(2000)})
        for name, sigma in (("reference", 0.8), ("truncated", 4.0))
    }


def test_fig2a_shows_the_extremes_and_the_smallest_dipole(film) -> None:
    jobs, density = film
    figure, table = fig2a.draw(jobs, density, PLAN.product("fig2a"))
    assert list(table.groupby("panel")["delta_V_V"].first()) == [-3.3, 0.1, 3.2]
    assert set(table["region"]) == {"metal", "water"}
    assert len(figure.axes) == 9
    left, middle, right = figure.axes[:3]
    # the metal to the left, at heights below its face
    assert left.get_xlim()[0] > left.get_xlim()[1]
    assert table.loc[table["region"] == "metal", "height_A"].max() < 0.5
    # water keeps its own states in the map, and the metal's are divided
    [mesh] = middle.collections
    first = density["film", 0, "PBE"]
    water = first[first["region"] == "water"]
    values = mesh.get_array()
    highest = water[water["height_A"] == water["height_A"].max()]
    np.testing.assert_allclose(values[:, -1], highest["states_per_eV"])
    drawn = [line.get_ydata()[0] for line in right.get_lines()]
    assert drawn == pytest.approx([0.0, *jobs.loc[0, ["vbm_eV", "cbm_eV"]]])


def test_figS6_shows_the_bands_bent_to_the_centre_and_a_late_frame(cell) -> None:
    jobs, density = cell
    figure, table = figS6.draw(jobs, density, PLAN.product("figS6"))
    assert list(table.groupby("panel")["delta_V_V"].first()) == [-2.6, 0.1, 2.4, 0.5]
    assert len(figure.axes) == 12
    metal = table.loc[table["region"] == "metal", "height_A"]
    water = table.loc[table["region"] == "water", "height_A"]
    assert metal.min() < water.min()
    assert metal.max() > water.max()
    assert "40 ps" in figure.axes[10].get_title()


def test_the_edges_cross_the_fermi_level_where_the_bands_do(film, voltage) -> None:
    jobs, _ = film
    figure, table = fig2c.draw(jobs, voltage, PLAN.product("fig2c"))
    value = table.set_index(["series", "name", "quantity"])["y"]
    # the highest layer moves by nearly all of ΔV
    assert value["fit", "vbm_eV", "slope_eV_per_V"] == pytest.approx(-1.0, abs=0.1)
    assert value["fit", "cbm_eV", "slope_eV_per_V"] == pytest.approx(-1.0, abs=0.1)
    assert value["window", "fits", "window_low_V"] == pytest.approx(VBM_EV, abs=0.3)
    assert value["window", "fits", "window_high_V"] == pytest.approx(CBM_EV, abs=0.3)
    frames = table[(table["series"] == "frame") & (table["quantity"] == "vbm_eV")]
    assert len(frames) == len(DIFFERENCES_V)
    # -1.1 and -1.2 V share a bin
    of_two = table[(table["series"] == "bin") & (table["n"] == 2)]
    [bin_of_two] = of_two[of_two["quantity"] == "vbm_eV"].itertuples()
    pair = frames.loc[frames["x_V"].between(-1.5, -1.0), "y"]
    assert bin_of_two.x_V == -1.25
    assert bin_of_two.y == pytest.approx(pair.mean())
    assert bin_of_two.y_high - bin_of_two.y == pytest.approx(pair.std())
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert any(label.startswith("VBM, ") for label in labels)
    assert any(label.startswith("beyond ") and label.endswith("(lines)") for label in labels)
    assert any("SPC/E, truncated" in label and "%" in label for label in labels)


def test_metallic_shares_are_of_the_window_with_their_interval(film, voltage) -> None:
    jobs, _ = film
    _, table = fig2c.draw(jobs, voltage, PLAN.product("fig2c"))
    shares = table[table["series"] == "metallic_share"].set_index("name")
    low, high = table.loc[table["series"] == "window", "y"]
    for (name, _), runs in voltage.items():
        outside = ((runs["delta_V_V"] < low) | (runs["delta_V_V"] > high)).mean()
        share = shares.loc[name]
        assert share["y"] == pytest.approx(outside)
        assert share["y_low"] < share["y"] < share["y_high"]
        assert share["n"] > 500
    density = table[(table["series"] == "distribution") & (table["name"] == "truncated")]
    assert density["y"].sum() * fig2c.HISTOGRAM_BIN_V == pytest.approx(1.0)


def test_without_lines_the_window_is_that_of_the_campaign(film, voltage) -> None:
    jobs, _ = film
    near = jobs.loc[[jobs["delta_V_V"].abs().idxmin()]]
    figure, table = fig2c.draw(near, voltage, PLAN.product("fig2c"))
    window = table[table["series"] == "window"]
    assert set(window["name"]) == {"campaign"}
    assert window["y"].tolist() == [-3.56, 2.11]
    assert "fit" not in set(table["series"])
    # runs that lack are named
    assert "no distribution of " in figure.get_supxlabel()


def test_frames_whose_edges_were_not_found_are_named(film, voltage) -> None:
    jobs, _ = film
    unfound = jobs.assign(edge_flag=["nothing there", *jobs["edge_flag"].iloc[1:]])
    figure, table = fig2c.draw(unfound, voltage, PLAN.product("fig2c"))
    assert "film/0/PBE: nothing there" in figure.get_supxlabel().replace("\n", " ")
    assert "film/0/PBE" not in set(table["name"])
    other = jobs.assign(trajectory="trajectories/truncated/small/9A/0.h5")
    figure, _ = fig2c.draw(other, voltage, PLAN.product("fig2c"))
    text = figure.get_supxlabel().replace("\n", " ")
    assert "edges of small 9 Å, distributions of interface 24.2 Å" in text


def test_figS1b_shows_a_plateau_beside_the_line_of_small_dipoles(film) -> None:
    jobs, _ = film
    figure, table = figS1b.draw(jobs, PLAN.product("figS1b"))
    small = np.abs(DIFFERENCES_V) <= 2.0
    assert (table["n_offset"] == small.sum()).all()
    np.testing.assert_allclose(table["offset_e_per_A"], EPSILON_0 * OFFSET_V)
    below = table["P_z_e_per_A"] + table["offset_e_per_A"] - table["P_z_dft_e_per_A"]
    at_plateau = np.abs(DIFFERENCES_V) > PLATEAU_V
    assert (below[at_plateau].abs() > 0.5 * EPSILON_0).all()
    assert below[~at_plateau].abs().max() < 1e-9
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert any(f"{OFFSET_V:+.2f} V" in label for label in labels)
    assert any("a band of the water" in label for label in labels)


def test_settings_move_the_gap_of_what_is_searched_alone(film) -> None:
    jobs, density = film
    _, table = band_edges.draw(jobs, density, PLAN.product("band_edges"))
    rows = table[(table["frame"] == 5) & (table["setting"] == "threshold_per_eV")]
    near = rows[rows["value"].between(0.8, 1.5)]
    assert near["edge_gap_eV"].to_numpy() == pytest.approx(jobs.loc[5, "edge_gap_eV"], abs=0.15)
    nothing = {key: states.assign(searched=False) for key, states in density.items()}
    assert band_edges.draw(jobs, nothing, PLAN.product("band_edges"))[1].empty


def test_figures_of_jobs_that_wait_say_so(film, cell, voltage, tmp_path) -> None:
    spec = {name: PLAN.product(name) for name in FIGURES}
    waiting = []
    for jobs, density in (film, cell):
        rows = [
            summarise_job(row.folder, Outcome("ready to run"), SPEC).assign(
                frames=row.frames, frame=row.frame, job=row.job
            )
            for row in jobs.itertuples()
        ]
        waiting += [
            pd.concat(rows, ignore_index=True),
            {key: table.iloc[:0] for key, table in density.items()},
        ]
    of_film, no_film, of_cell, no_cell = waiting
    for name, (figure, table) in {
        "fig2a": fig2a.draw(of_film, no_film, spec["fig2a"]),
        "fig2c": fig2c.draw(of_film, voltage, spec["fig2c"]),
        "figS1b": figS1b.draw(of_film, spec["figS1b"]),
        "figS6": figS6.draw(of_cell, no_cell, spec["figS6"]),
    }.items():
        assert "jobs missing, ready to run" in figure.get_supxlabel().replace("\n", " ")
        assert style.save_figure(figure, table, tmp_path / name, stamp=STAMP)


def test_fig2c_is_made_of_both_kinds_of_tables(film, voltage, tmp_path) -> None:
    jobs, _ = film
    paths = []
    for row in jobs.itertuples():
        folder = tmp_path / "electronic" / row.frames / str(row.frame) / row.job
        folder.mkdir(parents=True)
        paths.append(folder / "summary.csv")
        jobs.loc[[row.Index]].drop(columns=["frames", "frame", "job"]).to_csv(paths[-1])
    for (name, size), table in voltage.items():
        folder = tmp_path / f"observables/{name}/interface/{size:g}A"
        folder.mkdir(parents=True)
        paths.append(folder / "voltage.csv")
        table.to_csv(paths[-1], index=False)
    spec = PLAN.product("fig2c")
    make_product(spec, paths, tmp_path / "figures/fig2c", stamp=STAMP)
    made = pd.read_csv(tmp_path / "figures/fig2c.csv")
    assert set(made.loc[made["series"] == "distribution", "name"]) == {"reference", "truncated"}
    assert (made["series"] == "frame").sum() == 2 * len(jobs)
    with pytest.raises(NothingToShowError):
        make_product(spec, paths[len(jobs) :], tmp_path / "figures/fig2c", stamp=STAMP)


def test_what_is_asked_for() -> None:
    assert set(FIGURES) <= set(PLAN.wanted)
    tables = PLAN.inputs("fig2c")
    assert {path.split("/")[3] for path in tables if "/observables/" in path} == {"interface"}
    assert all("/24.2A/" in path for path in tables if "/observables/" in path)
    assert {path.split("/")[2] for path in PLAN.inputs("figS6")} == {"cell"}
    missing = [name for name in FIGURES if PRODUCTS[name].caption is None]
    assert missing == []
    shipped = Plan(
        parse_config(yaml.safe_load((ROOT / "config/interfaces.yaml").read_text()), source="x"), {}
    )
    assert not set(FIGURES) & set(shipped.wanted)
    assert any("/copper/0/PBE/summary.csv" in path for path in shipped.inputs("fig2c"))
    assert any("/interface/24.2A/voltage.csv" in path for path in shipped.inputs("fig2c"))
    small = shipped.inputs("fig2c-small")
    assert any("/small/9A/voltage.csv" in path for path in small)
