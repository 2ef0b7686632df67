"""Readers on damaged files: a right reading, or an error of ours that names the file.

FUZZ_EXAMPLES sets how many files each reader gets; by default the same 500 every time.
"""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase import Atoms
from checkouts import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from falsemetal.config import ConfigError, load_config
from falsemetal.datasets.checks import check_frames
from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.io import read_frames
from falsemetal.datasets.reading import read_file
from falsemetal.datasets.settings import Checks
from falsemetal.electronic.aims_result import read_atom_projected
from falsemetal.electronic.cp2k_result import is_converged, read_grid, read_pdos
from falsemetal.electronic.errors import ResultError
from falsemetal.potentials.bpnnp.files import read_committee
from falsemetal.potentials.store import ModelError, describe_model
from falsemetal.simulation.checkpoint import Checkpoint
from falsemetal.simulation.recording import TrajectoryWriter
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.sources.catalogue import FrameLayout, load_sources
from falsemetal.sources.errors import SourceError
from falsemetal.systems.boundary import boundary_of
from falsemetal.systems.labels import CHARGES, ENERGY, FORCES
from falsemetal.systems.molecule import WATER
from falsemetal.systems.system import System
from falsemetal.verdict.errors import CheckError
from falsemetal.verdict.probe import read_frame
from falsemetal.verdict.trajectories import read_frames_of

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "500"))

ODD_WORDS = [
    *("nan", "-inf", "1e400", "-", "*****", "1.0D+00", "0.5-100", "0", "-1", "3.5", "1000000"),
    *("text", "é", '"', "'", "{", "[1, 2]", "T", "null", "Xx", "O1", "#", "=", "a=b", "\t", "\0"),
    *("99999999999999999999", "pbc", "end", "begin", "hartree"),
]


def water(n_frames: int) -> list[Atoms]:
    rng = np.random.default_rng(1)
    frames = []
    for index in range(n_frames):
        frame = Atoms(
            "OH2",
            np.array([[3.0, 3.0, 3.0], [3.97, 3.0, 3.0], [3.0, 3.97, 3.0]])
            + rng.normal(scale=0.02, size=(3, 3)),
            cell=[7.0, 7.0, 7.0],
            pbc=True,
        )
        forces = rng.normal(size=(3, 3))
        frame.info |= {ENERGY: -14.0 + 0.01 * index, "config_type": "bulk", "time_ps": 0.5 * index}
        frame.info |= {"total_charge": 0.0, "external_field": np.zeros(3), "REF_fermi_eV": -4.5}
        frame.arrays[CHARGES] = np.array([-0.8, 0.4, 0.4])
        frame.arrays[FORCES] = forces - forces.mean(axis=0)
        frames.append(frame)
    return frames


@dataclass(frozen=True)
class Reader:
    """A valid file, how it is read with its outcome checked, and the errors that are ours."""

    name: str
    make: Callable[[Path], None]
    read: Callable[[Path], Any]
    errors: tuple[type[Exception], ...]
    cut_alone: bool = False


def make_frames(path: Path) -> None:
    ase.io.write(path, water(4), format="extxyz")


def make_runner(path: Path) -> None:
    lines = []
    for frame in water(3):
        lines += ["begin", "comment by hand"]
        lines += [f"lattice {row[0]} {row[1]} {row[2]}" for row in frame.cell.array]
        lines += [
            f"atom {p[0]} {p[1]} {p[2]} {symbol} {q} 0.0 {f[0]} {f[1]} {f[2]}"
            for symbol, p, q, f in zip(
                *(frame.symbols, frame.positions, frame.arrays[CHARGES], frame.arrays[FORCES]),
                strict=True,
            )
        ]
        lines += [f"energy {frame.info[ENERGY]}", "charge 0.0", "end"]
    path.write_text("\n".join(lines) + "\n")


def check_labelled(frames: list[Atoms]) -> None:
    accepted, rejections = check_frames(frames, Checks())
    assert len(accepted) + len(rejections) == len(frames)
    for frame in accepted:
        assert np.isfinite(frame.info[ENERGY])
        assert np.isfinite(frame.arrays[FORCES]).all()
        assert frame.arrays[FORCES].shape == (len(frame), 3)
        assert frame.cell.volume > 0.0
        boundary_of(frame.pbc)


INPUT_NN = """\
elements O H
atom_energy O -1.0
atom_energy H -0.5
cutoff_type 2
scale_symmetry_functions
center_symmetry_functions
global_hidden_layers_short 1
global_nodes_short 2
global_activation_short t l
symfunction_short H 2 O 0.1 0.0 8.0
symfunction_short H 3 O O 0.1 -1 2 8.0
symfunction_short O 2 H 0.1 0.5 8.0
"""
SCALING = "1 1 0.0 1.0 0.5 0.1\n1 2 0.0 2.0 0.7 0.1\n2 1 0.1 1.0 0.5 0.1\n"


