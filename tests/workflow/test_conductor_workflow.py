"""What a field does to water on a metal, from labels with charges to the figure, at toy size."""

import pandas as pd
import pytest
from checkouts import snakemake

from falsemetal.potentials.specs import (
    BARE,
    ELECTRONS_SPREAD,
    LAYER_CHARGE,
    SLOPE,
    SPREAD,
)

pytestmark = pytest.mark.workflow


def test_the_figure_shows_a_conductor_and_what_models_make_of_it(checkout) -> None:
    options = ("--configfile", "config/smoke-conductor.yaml")
    run = snakemake(checkout, "metal_response", "--cores", "2", *options)
    assert run.returncode == 0, run.stderr[-3000:]
    results = checkout / "results/smoke-conductor"
    assert not (results / "trajectories").exists()
    for suffix in ("pdf", "png", "provenance.json"):
        assert (results / f"figures/metal_response.{suffix}").stat().st_size > 0
    table = pd.read_csv(results / "figures/metal_response.csv")
    values = table.pivot_table("value", "potential", "quantity", aggfunc="max")
    assert set(values.index) == {"reference", "unpolarisable", "response"}
    assert values.loc["reference", LAYER_CHARGE] == pytest.approx(1.0, abs=0.05)
    assert values.loc["reference", SLOPE] == pytest.approx(1.0, abs=1e-6)
    answering = values.drop(index="unpolarisable")
    assert (answering[SPREAD] < 0.5 * answering[BARE]).all()
    assert (answering[ELECTRONS_SPREAD] < 0.01 * answering[BARE]).all()
