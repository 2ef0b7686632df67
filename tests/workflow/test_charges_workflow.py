"""The field within films by charges that answer to it, from labels to the figure, at toy size."""

import pandas as pd
import pytest
import yaml
from checkouts import ROOT, snakemake

from falsemetal.potentials.specs import NEUTRAL, SHARED
from falsemetal.products.internal_field import IGNORES

pytestmark = pytest.mark.workflow


def test_the_figure_needs_models_that_answer_and_no_dynamics(checkout) -> None:
    options = ("--configfile", "config/smoke-charges.yaml")
    run = snakemake(checkout, "internal_field", "--cores", "2", *options)
    assert run.returncode == 0, run.stderr[-3000:]
    results = checkout / "results/smoke-charges"
    assert not (results / "trajectories").exists()
    assert not (results / "models/lr-mace").exists()
    for suffix in ("pdf", "png", "provenance.json"):
        assert (results / f"figures/internal_field.{suffix}").stat().st_size > 0
    config = yaml.safe_load((ROOT / "config/smoke-charges.yaml").read_text())
    table = pd.read_csv(results / "figures/internal_field.csv")
    by_constraint = table.groupby("constraint")
    assert set(by_constraint.get_group(IGNORES)["potential"]) == {"spce", "lr-mace"}
    for constraint in (SHARED, NEUTRAL):
        rows = by_constraint.get_group(constraint)
        assert set(rows["potential"]) == {"qeq-mace"}
        assert list(rows["size_A"]) == config["campaigns"]["slabs"]["sizes_A"]
        assert set(rows["n_frames"]) == {config["analysis"]["response_frames"]}
        assert (rows["standard_error"] > 0.0).all()
    metal, insulator = (
        by_constraint.get_group(c)["internal_field_fraction"] for c in (SHARED, NEUTRAL)
    )
    assert metal.max() < 0.5 < insulator.min()
    again = snakemake(checkout, "internal_field", "--dry-run", *options)
    assert "Nothing to be done" in again.stdout + again.stderr
