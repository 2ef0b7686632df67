"""Runs of whatever format give the numbers of the workflow."""

from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from films import CHARGE_O_E, write_slab
from series import autoregressive
from typer.testing import CliRunner

from falsemetal.cli import app
from falsemetal.observables.runs import observe
from falsemetal.potentials.kind import ELECTRONIC_CHARGE_E
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.systems.boundary import Boundary
from falsemetal.systems.molecule import WATER
from falsemetal.verdict.errors import CheckError
from falsemetal.verdict.evidence import observe_spec_of, read_evidence
from falsemetal.verdict.result import Assumptions, Evidence

ASSUMED = Assumptions(
    charge_e=CHARGE_O_E,
    electronic_charge_e=ELECTRONIC_CHARGE_E,
    permittivity=70.0,
    optical_permittivity=1.0,
    temperature_K=300.0,
    band_gap_eV=4.45,
    cross_section_A=15.0,
    liquid={},
)
N_FRAMES = 300


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    tilt = np.clip(0.3 * autoregressive(0.8, N_FRAMES, np.random.default_rng(1)), -1.0, 1.0)
    return write_slab(tmp_path_factory.mktemp("run") / "0.h5", tilt)


@pytest.fixture(scope="module")
def frames(run: Path) -> list[Atoms]:
    with Trajectory(run) as trajectory:
        return [
            Atoms(
                trajectory.numbers,
                positions,
                cell=trajectory.cell,
                pbc=trajectory.pbc,
                info={"time_ps": time},
            )
            for chunk, first in zip(trajectory.position_chunks(), (0, 200), strict=True)
            for positions, time in zip(chunk, trajectory.times_ps[first:], strict=False)
        ]


@pytest.fixture(scope="module")
def expected(run: Path) -> Evidence:
    return read_evidence([run], WATER, ASSUMED)


def assert_same(found: Evidence, expected: Evidence) -> None:
    assert found.kind == expected.kind
    assert (found.n_molecules, found.n_frames) == (expected.n_molecules, expected.n_frames)
    for name, quantity in expected.quantities.items():
        other = found.quantities[name]
        assert other.value == pytest.approx(quantity.value, rel=1e-4, abs=1e-6)
        assert (other.low is None) == (quantity.low is None)
        if quantity.low is not None:
            assert (other.low, other.high) == pytest.approx(
                (quantity.low, quantity.high), rel=1e-3, abs=1e-6
            )


def test_h5md_gives_the_numbers_of_the_workflow(run: Path, expected: Evidence) -> None:
    spec = observe_spec_of(Boundary.FILM, WATER, ASSUMED, 0.0)
    row = observe(spec, [run])["summary"].iloc[0]
    sigma = expected.quantities["sigma_dV_V"]
    assert sigma.value == row["sigma_dV_V"]
    assert (sigma.low, sigma.high) == (row["sigma_dV_V_low"], row["sigma_dV_V_high"])
    assert expected.quantities["fraction_broken"].value == 0.0
    assert expected.kind == "film"


def test_extended_xyz(tmp_path, frames: list[Atoms], expected: Evidence) -> None:
    ase.io.write(tmp_path / "run.extxyz", frames)
    assert_same(read_evidence([tmp_path / "run.extxyz"], WATER, ASSUMED), expected)


def test_films_in_periodic_cells_are_found_wherever_they_lie(
    tmp_path, frames: list[Atoms], expected: Evidence
) -> None:
    """TTT with vacuum, drifting across the end of the cell, wrapped."""
    moved = [frame.copy() for frame in frames]
    for index, frame in enumerate(moved):
        frame.pbc = True
        frame.positions[:, 2] += 0.2 * index
        frame.wrap()
    ase.io.write(tmp_path / "run.extxyz", moved)
    assert_same(read_evidence([tmp_path / "run.extxyz"], WATER, ASSUMED), expected)


