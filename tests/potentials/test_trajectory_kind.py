"""A user's own trajectories become runs of a potential, wherever their films lie."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from recordings import INTERVAL_PS, tumbling, wrapped, write

from falsemetal import salvage
from falsemetal.config import ConfigError, parse_config
from falsemetal.config.checks import find_missing_files
from falsemetal.config.plan import Plan, plan_here
from falsemetal.observables.runs import observe
from falsemetal.potentials.recorded.reading import read_recorded
from falsemetal.potentials.recorded.spec import atoms_of
from falsemetal.products import table_runs
from falsemetal.products.saving import to_markdown
from falsemetal.simulation.foreign import TrajectoryError
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.systems.boundary import Boundary
from falsemetal.systems.system import System

N_FRAMES = 30
METAL = {"kind": "metal", "element": "Cu", "lattice_constant_A": 3.6, "repeats": [3, 4]}
CAMPAIGNS: dict[str, dict[str, Any]] = {
    "slabs": {
        "kind": "water_slab",
        "cross_section_A": 9.3,
        "cell_height_A": 40.0,
        "sizes_A": [6.0, 9.3],
    },
    "cells": {"kind": "water_cube", "sizes_A": [9.3, 12.4]},
    "metal": {"kind": "metal_water", "surface": METAL | {"layers": 3}, "sizes_A": [9.0]},
    "confined": {"kind": "metal_water_metal", "surface": METAL | {"layers": 3}, "sizes_A": [9.0]},
    "oxide": {
        "kind": "oxide_water",
        "surface": {"kind": "rutile110", "repeats": [3, 1], "layers": 2},
        "sizes_A": [9.0],
    },
}
SIZES = {"slabs": 9.3, "cells": 9.3, "metal": 9.0, "confined": 9.0, "oxide": 9.0}


def plan_of(campaign: str, *files: Path | str, **keys: Any) -> Plan:
    size = keys.pop("size", SIZES[campaign])
    named = [str(file) for file in files] or ["run.xyz"]
    aimd = {"kind": "trajectory", "files": {campaign: {size: named}}, "charge_e": -0.5562}
    raw = {"name": "mine", "potentials": {"aimd": aimd | keys}, "campaigns": CAMPAIGNS}
    return Plan(parse_config(raw, source="my.yaml"), {})


def start_of(campaign: str) -> System:
    return plan_of(campaign).config.campaigns[campaign].build(SIZES[campaign], seed=1)


def frames_of(campaign: str) -> list[Atoms]:
    return tumbling(start_of(campaign), N_FRAMES)


def convert(campaign: str, source: Path, *, topology: Path | None = None, **keys: Any) -> Path:
    size = f"{keys.get('size', SIZES[campaign]):g}"
    spec = plan_of(campaign, source, **keys).recording("aimd", campaign, size, "0")
    path = source.with_name(f"{source.name}.h5")
    read_recorded(spec, source, path, topology=topology, stamp={"config": "mine"})
    return path


def dipoles(campaign: str, path: Path) -> np.ndarray:
    spec = plan_of(campaign).observe("aimd", campaign, ["voltage"])
    table = observe(spec.model_copy(update={"discard_ps": 0.0}), [path])["voltage"]
    return table["delta_V_V"].to_numpy()


@pytest.mark.parametrize("campaign", ["slabs", "metal", "oxide"])
def test_films_are_whole_wherever_they_lie(tmp_path: Path, campaign: str) -> None:
    """In a film's cell, and in a periodic one, drifting across its end, wrapped."""
    frames = frames_of(campaign)
    film = convert(campaign, write(tmp_path / "film.xyz", frames))
    moved = wrapped(frames, 14.0, drift_A=0.6)
    periodic = convert(campaign, write(tmp_path / "periodic.xyz", moved))
    start = start_of(campaign)
    with Trajectory(film) as expected, Trajectory(periodic) as found:
        assert found.boundary is Boundary.FILM
        assert list(found.region) == list(expected.region) == list(start.region)
        assert found.times_ps == pytest.approx(INTERVAL_PS * np.arange(N_FRAMES))
        assert np.isnan(found.temperature_K).all()
        assert found.provenance == {"config": "mine"}
        ours, theirs = (np.concatenate(list(t.position_chunks())) for t in (found, expected))
        # all of it moves together, by as much as it drifted
        assert np.ptp(ours[..., 2] - theirs[..., 2], axis=1).max() < 1e-4
        assert np.diff(ours[..., 2] - theirs[..., 2], axis=0) == pytest.approx(0.6, abs=1e-3)
        assert list(expected.fixed) == list(start.fixed)
    assert dipoles(campaign, periodic) == pytest.approx(dipoles(campaign, film), abs=1e-4)
    assert np.std(dipoles(campaign, film)) > 0.1


