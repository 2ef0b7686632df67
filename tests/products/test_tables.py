import pandas as pd
from synthetic import SyntheticSlab, synthetic_config

from falsemetal.config.plan import Plan
from falsemetal.products import table_errors, table_runs
from falsemetal.products.saving import save_table, to_markdown

CONFIG = synthetic_config()
PLAN = Plan(CONFIG, {})
SIZES_A = CONFIG.campaigns["slabs"].sizes_A


def test_errors_name_architecture_and_put_all_frames_first():
    errors = pd.DataFrame(
        {
            "config_type": ["bulk", "all"],
            "n_frames": [5, 9],
            "rmse_energy_meV_per_atom": [0.3, 0.4],
            "rmse_force_meV_per_A": [27.4, 28.0],
        }
    )
    table = table_errors.tabulate({"short": errors, "long": errors}, PLAN.product("table_errors"))
    assert list(table["model"]) == ["SR-MACE", "SR-MACE", "LR-MACE", "LR-MACE"]
    assert list(table["config_type"]) == ["all", "bulk"] * 2
    assert {"r_cut_A", "l_max", "channels", "layers", "dataset"} <= set(table.columns)


def test_runs_of_all_potentials(tmp_path):
    summaries = {
        (name, thickness): SyntheticSlab(CONFIG, name, thickness).summary
        for name in CONFIG.potentials
        for thickness in SIZES_A
    }
    table = table_runs.tabulate({"slabs": summaries}, PLAN.product("table_runs"))
    assert len(table) == len(CONFIG.potentials) * len(SIZES_A)
    thickest = table[(table["model"] == "SR-MACE") & (table["size_A"] == 37.3)].iloc[0]
    assert thickest["cell_A"] == "12.42 × 12.42 × 80"
    assert thickest["n_atoms"] == 3 * CONFIG.campaigns["slabs"].n_molecules(37.3)
    assert thickest["time_ps"] == 160.0
    assert list(table["n_runs_failed"].unique()) == [0]
    csv, markdown = save_table(table, tmp_path / "runs")
    assert len(pd.read_csv(csv)) == len(table)
    assert len(markdown.read_text().splitlines()) == len(table) + 2


def test_markdown_marks_what_is_unknown():
    table = pd.DataFrame({"a": [1.0, float("nan")], "b": ["x", "y"]})
    assert to_markdown(table) == "| a | b |\n| --- | --- |\n| 1 | x |\n| – | y |\n"