def write_dump(path: Path, frames: list[Atoms], *, elements: bool) -> None:
    """As LAMMPS writes it by `dump custom`."""
    lines = []
    for step, frame in enumerate(frames):
        x, y, z = frame.cell.lengths()
        lines += ["ITEM: TIMESTEP", str(50 * step), "ITEM: NUMBER OF ATOMS", str(len(frame))]
        lines += ["ITEM: BOX BOUNDS pp pp ff", *(f"0.0 {edge:.6f}" for edge in (x, y, z))]
        lines.append("ITEM: ATOMS id type x y z" + " element" * elements)
        for index, (symbol, (px, py, pz)) in enumerate(
            zip(frame.symbols, frame.positions, strict=True), 1
        ):
            line = f"{index} {1 if symbol == 'O' else 2} {px:.6f} {py:.6f} {pz:.6f}"
            lines.append(line + f" {symbol}" * elements)
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("elements", [True, False])
def test_dumps_of_lammps(tmp_path, frames: list[Atoms], expected: Evidence, elements: bool) -> None:
    path = tmp_path / "run.lammpstrj"
    write_dump(path, frames, elements=elements)
    types = None if elements else ["O", "H"]
    found = read_evidence([path], WATER, ASSUMED, types=types, interval_ps=0.05)
    assert_same(found, expected)
    with pytest.raises(CheckError, match="--interval" if elements else "name these in their order"):
        read_evidence([path], WATER, ASSUMED)


def test_mdanalysis_reads_the_rest(tmp_path, run: Path, frames, expected: Evidence) -> None:
    """DCD, with a topology: single precision."""
    import MDAnalysis

    ase.io.write(tmp_path / "start.xyz", frames[0], format="xyz")
    universe = MDAnalysis.Universe(str(tmp_path / "start.xyz"))
    with MDAnalysis.Writer(str(tmp_path / "run.dcd"), len(frames[0]), dt=0.05) as writer:
        for frame in frames:
            universe.atoms.positions = frame.positions
            universe.dimensions = [*frame.cell.lengths(), 90.0, 90.0, 90.0]
            writer.write(universe.atoms)
    found = read_evidence(
        [tmp_path / "run.dcd"], WATER, ASSUMED, topology=tmp_path / "start.xyz", interval_ps=0.05
    )
    assert_same(found, expected)


def test_periodic_cells_tell_structure_factors(tmp_path) -> None:
    """Of molecules turned at random: S_L and S_T are those of independent dipoles."""
    generator = np.random.default_rng(2)
    sites = 3.1 * np.indices((4, 4, 4)).reshape(3, -1).T
    frames = []
    for index in range(150):
        axis = generator.normal(size=(64, 3))
        axis /= np.linalg.norm(axis, axis=1)[:, None]
        aside = np.cross(axis, generator.normal(size=(64, 3)))
        aside /= np.linalg.norm(aside, axis=1)[:, None]
        atoms = np.stack(
            [sites, sites + 0.58 * axis + 0.8 * aside, sites + 0.58 * axis - 0.8 * aside], axis=1
        )
        frames.append(
            Atoms(
                "OHH" * 64,
                atoms.reshape(-1, 3),
                cell=[12.4] * 3,
                pbc=True,
                info={"time_fs": 50.0 * index},
            )
        )
    ase.io.write(tmp_path / "bulk.extxyz", frames)
    found = read_evidence([tmp_path / "bulk.extxyz"], WATER, ASSUMED)
    assert found.kind == "bulk"
    assert found.thickness_A is None
    [longest] = [name for name in found.quantities if name.startswith("S_T")]
    from falsemetal.units import BOLTZMANN, EPSILON_0

    dipole = -CHARGE_O_E * 0.58
    independent = 64 * dipole**2 / 3.0 / (12.4**3 * EPSILON_0 * BOLTZMANN * 300.0)
    assert found.quantities[longest].value == pytest.approx(independent, rel=0.1)
    assert "not converged" not in found.line()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda frames: frames[:5], "holds 5 frames; give at least 10"),
        (lambda frames: [*frames[:20], frames[20][:-3]], "frame 20 holds other atoms"),
        (
            lambda frames: [
                *frames[:20],
                Atoms(frames[0].numbers, frames[0].positions, cell=[16, 15, 60], pbc=(1, 1, 0)),
            ],
            "the cell of frame 20 differs",
        ),
        (
            lambda frames: [Atoms("Ar4", np.eye(4, 3), cell=[9] * 3, pbc=True)] * 20,
            "holds no O; describe the molecules",
        ),
    ],
)
def test_what_is_no_run_of_one_system(tmp_path, frames, spoil, told: str) -> None:
    ase.io.write(tmp_path / "run.extxyz", spoil(frames))
    with pytest.raises(CheckError, match=told):
        read_evidence([tmp_path / "run.extxyz"], WATER, ASSUMED, interval_ps=0.05)