def test_a_solid_above_its_water_is_turned(tmp_path: Path) -> None:
    frames = frames_of("metal")
    upright = dipoles("metal", convert("metal", write(tmp_path / "up.xyz", frames)))
    for frame in frames:
        frame.positions[:, 1:] *= -1.0
    turned = convert("metal", write(tmp_path / "down.xyz", wrapped(frames, 3.0)))
    assert dipoles("metal", turned) == pytest.approx(upright, abs=1e-4)
    with Trajectory(turned) as run:
        heights = next(run.position_chunks())[0, :, 2]
        assert heights[run.region == "metal"].max() < heights[run.region == "water"].min()


def test_a_metal_across_the_end_of_a_periodic_cell_is_whole(tmp_path: Path) -> None:
    frames = frames_of("confined")
    whole = convert("confined", write(tmp_path / "whole.xyz", frames))
    height = float(frames[0].cell[2, 2])
    split = convert("confined", write(tmp_path / "split.xyz", wrapped(frames, height - 2.0)))
    assert dipoles("confined", split) == pytest.approx(dipoles("confined", whole), abs=1e-4)
    with Trajectory(split) as run:
        assert run.boundary is Boundary.BULK
        metal = next(run.position_chunks())[..., run.region == "metal", 2]
        assert np.ptp(metal) == pytest.approx(2 * 3.6 / np.sqrt(3.0), abs=1e-3)


def test_oxygens_of_an_oxide_are_found_or_told(tmp_path: Path) -> None:
    start, frames = start_of("oxide"), frames_of("oxide")
    n_solid = int((start.region == "oxide").sum())
    order = np.random.default_rng(1).permutation(len(start.atoms))
    mixed = convert("oxide", write(tmp_path / "mixed.xyz", [frame[order] for frame in frames]))
    with Trajectory(mixed) as run:
        assert list(run.region) == list(start.region[order])
    # a proton on a bridging oxygen: the oxide is told
    bridge = int(np.argmax(np.where(start.region == "oxide", start.atoms.positions[:, 2], -1.0)))
    proton = int(np.flatnonzero(start.atoms.numbers == 1)[0])
    for frame in frames:
        frame.positions[proton] = frame.positions[bridge] + [0.0, 0.0, 1.0]
    source = write(tmp_path / "protonated.xyz", frames)
    for told in (n_solid, f"0-{n_solid - 1}", list(range(n_solid))):
        with Trajectory(convert("oxide", source, solid_atoms=told)) as run:
            assert list(run.region) == list(start.region)
    with Trajectory(convert("oxide", source)) as run:
        assert (run.region == "oxide").sum() == n_solid - 1


def test_cells_without_vacuum(tmp_path: Path) -> None:
    bulk = convert("cells", write(tmp_path / "bulk.xyz", frames_of("cells")))
    with Trajectory(bulk) as run:
        assert run.boundary is Boundary.BULK
        assert (run.region == "water").all()
    assert len(dipoles("cells", bulk)) == N_FRAMES