def weights(n_inputs: int) -> str:
    lines = [
        f"0.1 a {n} 0 {i} 1 {j}"
        for n, (i, j) in enumerate((i, j) for i in range(1, n_inputs + 1) for j in (1, 2))
    ]
    lines += [f"0.1 b 0 1 {j}" for j in (1, 2)]
    lines += [f"0.1 a 0 1 {i} 2 1" for i in (1, 2)]
    return "\n".join([*lines, "0.1 b 0 2 1"]) + "\n"


def make_committee(damaged: str) -> Callable[[Path], None]:
    texts = {
        "input.nn": INPUT_NN,
        "scaling.data": SCALING,
        "weights.001.data": weights(2),
        "weights.008.data": weights(1),
    }

    def make(path: Path) -> None:
        for name, text in texts.items():
            (path if name == damaged else path.parent / name).write_text(text)

    return make


def read_network(path: Path) -> None:
    committee = read_committee(path.parent)
    assert committee.settings.r_cut_A > 0.0
    for network in committee.members[0].values():
        assert all(np.isfinite(weight).all() for weight in network.weights)
        assert np.isfinite(network.factor).all()


def make_log(path: Path) -> None:
    path.write_text(
        " CP2K| version string:                        CP2K version 2023.1\n"
        " GLOBAL| Project name                                 job-12345678\n"
        "  *** SCF run converged in    12 steps ***\n"
        "  **** **** ******  **  PROGRAM ENDED AT       2026-08-13 13:55:59.941\n"
    )


def make_pdos(path: Path) -> None:
    path.write_text(
        "# Projected DOS for list 1 of 1 atoms, at iteration step i = 0, E(Fermi) =  -0.02 a.u.\n"
        "#     MO Eigenvalue [a.u.]      Occupation                 s                 p\n"
        "       1         -0.934582        2.000000        0.55647891        0.03396032\n"
        "       2         -0.234582        0.000000        0.55647891        0.03396032\n"
    )


def check_pdos(path: Path) -> None:
    pdos = read_pdos(path)
    arrays = pdos.levels_eV, pdos.occupations, pdos.projections
    assert len({len(array) for array in arrays}) == 1
    assert all(np.isfinite(array).all() for array in (*arrays, pdos.fermi_eV))


def make_cube(path: Path) -> None:
    numbers = "\n".join("  0.10000E+01 -0.20000E+01" for _ in range(4))
    path.write_text(
        "-Quickstep-\n v_hartree\n    1    0.0    0.0    0.0\n    2    1.0    0.0    0.0\n"
        "    2    0.0    1.0    0.0\n    2    0.0    0.0    1.0\n"
        f"    8    6.0    0.0    0.0    0.0\n{numbers}\n"
    )


def check_cube(path: Path) -> None:
    grid = read_grid(path, unit=1.0)
    assert grid.values.ndim == 3
    assert np.isfinite(grid.values).all()
    assert (grid.lengths_A > 0.0).all()


def make_density(path: Path) -> None:
    path.write_text(
        "# The energy reference for this output is the chemical potential, mu =  -3.2 eV\n"
        "   -20.0     0.1\n   -19.9     0.2\n"
    )


def check_density(path: Path) -> None:
    density = read_atom_projected(path)
    assert np.isfinite(density.energies_eV).all()
    assert np.isfinite(density.density).all()


def make_trajectory(path: Path) -> None:
    system = System.of(water(1)[0], "water")
    writer = TrajectoryWriter(
        path,
        system,
        timestep_fs=0.5,
        frame_interval_steps=10,
        creator="test",
        parameters={"potential": "x"},
    )
    positions = system.atoms.positions
    for step in (0, 10, 20):
        writer.append(step, positions, potential_energy_eV=-1.0, temperature_K=300.0)
    writer.save(Checkpoint(20, positions, positions, {}))
    writer.finish(1000)


def check_trajectory(path: Path) -> None:
    with Trajectory(path) as trajectory:
        n_atoms = len(trajectory.numbers)
        for chunk in trajectory.position_chunks():
            assert chunk.shape[1:] == (n_atoms, 3)


def make_run(path: Path) -> None:
    ase.io.write(path, water(12), format="extxyz")


def make_start(path: Path) -> None:
    System.of(water(1)[0], "water").write(path)


CONFIGURATION = """\
name: small
datasets:
  spce: {kind: force_field, sampling: {bulk: {kind: bulk, n_molecules: 24, n_frames: 16}}}
potentials:
  spce: {kind: force_field, dataset: spce, runs: {slabs: {duration_ps: 60.0}}}
campaigns:
  slabs: {kind: water_slab, cell_height_A: 32.0, sizes_A: [6.3, 9.3]}
"""

