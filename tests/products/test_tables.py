import pandas as pd
import pytest
from synthetic import SyntheticSlab, synthetic_config

from falsemetal.config import ConfigError, parse_config
from falsemetal.config.plan import Plan
from falsemetal.products import table_errors, table_published, table_runs
from falsemetal.products.making import NothingToShowError, make_product
from falsemetal.products.published import published_sets
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


PUBLISHED_SET = "C10H2-C10H3"


def chains_plan() -> Plan:
    """Two architectures with three and one seeds, of a set whose errors are published."""
    small = {"kind": "qeq", "dataset": "chains", "r_cut_A": 4.0, "layers": 1, "l_max": 0}
    return Plan(
        parse_config(
            {
                "name": "chains",
                "seed": 5,
                "datasets": {
                    "chains": {
                        "kind": "labelled",
                        "source": "carbon-chain-4g",
                        "published": PUBLISHED_SET,
                        "checks": {"clusters": "keep", "charged": "keep"},
                    },
                    "ice": {"kind": "labelled", "source": "rpbe-d3-ice-4g"},
                },
                "training": {"epochs": 1},
                "potentials": {
                    "qeq": small | {"label": "QEq"},
                    "reads": small | {"short_range": "reads_charges"},
                    "of-ice": small | {"dataset": "ice"},
                },
                "grids": {"seeds": {"of": "qeq", "over": {"seed": [6, 7]}}},
            },
            source="chains",
        ),
        {},
    )


def errors_of(energy: float, charge: float) -> pd.DataFrame:
    found = {"rmse_energy_meV_per_atom": energy, "rmse_force_meV_per_A": 50.0}
    row = {"config_type": "all", "n_frames": 26, "maximum_total_charge_error_e": 1e-15 * energy}
    row |= found | {"rmse_charge_me": charge, "rmse_charge_me_low": 0.9 * charge}
    return pd.DataFrame([row | {"config_type": "cluster", "n_frames": 20}, row])


def test_errors_stand_beside_published_ones_with_their_spread_over_seeds():
    plan = chains_plan()
    spec = plan.product("table_published")
    energies = {"qeq": 1.0, "reads": 0.8, "seeds-6": 1.2, "seeds-7": 1.4}
    assert set(spec.potentials) == set(energies)
    table = table_published.tabulate({n: errors_of(e, 7.0) for n, e in energies.items()}, spec)
    assert list(table.columns) == table_published.COLUMNS
    published = published_sets()[PUBLISHED_SET]
    assert list(table["model"]) == ["QEq"] * 4 + ["reads"] + [row.model for row in published]
    assert list(table["seed"][:5]) == ["5", "6", "7", "mean of 3", "5"]
    mean = table.iloc[3]
    assert mean["rmse_energy_meV_per_atom"] == pytest.approx(1.2)
    assert mean["rmse_energy_meV_per_atom_std"] == pytest.approx(0.2)
    assert mean["maximum_total_charge_error_e"] == 1.4e-15
    assert pd.isna(mean["rmse_charge_me_low"])
    assert not table["rmse_charge_me_low"][[0, 1, 2, 4]].isna().any()
    fourth = table.set_index("model").loc["4G-HDNNP"]
    assert (fourth["rmse_energy_meV_per_atom"], fourth["rmse_charge_me"]) == (1.194, 6.577)
    assert table["source"][5:].str.contains("doi:10.1038/").all()


def test_published_errors_stand_beside_those_that_are_there_alone():
    """One training has failed, or a configuration names no set."""
    plan = chains_plan()
    table = table_published.tabulate(
        {"seeds-7": errors_of(1.0, 7.0)}, plan.product("table_published")
    )
    assert list(table["seed"].dropna()) == ["7"]
    assert "table_published" in plan.wanted
    assert "table_published" not in PLAN.wanted


def test_a_configuration_without_published_errors_is_told_the_key(tmp_path):
    with pytest.raises(NothingToShowError, match=r"add datasets\.\*\.published"):
        make_product(PLAN.product("table_published"), [], tmp_path / "table", stamp={})


def test_an_unknown_set_of_published_errors_is_named():
    raw = chains_plan().config.model_dump(mode="json", exclude_none=True)
    raw["datasets"]["chains"]["published"] = "Ag5"
    with pytest.raises(ConfigError, match=r"chains.published: no errors of 'Ag5'.*one of: .*Ag3"):
        parse_config(raw, source="chains")