def test_xyz_of_cp2k_tells_no_cell(tmp_path: Path) -> None:
    """Nor periodicity; its times are in fs."""
    frames = frames_of("slabs")
    lines = []
    for index, frame in enumerate(wrapped(frames, 20.0)):
        lines += [str(len(frame)), f" i = {index:8d}, time = {50.0 * index:12.3f}, E = -1.5"]
        for symbol, (x, y, z) in zip(frame.symbols, frame.positions, strict=True):
            lines.append(f"{symbol} {x:.8f} {y:.8f} {z:.8f}")
    source = tmp_path / "water-pos-1.xyz"
    source.write_text("\n".join(lines) + "\n")
    with pytest.raises(TrajectoryError, match=r"tells no cell; .* potentials.aimd.cell_A: \["):
        convert("slabs", source)
    path = convert("slabs", source, cell_A=[9.3, 9.3, 40.0])
    expected = convert("slabs", write(tmp_path / "film.xyz", frames))
    assert dipoles("slabs", path) == pytest.approx(dipoles("slabs", expected), abs=1e-4)
    # what this program has written serves as well
    again = convert("slabs", path)
    assert dipoles("slabs", again) == pytest.approx(dipoles("slabs", expected), abs=1e-4)


def test_dcd_with_a_topology(tmp_path: Path) -> None:
    import MDAnalysis

    frames = frames_of("metal")
    write(tmp_path / "start.xyz", frames[0], format="xyz")
    universe = MDAnalysis.Universe(str(tmp_path / "start.xyz"))
    with MDAnalysis.Writer(str(tmp_path / "run.dcd"), len(frames[0]), dt=INTERVAL_PS) as writer:
        for frame in frames:
            universe.atoms.positions = frame.positions
            universe.dimensions = [*frame.cell.lengths(), 90.0, 90.0, 90.0]
            writer.write(universe.atoms)
    path = convert("metal", tmp_path / "run.dcd", topology=tmp_path / "start.xyz")
    with Trajectory(path) as run:
        assert list(run.region) == list(start_of("metal").region)
        assert run.times_ps == pytest.approx(INTERVAL_PS * np.arange(N_FRAMES), abs=1e-4)


def widened(frames: list[Atoms]) -> None:
    for frame in frames:
        frame.set_cell(frame.cell.lengths() * [1.2, 1.0, 1.0])


def thinned(frames: list[Atoms]) -> None:
    for frame in frames:
        del frame[-15:]


def with_salt(frames: list[Atoms]) -> None:
    for frame in frames:
        frame.append("Na")


def without_vacuum(frames: list[Atoms]) -> None:
    for frame in frames:
        frame.set_cell([*frame.cell.lengths()[:2], 12.0])
        frame.pbc = True


def on_both_sides(frames: list[Atoms]) -> None:
    for frame in frames:
        frame.positions[-18:, 2] -= 20.0


def oblique(frames: list[Atoms]) -> None:
    for frame in frames:
        frame.cell[1, 0] = 3.0


def of_one_dimension(frames: list[Atoms]) -> None:
    for frame in frames:
        frame.pbc = (True, False, False)


def untimed(frames: list[Atoms]) -> None:
    for frame in frames:
        frame.info.clear()


