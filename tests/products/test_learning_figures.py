"""Figures and tables of learning loops and grids, from tables of known numbers."""

import copy

import numpy as np
import pandas as pd
import pytest
import yaml
from checkouts import ROOT

from falsemetal.config import parse_config
from falsemetal.config.plan import Plan
from falsemetal.products import figS4b, generations, learning, tableS8, tableS9

RAW = yaml.safe_load((ROOT / "config/learning.yaml").read_text())
PLAN = Plan(parse_config(RAW, source="learning.yaml"), {})
SIGMA_V = {
    "reference": 0.5,
    "truncated": 2.0,
    "sr-mace": 1.4,
    "sr-1": 1.3,
    "sr-2": 1.0,
    "sr-3": 0.7,
}
SIZES_A = (12.1, 36.3)


def sigma(name: str, size_A: float) -> float:
    return SIGMA_V.get(name, 0.9) * np.sqrt(size_A / 12.1)


def summary(value: float, *, known: bool = True) -> pd.DataFrame:
    """Tabulate an estimate ± 10 %, or a lower bound."""
    ends = (0.9 * value, 1.1 * value) if known else (np.nan, np.nan)
    row = dict(
        zip(("sigma_dV_V", "sigma_dV_V_low", "sigma_dV_V_high"), (value, *ends), strict=True)
    )
    return pd.DataFrame([row | {"n_frames": 100, "n_independent": 20.0}])


def summaries(*sizes_A: float) -> dict[tuple[str, float], pd.DataFrame]:
    return {
        (name, size): summary(sigma(name, size), known=name != "sr-2")
        for name in PLAN.config.potentials
        for size in sizes_A
    }


def test_figure_s4b_has_a_point_per_model_and_a_line_per_reference() -> None:
    figure, table = figS4b.draw(summaries(12.1), spec=PLAN.product("figS4b"))
    models = table.dropna(subset="layers").set_index("potential")
    assert models.loc["depth-gen3-3", ["dataset", "layers", "l_max"]].tolist() == ["gen3", 3.0, 0.0]
    assert models["layers"].value_counts().to_dict() == {2.0: 4, 1.0: 2, 3.0: 2}
    assert set(table.loc[table["layers"].isna(), "potential"]) == {
        *("reference", "truncated", "lr-mace")
    }
    assert models.loc["sr-3", "sigma_dV_V"] == pytest.approx(0.7)
    assert np.isnan(models.loc["sr-2", "sigma_dV_V_low"]), "a lower bound"
    [axes] = figure.axes
    assert axes.get_ylim()[0] == 0.0


def test_seeds_and_orders_are_told_apart() -> None:
    raw = copy.deepcopy(RAW)
    raw["grids"] = {"s": {"of": "sr-mace", "over": {"l_max": [0, 1], "seed": [2, 3]}}}
    plan = Plan(parse_config(raw, source="x"), {})
    tables = {(name, 12.1): summary(1.0) for name in plan.config.potentials}
    figure, table = figS4b.draw(tables, spec=plan.product("figS4b"))
    models = table.dropna(subset="layers")
    assert models.groupby("l_max").size().to_dict() == {0.0: 6, 1.0: 2}
    labels = figure.legends[0].get_texts()
    assert len({text.get_text() for text in labels}) == len(labels)


def test_the_question_is_asked_of_both_layers_of_single_points_and_of_cells() -> None:
    factors = pd.DataFrame({"k_per_A": [0.5, 0.25], "S_L": [3.0, 2.0], "S_L_low": 1.0})
    factors["S_L_high"] = 4.0
    boxes = {(name, 24.84): factors for name in PLAN.config.potentials}
    verdict = pd.DataFrame({"lambda": [0.1], "lambda_uncertainty": [0.02]})
    figure, table = learning.draw(
        summaries(*SIZES_A),
        boxes,
        dict.fromkeys(PLAN.config.potentials, verdict),
        spec=PLAN.product("learning"),
    )
    rows = table.set_index(["panel", "potential"])
    assert rows.loc[("a", "sr-3"), "value"] == pytest.approx(0.7)
    assert rows.loc[("b", "sr-3"), "value"] == pytest.approx(0.7 * np.sqrt(3.0))
    assert rows.loc[("c", "sr-3"), ["low", "high"]].tolist() == pytest.approx([0.08, 0.12])
    assert rows.loc[("d", "sr-3"), "value"] == 2.0, "at the longest wave"
    datasets = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert datasets == ["copper", "gen1", "gen2", "gen3"]


def test_what_is_not_there_leaves_its_panel_empty() -> None:
    _, table = learning.draw(summaries(12.1), {}, {}, spec=PLAN.product("learning"))
    assert set(table["panel"]) == {"a", "b"}


def added(dataset: str, of: str, n_before: int, n_added: int) -> pd.DataFrame:
    counts = {"n_before": n_before, "n_explored": 100, "n_refused": 3, "n_added": n_added}
    ends = {
        f"P_z_{end}_{when}_e_per_A": 0.01 for end in ("low", "high") for when in ("before", "after")
    }
    total = {"n_total": n_before + n_added}
    return pd.DataFrame([{"dataset": dataset, "of": of, "by": "sr"} | counts | total | ends])


STEPS = {"lr": added("lr", "copper", 243, 547), "gen1": added("gen1", "lr", 790, 95)}


def test_table_s9_begins_with_what_was_there() -> None:
    table = tableS9.tabulate(STEPS, None)
    assert table["dataset"].tolist() == ["copper", "lr", "gen1"]
    assert table["n_added"].tolist() == [243, 547, 95]
    assert table["n_total"].tolist() == [243, 790, 885]


def test_generations_count_what_was_known_explored_and_added() -> None:
    verdicts = ["held"] * 5 + ["known"] * 4 + ["added"] * 3 + ["not needed"] * 2 + ["refused"]
    dipoles = pd.DataFrame({"verdict": verdicts, "P_z_e_per_A": np.linspace(-0.03, 0.03, 15)})
    figure, table = generations.draw(STEPS, dict.fromkeys(STEPS, dipoles), spec=None)
    counts = table.groupby(["dataset", "frames"])["n"].sum()
    assert counts["gen1"].to_dict() == {"added": 3, "explored": 9, "in the dataset": 5}
    assert "1 unphysical" in figure.axes[1].get_title(loc="left")


def test_table_s8_puts_like_rows_together() -> None:
    rows = pd.DataFrame(
        {
            "config_type": ["all", "interface"],
            "n_frames": 9,
            "rmse_energy_meV_per_atom": [1.0, 2.0],
            "rmse_force_meV_per_A": [50.0, 60.0],
        }
    )
    errors = dict.fromkeys(("sr-mace", "lr-mace", "depth-gen3-1"), rows)
    table = tableS8.tabulate(errors, PLAN.product("tableS8"))
    assert table["config_type"].tolist() == ["all"] * 3 + ["interface"] * 3
    first = table.iloc[:3].set_index("dataset")
    assert first.loc["gen3", "layers"] == 1
