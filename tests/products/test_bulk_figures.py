import numpy as np
import pytest
from synthetic import BrokenBox, SyntheticBox, synthetic_config

from falsemetal.config.plan import Plan
from falsemetal.products import fig3d, figS7, relaxation, structure_factors, style, voltages

CONFIG = synthetic_config()
PLAN = Plan(CONFIG, {})
STAMP = {"commit": "0123abc"}


@pytest.fixture(scope="module")
def boxes() -> dict[tuple[str, float], SyntheticBox]:
    return {
        (name, length): SyntheticBox(CONFIG, name, length)
        for name in CONFIG.potentials
        for length in CONFIG.durations_ps(name, "elongated")
    }


def tables(boxes, name: str) -> dict:
    return {key: getattr(box, name) for key, box in boxes.items()}


def draw_all(boxes) -> dict:
    return {
        "fig3c": voltages.draw(
            tables(boxes, "summary"), tables(boxes, "voltage"), PLAN.product("fig3c")
        ),
        "fig3d": fig3d.draw(tables(boxes, "autocorrelation"), PLAN.product("fig3d")),
        "structure_factors": structure_factors.draw(
            tables(boxes, "structure_factors"), PLAN.product("structure_factors")
        ),
        "relaxation": relaxation.draw(
            tables(boxes, "voltage"),
            PLAN.product("structure_factors").model_copy(
                update={"settings": PLAN.product("fig3a").settings}
            ),
        ),
        "figS7": figS7.draw(tables(boxes, "rdf"), PLAN.product("fig3d")),
    }


def test_violins_are_distributions_of_every_potential_where_it_is_run(boxes):
    figure, table = voltages.draw(
        tables(boxes, "summary"), tables(boxes, "voltage"), PLAN.product("fig3c")
    )
    shown = set(zip(table["potential"], table["length_A"], strict=True))
    assert shown == set(boxes)
    for key in boxes:
        rows = table[(table["potential"] == key[0]) & (table["length_A"] == key[1])]
        violin = rows[rows["quantity"] == "probability_density_per_V"]
        assert np.trapezoid(violin["y"], violin["x_V"]) == pytest.approx(1.0, abs=0.01)
        mean = rows[rows["quantity"] == "mean_dV_V"].iloc[0]
        assert mean["y_low"] < mean["y"] < mean["y_high"]
        assert mean["y"] == pytest.approx(np.concatenate(boxes[key].replicas).mean())
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["SPC/E", "SR-MACE", "LR-MACE"]


def test_memory_has_a_panel_for_each_length(boxes):
    figure, table = fig3d.draw(tables(boxes, "autocorrelation"), PLAN.product("fig3d"))
    assert [axes.get_title() for axes in figure.axes] == ["$L_z$ = 12.4 Å", "$L_z$ = 24.8 Å"]
    assert list(table.columns) == ["potential", "length_A", "lag_ps", "acf", "acf_low", "acf_high"]
    assert (table[table["lag_ps"] == 0]["acf"] == 1.0).all()


def test_radial_distributions_keep_their_columns(boxes):
    figure, table = figS7.draw(tables(boxes, "rdf"), PLAN.product("fig3d"))
    assert [axes.get_title() for axes in figure.axes] == ["O–O", "O–H", "H–H"]
    assert {"potential", "length_A", "r_A", "g_OO", "g_OO_low", "g_HH_high"} <= set(table.columns)


def test_figures_show_what_is_missing(boxes, tmp_path):
    lost = boxes | {("short", 24.8): BrokenBox(boxes["short", 24.8])}
    for name, (figure, table) in draw_all(lost).items():
        assert figure.get_supxlabel() == "no data, all runs failed: SR-MACE 24.8 Å"
        style.save_figure(figure, table, tmp_path / name, stamp=STAMP)


def test_figures_name_potentials_whose_engine_is_absent(boxes):
    there = {key: box for key, box in boxes.items() if key[0] != "short"}
    spec = Plan(CONFIG, {"short": "no usable CP2K"}).product("fig3d")
    figure, _ = fig3d.draw(tables(there, "autocorrelation"), spec)
    assert figure.get_supxlabel() == "no data, no usable CP2K: SR-MACE 12.4 Å, SR-MACE 24.8 Å"


def test_figures_of_nothing_but_broken_runs_are_drawn(boxes, tmp_path):
    for name, drawn in draw_all({key: BrokenBox(box) for key, box in boxes.items()}).items():
        assert style.save_figure(*drawn, tmp_path / name, stamp=STAMP)