@pytest.mark.parametrize(
    ("campaign", "spoil", "keys", "told"),
    [
        (
            "slabs",
            widened,
            {},
            r"103.8 Å² .* campaigns.slabs at 9.3 Å has 86.49 \(\+20%\); at most",
        ),
        ("slabs", None, {"size": 6.0}, r"molecules per Å², .* name the size that it is of in pot"),
        ("metal", thinned, {}, r"molecules per Å², where campaigns.metal at 9 Å has 0.297 "),
        (
            "slabs",
            with_salt,
            {},
            "holds Na, where campaigns.slabs at 9.3 Å has water of O, H and no solid",
        ),
        ("slabs", without_vacuum, {}, r"a gap of only .* Å along z in frame \d+, where campaigns"),
        ("metal", on_both_sides, {}, "% of the water lies below the solid"),
        ("slabs", oblique, {}, "needs an orthorhombic cell.*; or give potentials.aimd.cell_A"),
        ("slabs", of_one_dimension, {}, r"only bulk \(TTT\) and films"),
        ("slabs", untimed, {}, "tells no times; .*: potentials.aimd.interval_ps"),
        ("metal", None, {"solid_atoms": 500}, "aimd.solid_atoms tells of atom 499, and there are"),
        (
            "metal",
            None,
            {"solid_atoms": "30-40"},
            "solid_atoms gives the solid H, O and leaves the ",
        ),
        ("metal", None, {"solid_atoms": 30}, "aimd.solid_atoms leaves the water Cu, where cam"),
    ],
)
def test_runs_of_other_systems(tmp_path: Path, campaign, spoil, keys, told: str) -> None:
    frames = frames_of(campaign)
    if spoil is not None:
        spoil(frames)
    source = write(tmp_path / "run.xyz", frames)
    with pytest.raises(TrajectoryError, match=told) as error:
        convert(campaign, source, **keys)
    assert str(source) in str(error.value)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("*.h5"))


def test_films_and_cells_are_told_apart(tmp_path: Path) -> None:
    film = write(tmp_path / "film.xyz", frames_of("slabs"))
    with pytest.raises(TrajectoryError, match="not periodic along z, as campaigns"):
        convert("cells", film)
    frames = wrapped(frames_of("confined"), 0.0)
    for frame in frames:
        frame.set_cell([*frame.cell.lengths()[:2], 40.0])
    with pytest.raises(TrajectoryError, match="Å of vacuum along z, where campaigns"):
        convert("confined", write(tmp_path / "vacuum.xyz", frames))
    with pytest.raises(TrajectoryError, match="no Cu beside the water"):
        convert("metal", film)


def test_small_deviations_are_taken_and_told(tmp_path: Path, monkeypatch) -> None:
    frames, said = frames_of("slabs"), []
    for frame in frames:
        frame.set_cell([9.6, 9.3, 40.0])
    monkeypatch.setattr(
        "falsemetal.potentials.recorded.fitting.logger.warning",
        lambda text, *values: said.append(text % values),
    )
    with Trajectory(convert("slabs", write(tmp_path / "run.xyz", frames))) as run:
        assert run.cell[0, 0] == 9.6
    assert [line.partition(": ")[2] for line in said] == [
        "89.28 Å² of cross-section, where campaigns.slabs at 9.3 Å has 86.49 (+3%); "
        "taken all the same",
        "0.3024 molecules per Å², where campaigns.slabs at 9.3 Å has 0.3122 (-3%); "
        "taken all the same",
    ]


def test_what_the_files_tell_the_plan(tmp_path: Path) -> None:
    plan = plan_of("slabs", "a.xyz", "./b.xyz", topology="~/top.pdb")
    assert plan.trajectories("aimd", "slabs", 9.3) == [
        f"<results>/trajectories/aimd/slabs/9.3A/{replica}.h5" for replica in (0, 1)
    ]
    assert plan.recorded("aimd", "slabs", "9.3", "1") == "b.xyz"
    assert plan.run_by("files") == ["aimd"]
    assert [plan.checked, plan.evaluated, plan.model("aimd")] == [[], [], []]
    assert plan.wanted and not {"table_check", "table_errors"} & set(plan.wanted)
    fault = find_missing_files(plan.config, "my.yaml", tmp_path)
    assert fault is not None
    assert fault.splitlines()[1] == (
        "my.yaml: potentials.aimd.files.slabs.9.3[0]: a.xyz: no such file; correct it"
    )


