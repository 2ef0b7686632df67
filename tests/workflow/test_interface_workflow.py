"""Water beside solids at toy size, from labels to figures; the numbers mean nothing."""

import pandas as pd
import pytest
from checkouts import snakemake

FIGURES = {
    "fig1": {"reference", "unpolarisable", "sr-mace", "lr-mace", "dielectric"},
    "figS2": {"reference", "unpolarisable", "sr-mace", "lr-mace"},
    "figS3": {"reference", "unpolarisable", "sr-mace", "lr-mace"},
    "figS4": {"reference", "unpolarisable", "sr-mace", "lr-mace"},
    "figS5": {"reference", "unpolarisable", "sr-mace", "lr-mace"},
    "figS12": {"reference", "unpolarisable", "dielectric"},
    "figS13": {"reference-rutile", "lr-rutile", "dielectric"},
}
TABLES = {"tableS1": None, "tableS2": ["lr-mace", "lr-rutile"], "tableS3": None, "tableS10": None}


@pytest.fixture(scope="module")
def results(checkout):
    targets = [*FIGURES, *TABLES]
    options = ("--cores", "2", "--configfile", "config/smoke-interfaces.yaml")
    run = snakemake(checkout, *targets, *options)
    assert run.returncode == 0, run.stderr[-3000:]
    return checkout / "results/smoke-interfaces"


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_shows_its_potentials(results, figure) -> None:
    table = pd.read_csv(results / f"figures/{figure}.csv")
    assert set(table["potential"]) == FIGURES[figure]
    for suffix in ("pdf", "png", "provenance.json"):
        assert (results / f"figures/{figure}.{suffix}").stat().st_size > 0


def test_tables_hold_the_models_of_their_solid(results) -> None:
    tables = {name: pd.read_csv(results / f"tables/{name}.csv") for name in TABLES}
    assert set(tables["tableS3"]["model"]) == {"sr-mace", "lr-mace"}
    assert set(tables["tableS10"]["model"]) == {"lr-rutile"}
    assert set(tables["tableS3"]["config_type"]) == {"all", "Cu-interface"}
    charges = tables["tableS2"].set_index("model")
    assert charges.loc["lr-mace", "Cu_e"] == 0.0
    assert charges.loc["lr-rutile", "Ti_e"] == 4.0


def test_dipoles_are_of_the_water_alone(results) -> None:
    folder = results / "observables/reference/between/6.5A"
    dipole, voltage = (pd.read_csv(folder / f"{name}.csv") for name in ("dipole", "voltage"))
    halves = dipole["P_low_e_per_A"] + dipole["P_up_e_per_A"]
    assert (halves - dipole["P_z_e_per_A"]).abs().max() < 1e-9
    centre = 0.5 * (dipole["P_low_e_per_A"] - dipole["P_up_e_per_A"]) / 0.0055263
    assert (voltage["delta_V_V"] - centre * 0.5562 / 0.8476).abs().max() < 1e-4


def test_all_leaves_what_is_on_request(results, checkout) -> None:
    run = snakemake(checkout, "--dry-run", "--configfile", "config/smoke-interfaces.yaml")
    assert run.returncode == 0, run.stderr
    assert "figS13" not in run.stdout + run.stderr
