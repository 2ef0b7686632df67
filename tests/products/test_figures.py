import json

import pandas as pd
import pytest
from synthetic import BrokenSlab, SyntheticSlab, synthetic_config

from falsemetal.config import Config
from falsemetal.config.plan import Plan
from falsemetal.products import density, fig3a, figS8, style
from falsemetal.products.registry import ProductSpec

CONFIG = synthetic_config()
SIZES_A = CONFIG.campaigns["slabs"].sizes_A
THICKEST_A = max(SIZES_A)
STAMP = {"commit": "0123abc", "config": "synthetic", "inputs": {"a.csv": "sha256:00"}}


def spec_of(name: str, config: Config = CONFIG) -> ProductSpec:
    return Plan(config, {}).product(name)


@pytest.fixture(scope="module")
def slabs() -> dict[tuple[str, float], SyntheticSlab]:
    return {
        (name, thickness): SyntheticSlab(CONFIG, name, thickness)
        for name in CONFIG.potentials
        for thickness in SIZES_A
    }


def at_thickest(slabs, table: str) -> dict[str, pd.DataFrame]:
    return {
        (name, THICKEST_A): getattr(slabs[name, THICKEST_A], table) for name in CONFIG.potentials
    }


def test_fig3a_has_every_potential_at_every_thickness(slabs):
    figure, table = fig3a.draw({key: slab.summary for key, slab in slabs.items()}, spec_of("fig3a"))
    assert " ".join(table.columns) == (
        "potential kind dataset thickness_A sigma_P_e_per_A sigma_P_low sigma_P_high sigma_dV_V "
        "g g_low g_high converged mean_P_e_per_A mean_P_low mean_P_high correlation_time_ps "
        "memory_ps equilibrated_after_ps sampled_ps n_frames n_replicas fraction_metallic "
        "fraction_metallic_low fraction_metallic_high fraction_beyond_late_gap "
        "fraction_beyond_early_gap"
    )
    counts = table["potential"].value_counts()
    assert set(counts.index) == {*CONFIG.potentials, "dielectric", "blind"}
    assert set(counts) == {len(SIZES_A)}
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["SPC/E", "SR-MACE", "LR-MACE", "Dielectric", "Blind"]
    assert figure.axes[0].get_ylim()[1] > CONFIG.analysis.band_gap_eV


def test_a_potential_added_to_the_config_is_drawn_by_itself(slabs):
    raw = CONFIG.model_dump()
    raw["potentials"]["added"] = raw["potentials"]["short"] | {"label": None}
    config = Config.model_validate(raw)
    summaries = {key: slab.summary for key, slab in slabs.items()}
    summaries |= {("added", thickness): slabs["short", thickness].summary for thickness in SIZES_A}
    spec = spec_of("fig3a", config)
    figure, table = fig3a.draw(summaries, spec)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "added" in labels
    looks = style.looks(spec, table)
    assert len({look.color for look in looks.values()}) == len(looks)
    assert looks["added"].marker == looks["short"].marker
    assert {n: looks[n] for n in CONFIG.potentials} == style.looks(spec_of("fig3a"), table)


def test_one_thickness_is_enough(slabs):
    raw = CONFIG.model_dump(exclude_none=True)
    raw["campaigns"]["slabs"]["sizes_A"] = [THICKEST_A]
    for potential in raw["potentials"].values():
        potential["runs"]["slabs"]["duration_ps"] = 80.0
    spec = spec_of("fig3a", Config.model_validate(raw))
    _, table = fig3a.draw(at_thickest(slabs, "summary"), spec)
    assert set(table["thickness_A"]) == {THICKEST_A}


def test_figS8_has_three_panels(slabs):
    tables = [at_thickest(slabs, name) for name in ("dipole", "cumulative", "autocorrelation")]
    figure, table = figS8.draw(*tables, spec_of("figS8"))
    assert len(figure.axes) == 3
    assert list(table["panel"].unique()) == ["a", "b", "c"]
    histogram = table[(table["panel"] == "a") & (table["potential"] == "short")]
    width = histogram["x"].diff().median()
    assert histogram["y"].sum() * width == pytest.approx(1.0)


def test_density_keeps_its_columns(slabs):
    _, table = density.draw(at_thickest(slabs, "density"), spec_of("density"))
    assert list(table["potential"].unique()) == list(CONFIG.potentials)
    assert {"z_A", "density_g_per_cm3", "density_molecules_per_A3"} <= set(table.columns)


def test_a_figure_is_written_with_its_numbers_and_origin(slabs, tmp_path):
    figure, table = density.draw(at_thickest(slabs, "density"), spec_of("density"))
    paths = style.save_figure(figure, table, tmp_path / "new" / "density", stamp=STAMP)
    assert [path.name for path in paths] == [
        "density.pdf",
        "density.png",
        "density.csv",
        "density.provenance.json",
    ]
    assert b"0123abc" in paths[1].read_bytes()
    assert json.loads(paths[3].read_text()) == STAMP
    pd.testing.assert_frame_equal(pd.read_csv(paths[2]), table, rtol=1e-6, check_dtype=False)


def test_the_same_data_give_the_same_files(slabs, tmp_path):
    contents = []
    for run in ("first", "second"):
        figure, table = density.draw(at_thickest(slabs, "density"), spec_of("density"))
        paths = style.save_figure(figure, table, tmp_path / run / "density", stamp=STAMP)
        contents.append([path.read_bytes() for path in paths])
    assert contents[0] == contents[1]


def test_figures_show_what_is_missing(slabs, tmp_path):
    lost = slabs | {("short", THICKEST_A): BrokenSlab(slabs["short", THICKEST_A])}
    drawn = {
        "fig3a": fig3a.draw({key: slab.summary for key, slab in lost.items()}, spec_of("fig3a")),
        "figS8": figS8.draw(
            *(at_thickest(lost, name) for name in ("dipole", "cumulative", "autocorrelation")),
            spec_of("figS8"),
        ),
        "density": density.draw(at_thickest(lost, "density"), spec_of("density")),
    }
    for name, (figure, table) in drawn.items():
        assert figure.get_supxlabel() == "no data, all runs failed: SR-MACE 37.3 Å"
        style.save_figure(figure, table, tmp_path / name, stamp=STAMP)
        assert table["potential"].isin(["long"]).any()


def test_figures_of_nothing_but_broken_runs_are_drawn(slabs, tmp_path):
    lost = {key: BrokenSlab(slab) for key, slab in slabs.items()}
    for name, (figure, table) in {
        "fig3a": fig3a.draw({key: slab.summary for key, slab in lost.items()}, spec_of("fig3a")),
        "figS8": figS8.draw(
            *(at_thickest(lost, part) for part in ("dipole", "cumulative", "autocorrelation")),
            spec_of("figS8"),
        ),
        "density": density.draw(at_thickest(lost, "density"), spec_of("density")),
    }.items():
        assert style.save_figure(figure, table, tmp_path / name, stamp=STAMP)