READERS = [
    Reader(
        "a.extxyz",
        make_frames,
        lambda p: check_labelled(read_file(p, "extxyz", FrameLayout())),
        (DatasetError,),
    ),
    Reader("own.extxyz", make_frames, lambda p: check_labelled(read_frames(p)), (DatasetError,)),
    Reader(
        "input.data",
        make_runner,
        lambda p: check_labelled(read_file(p, "runner", FrameLayout(step_fs=1.0))),
        (DatasetError,),
    ),
    *(
        Reader(name, make_committee(name), read_network, (ModelError,))
        for name in ("input.nn", "scaling.data", "weights.008.data")
    ),
    Reader("cp2k.log", make_log, is_converged, (ResultError,)),
    Reader("list1-1.pdos", make_pdos, check_pdos, (ResultError,)),
    Reader("a.cube", make_cube, check_cube, (ResultError,)),
    Reader("atom_proj_dos_O0001.dat", make_density, check_density, (ResultError,)),
    # HDF5's library never returns from some other bytes; a run that is killed leaves a cut file
    Reader("run.h5", make_trajectory, check_trajectory, (OSError,), cut_alone=True),
    Reader("run.extxyz", make_run, lambda p: read_frames_of(p, WATER), (CheckError,)),
    Reader("probe.extxyz", make_start, read_frame, (CheckError,)),
    Reader("start.extxyz", make_start, System.read, (ValueError,)),
    Reader("a.yaml", lambda p: p.write_text(CONFIGURATION), load_config, (ConfigError,)),
    Reader(
        "sources.yaml",
        lambda p: p.write_bytes((ROOT / "data/sources.yaml").read_bytes()),
        load_sources,
        (SourceError,),
    ),
    Reader(
        "model.json",
        lambda p: p.write_text('{"settings": {"kind": "mace"}, "weights_sha256": "0"}\n'),
        lambda p: describe_model(p.parent),
        (ModelError,),
    ),
]

place = st.integers(0, 10_000)
CUTS = st.lists(st.tuples(st.just("truncate"), place), min_size=1, max_size=1)
MUTATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("truncate"), place),
        st.tuples(st.just("delete line"), place),
        st.tuples(st.just("repeat line"), place),
        st.tuples(st.just("swap lines"), place, place),
        st.tuples(st.just("word"), place, st.sampled_from(ODD_WORDS)),
        st.tuples(st.just("delete word"), place),
        st.tuples(st.just("swap words"), place, place),
        st.tuples(st.just("scale"), place, st.sampled_from([0.0, -1.0, 27.2114, 0.529177, 1e30])),
        st.tuples(st.just("insert"), place, st.sampled_from(ODD_WORDS)),
        st.tuples(st.just("byte"), place, st.integers(0, 255)),
    ),
    min_size=1,
    max_size=4,
)


def mutate(content: bytes, mutations: list[tuple[Any, ...]]) -> bytes:
    """Damage a file at places that wrap around its end."""
    for kind, at, *values in mutations:
        if not content:
            break
        if kind == "truncate":
            content = content[: at % len(content)]
        elif kind == "byte":
            index = at % len(content)
            content = content[:index] + bytes(values) + content[index + 1 :]
        elif kind == "insert":
            index = at % len(content)
            content = content[:index] + values[0].encode() + content[index:]
        elif kind.endswith(("line", "lines")):
            content = b"\n".join(_move(content.split(b"\n"), kind, at, *values))
        else:
            content = b" ".join(_move(content.split(b" "), kind, at, *values))
    return content


def _move(parts: list[bytes], kind: str, at: int, *values: Any) -> list[bytes]:
    index = at % len(parts)
    if kind.startswith("delete"):
        del parts[index]
    elif kind.startswith("repeat"):
        parts.insert(index, parts[index])
    elif kind.startswith("swap"):
        other = values[0] % len(parts)
        parts[index], parts[other] = parts[other], parts[index]
    elif kind == "word":
        parts[index] = values[0].encode()
    else:
        with suppress(ValueError):
            parts[index] = repr(float(parts[index]) * values[0]).encode()
    return parts


@pytest.fixture(scope="module")
def contents() -> dict[str, bytes]:
    """Undamaged files by name; each is read without an error."""
    found = {}
    for reader in READERS:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / reader.name
            reader.make(path)
            reader.read(path)
            found[reader.name] = path.read_bytes()
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_damaged_file_is_read_right_or_named(reader, contents, tmp_path) -> None:
    path = tmp_path / reader.name
    reader.make(path)

    @settings(
        max_examples=EXAMPLES,
        derandomize="FUZZ_EXAMPLES" not in os.environ,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(CUTS if reader.cut_alone else MUTATIONS)
    def damage(mutations: list[tuple[Any, ...]]) -> None:
        path.write_bytes(mutate(contents[reader.name], mutations))
        try:
            reader.read(path)
        except reader.errors as error:
            assert type(error) in reader.errors
            assert str(path) in str(error) or str(path.parent) in str(error)

    damage()
