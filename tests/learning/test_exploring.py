"""Frames of runs, held against what a dataset knows."""

import numpy as np
import pytest
from ase import Atoms
from films import BOND_Z_A, EDGE_A, write_slab
from interfaces import equilibrated

from falsemetal.datasets.settings import Checks
from falsemetal.learning.exploring import Explored, explore, refusal, tabulate_held
from falsemetal.learning.settings import ExploreSpec, Selection
from falsemetal.specs import Origin
from falsemetal.systems.molecule import WATER

ORIGIN = Origin(name="test", sha256="", seed=1)
N_MOLECULES = 64


def spec(**select: object) -> ExploreSpec:
    """Exploration of a film."""
    return ExploreSpec(
        origin=ORIGIN,
        select=Selection(**{"n_frames": 4, "separation_ps": 0.0} | select),
        minimum_distance_A=Checks().minimum_distance_A,
        liquid=WATER,
        charge_e=-0.8476,
        electronic_charge_e=-0.5562,
        by="model",
    )


def unit_dipole(tilt: float) -> float:
    """Dipole per area in e/Å of the film for a charge of 1 e on oxygen: hydrogens share −1 e."""
    return -N_MOLECULES * BOND_Z_A * tilt / EDGE_A**2


def dipoles(frames: list[Atoms], like: Explored) -> np.ndarray:
    return tabulate_held(frames, like, WATER)["unit_P_per_A"].to_numpy()


def film(tmp_path, tilt: float) -> Atoms:
    """Make a frame of a dataset with that tilt."""
    path = write_slab(tmp_path / f"{tilt}.h5", np.array([tilt, tilt]))
    [frame, *_], _ = explore(spec(how="even"), [], [path])
    return frame


def test_dipoles_of_frames_are_those_that_they_were_made_with(tmp_path) -> None:
    tilts = np.array([0.0, 0.5, -0.25, 1.0])
    path = write_slab(tmp_path / "0.h5", tilts)
    frames, table = explore(spec(how="even"), [], [path])
    expected = [unit_dipole(tilt) for tilt in tilts]
    assert table["unit_P_per_A"].to_numpy() == pytest.approx(expected, abs=1e-5)
    assert table["P_z_e_per_A"].to_numpy() == pytest.approx(-0.8476 * np.array(expected), abs=1e-5)
    assert [frame.info["number"] for frame in frames] == [0, 1, 2, 3]
    assert {frame.info["trajectory"] for frame in frames} == {"model-0"}


def test_frames_outside_the_dataset_are_chosen_and_extracted(tmp_path) -> None:
    known = [film(tmp_path, tilt) for tilt in (-0.3, 0.0, 0.3)]
    path = write_slab(tmp_path / "run.h5", np.array([0.1, 0.8, -0.1, -0.9]))
    frames, table = explore(spec(), known, [path])
    explored = table[table["verdict"] != "held"]
    assert explored["verdict"].tolist() == ["known", "chosen", "known", "chosen"]
    assert explored["number"].tolist() == pytest.approx([np.nan, 0, np.nan, 1], nan_ok=True)
    like = Explored(frozenset({"H", "O"}), False, N_MOLECULES / EDGE_A**2)
    assert dipoles(frames, like) == pytest.approx([unit_dipole(0.8), unit_dipole(-0.9)], abs=1e-5)


def test_a_failed_run_is_explored_up_to_there(tmp_path) -> None:
    path = write_slab(tmp_path / "run.h5", np.array([0.1, 0.8]), failure="too hot")
    frames, _ = explore(spec(), [], [path])
    assert len(frames) == 2


def test_cells_of_another_size_count_by_their_molecules() -> None:
    system = equilibrated("frozen metal")
    frame = system.atoms
    area = np.prod(frame.cell.lengths()[:2])
    like = Explored(frozenset(frame.symbols), False, 24 / area)
    [once] = dipoles([frame], like)
    twice = Explored(like.elements, like.is_bulk, 2.0 * like.molecules_per_A2)
    assert dipoles([frame], twice) == pytest.approx([2.0 * once])
    periodic = frame.copy()
    periodic.pbc = True
    assert dipoles([periodic], like) == pytest.approx([once]), "a slab across its vacuum"
    bulk = equilibrated("between faces").atoms
    assert len(dipoles([bulk], like)) == 0


def test_oxygen_of_an_oxide_is_no_molecule() -> None:
    system = equilibrated("rutile")
    frame, water = system.atoms, system.within("water")
    area = np.prod(frame.cell.lengths()[:2])
    like = Explored(frozenset(frame.symbols), False, 24 / area)
    bare = Atoms(frame.symbols, frame.positions, cell=frame.cell, pbc=frame.pbc)
    alone = bare[water]
    alone_like = Explored(frozenset(alone.symbols), like.is_bulk, like.molecules_per_A2)
    assert dipoles([bare], like) == pytest.approx(dipoles([alone], alone_like))


@pytest.mark.parametrize(
    ("bound", "distance_A", "expected"),
    [((2, 2), 3.0, ""), ((2, 0), 3.0, "O without H"), ((2, 2), 1.5, "close atoms")],
)
def test_unphysical_frames_tell_why(bound, distance_A, expected) -> None:
    atoms = Atoms("OO", [[0, 0, 0], [0, 0, distance_A]], cell=[9, 9, 30], pbc=(1, 1, 0))
    assert refusal(atoms, np.array(bound), WATER, Checks().minimum_distance_A) == expected


def test_a_run_that_left_numbers_behind_is_refused() -> None:
    atoms = Atoms("OO", [[0, 0, 0], [0, 0, np.nan]], cell=[9, 9, 30], pbc=(1, 1, 0))
    assert refusal(atoms, np.array([2, 2]), WATER, Checks().minimum_distance_A) == "not finite"