def test_figures_name_a_file_that_could_not_be_read() -> None:
    plan, table = plan_of("slabs"), Path("observables/aimd/slabs/9.3A/summary.csv")
    failures = [salvage.Failure("read_run/aimd/slabs/9.3A-0", "holds 5 frames", Path("log"))]
    assert salvage._reason(table, plan, failures) == "read_run failed"


def test_without_mdanalysis_it_is_left_out(monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    plan, notices = plan_here(plan_of("slabs", topology="top.pdb").config)
    assert "pip install 'falsemetal[trajectory]'" in notices[0]
    assert set(plan.absent) == {"aimd"}


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"size": 7.0}, "potentials.aimd.files.slabs: sizes_A holds no 7; take from 6, 9.3"),
        ({"files": {"other": {9.3: ["a"]}}}, "aimd.files.other: there is no campaign 'other'"),
        (
            {"files": {"slabs": {9.3: ["a", "a"]}}},
            r"files.slabs.9.3\[1\]: a is files.slabs.9.3\[0\]",
        ),
        ({"files": {}}, "potentials.aimd.files: "),
        ({"runs": {"slabs": {"duration_ps": 4}}}, "potentials.aimd: runs: nothing is run; remove"),
        ({"solid_atoms": "first"}, "solid_atoms: 'first' tells no atoms; write them as 0-191"),
        ({"solid_atoms": 0}, "solid_atoms: '0' tells no atoms"),
        ({"cell_A": [9.3, 9.3]}, "potentials.aimd.cell_A: "),
    ],
)
def test_faulty_configurations(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        plan_of("slabs", **keys)


def test_atoms_are_told_in_three_ways() -> None:
    assert atoms_of(3) == atoms_of("0-2") == atoms_of([0, 1, 2]) == [0, 1, 2]
    assert atoms_of("0-1, 5,7-8") == [0, 1, 5, 7, 8]
    for wrong in ("", "3-1", "-4", "0--3", "a"):
        with pytest.raises(ValueError, match="tells no atoms"):
            atoms_of(wrong)


def test_what_no_file_tells_is_a_dash_in_the_table_of_runs(tmp_path: Path) -> None:
    paths = [
        convert(
            "slabs", write(tmp_path / f"{seed}.xyz", tumbling(start_of("slabs"), 40, seed=seed))
        )
        for seed in (1, 2)
    ]
    plan = plan_of("slabs")
    spec = plan.observe("aimd", "slabs", ["voltage", "summary"])
    summary = observe(spec.model_copy(update={"discard_ps": 0.5}), paths)["summary"]
    assert summary["temperature_K"].isna().all()
    product = plan.product("table_runs")
    product = product.model_copy(
        update={"settings": product.settings | {"dynamics.discard_ps": 0.5}}
    )
    table = table_runs.tabulate({"slabs": {("aimd", 9.3): summary}}, product)
    [row] = table.to_dict("records")
    assert (row["n_runs"], row["n_molecules"], row["discarded_ps"]) == (2, 27, 0.5)
    assert row["time_ps"] == pytest.approx(40 * INTERVAL_PS)
    cells = [cell.strip() for cell in to_markdown(table).splitlines()[-1].split("|")[1:-1]]
    unknown = {name for name, cell in zip(table.columns, cells, strict=True) if cell == "–"}
    temperatures = {"temperature_set_K", "temperature_K", "temperature_K_uncertainty"}
    assert unknown - {"failures"} == {"cell_A", "n_atoms", "timestep_fs"} | temperatures


def test_the_file_tells_where_it_comes_from(tmp_path: Path) -> None:
    source = write(tmp_path / "run.xyz", frames_of("slabs"))
    with Trajectory(convert("slabs", source)) as run:
        assert run.parameters["source"] == str(source)
        assert re.fullmatch("[0-9a-f]{64}", run.parameters["sha256"])
        assert run.parameters["timestep_fs"] == pytest.approx(1000 * INTERVAL_PS)
        json.dumps(run.parameters)