def test_runs_that_failed_are_told_and_not_counted(tmp_path, run: Path) -> None:
    tilt = np.zeros(30)
    failed = write_slab(tmp_path / "failed.h5", tilt, failure="step 7: too hot")
    alone = read_evidence([failed], WATER, ASSUMED)
    assert not alone.quantities
    assert "too hot" in alone.line()
    both = read_evidence([run, failed], WATER, ASSUMED)
    assert both.n_frames == N_FRAMES
    assert "without failed.h5: step 7: too hot" in both.line()


def test_runs_of_different_systems_are_not_pooled(tmp_path, run: Path, frames) -> None:
    coarse = write_slab(tmp_path / "coarse.h5", np.zeros(30), interval_steps=100)
    with pytest.raises(CheckError, match=r"coarse.h5: frames every 0.1 ps, but 0.05 ps"):
        read_evidence([run, coarse], WATER, ASSUMED)
    bulk = [frame.copy() for frame in frames[:30]]
    for frame in bulk:
        frame.set_cell([15.0, 15.0, 15.0])
        frame.pbc = True
    ase.io.write(tmp_path / "bulk.extxyz", bulk)
    with pytest.raises(CheckError, match=r"bulk.extxyz: a bulk cell, not film"):
        read_evidence([run, tmp_path / "bulk.extxyz"], WATER, ASSUMED)


def test_times_must_be_even(tmp_path, frames: list[Atoms]) -> None:
    ase.io.write(tmp_path / "twice.extxyz", [*frames[:20], *frames[:20]])
    with pytest.raises(CheckError, match=r"twice.extxyz: its frames are .* ps apart"):
        read_evidence([tmp_path / "twice.extxyz"], WATER, ASSUMED)
    same = [frame.copy() for frame in frames[:20]]
    for frame in same:
        frame.info["time_ps"] = 1.0
    ase.io.write(tmp_path / "same.extxyz", same)
    with pytest.raises(CheckError, match="--interval"):
        read_evidence([tmp_path / "same.extxyz"], WATER, ASSUMED)


def test_files_that_are_no_trajectories(tmp_path) -> None:
    for name in ("absent.extxyz", "absent.h5"):
        with pytest.raises(CheckError, match=name):
            read_evidence([tmp_path / name], WATER, ASSUMED)


def test_the_command_tells_of_runs(tmp_path, run: Path) -> None:
    arguments = ["--calculator", "spce:truncated", "--probe", "water-32", "-q"]
    arguments += ["--trajectory", str(run), "--discard", "1", "-o", str(tmp_path / "check")]
    ended = CliRunner().invoke(app, ["check", *arguments])
    assert ended.exit_code == 10
    assert "64 molecules, 280 frames" in ended.stdout.splitlines()[3]
    assert "sigma_dV_V" in (tmp_path / "check/check.html").read_text(encoding="utf-8")
