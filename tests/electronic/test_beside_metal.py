"""Band edges of water beside a metal, on bands that are bent by a known ΔV."""

import numpy as np
import pytest
from electronic_jobs import read_spec
from metal_jobs import CBM_EV, ELECTRONIC, HEIGHTS_A, VBM_EV, bending, computed, interface, written

from falsemetal.electronic.bands import NO_LAYER, OVERLAP
from falsemetal.electronic.job import read_written
from falsemetal.electronic.settings import BandSearch
from falsemetal.electronic.structure import (
    divide_into_layers,
    find_faces,
    searched_layers,
    with_vacuum,
)
from falsemetal.electronic.summary import PDOS_COLUMNS, summarise_job, tabulate_density
from falsemetal.systems.molecule import Molecule

SEARCH = BandSearch(overlap_eV=1.2)
TAIL_EV = 0.2
"""How far smeared states reach beyond their level at the threshold."""


def spec_with(search: BandSearch = SEARCH):
    return read_spec(ELECTRONIC.model_copy(update={"band_search": search}))


def expected_edges(folder, difference_V, clearance_A=4.0) -> tuple[float, float]:
    """Edges of the layers that lie farther from the metal, or in the middle third of a gap."""
    structure, layers = read_written(folder)
    faces = find_faces(structure)
    heights = faces.above(np.array([x.height_A for x in layers if x.region == "water"]))
    low, high = clearance_A, np.inf
    if faces.gap_A is not None:
        low, high = max(low, faces.gap_A / 3.0), faces.gap_A - max(low, faces.gap_A / 3.0)
    shifts = bending(heights[(heights > low) & (heights < high)], difference_V, faces.gap_A)
    return VBM_EV + shifts.max(), CBM_EV + shifts.min()


@pytest.mark.parametrize("confined", [False, True])
@pytest.mark.parametrize("difference_V", [-3.0, -2.0, -0.05, 0.0, 0.05, 2.0, 3.0])
def test_edges_are_those_of_bent_bands(difference_V, confined, tmp_path) -> None:
    """A negative dipole bends them up, so that the valence band rises through E_F; and so on."""
    folder = written(tmp_path, interface(difference_V, confined=confined))
    row = summarise_job(folder, computed(folder, difference_V), spec_with()).iloc[0]
    vbm, cbm = expected_edges(folder, difference_V)
    assert row["edge_flag"] == ""
    # bands of a layer are as wide as it is thick
    assert row["vbm_eV"] == pytest.approx(vbm, abs=TAIL_EV + 0.1)
    assert row["cbm_eV"] == pytest.approx(cbm, abs=TAIL_EV + 0.1)
    if difference_V == -3.0:
        assert row["vbm_eV"] > 0.0
    if difference_V == 3.0:
        assert row["cbm_eV"] < 0.0
    assert row.index[-1] == "n_searched"
    assert 0 < row["n_searched"] < len(HEIGHTS_A)


@pytest.mark.parametrize("difference_V", [-2.0, 0.0, 2.0])
def test_states_of_the_metal_next_to_it_hide_the_edges(difference_V, tmp_path) -> None:
    folder = written(tmp_path, interface(difference_V))
    all_of_it = SEARCH.model_copy(update={"clearance_A": 0.0})
    outcome = computed(folder, difference_V)
    row = summarise_job(folder, outcome, spec_with(all_of_it)).iloc[0]
    assert row["edge_flag"] == OVERLAP
    assert row["n_searched"] == len(HEIGHTS_A)


def test_no_molecule_that_far_is_told(tmp_path) -> None:
    folder = written(tmp_path, interface(1.0))
    far = SEARCH.model_copy(update={"clearance_A": 40.0})
    row = summarise_job(folder, computed(folder, 1.0), spec_with(far)).iloc[0]
    assert row["edge_flag"] == NO_LAYER
    assert np.isnan([row["vbm_eV"], row["cbm_eV"], row["edge_gap_eV"]]).all()
    assert row["n_searched"] == 0
    # of the film's dipole nothing is lost
    assert row["delta_V_dft_V"] == pytest.approx(1.0)


def chosen(atoms, clearance_A: float = 4.0) -> set[int]:
    """Oxygens that are searched."""
    atoms = with_vacuum(atoms, 8.0)
    layers = ELECTRONIC.density_of_states.layer_A
    parts = divide_into_layers(atoms, thickness_A=layers, liquid=Molecule())
    told = searched_layers(atoms, parts, liquid=Molecule(), clearance_A=clearance_A)
    assert told.shape == (len(parts),)
    found = np.concatenate([part.atoms for part, is_far in zip(parts, told, strict=True) if is_far])
    return {int(index) for index in found if atoms.numbers[index] == 8}


def test_molecules_are_left_out_by_their_own_height(tmp_path) -> None:
    atoms = interface(0.0)
    oxygen = np.flatnonzero(atoms.numbers == 8)
    top = atoms.positions[atoms.numbers == 29, 2].max()
    clear = set(oxygen[atoms.positions[oxygen, 2] - top > 4.0].tolist())
    assert chosen(atoms) <= clear
    # a layer that holds one that is too near is left out whole
    assert len(clear - chosen(atoms)) <= 1


def test_the_gap_is_found_wherever_the_solid_lies_in_a_periodic_cell() -> None:
    atoms = interface(0.0, confined=True)
    gap = HEIGHTS_A[0] + HEIGHTS_A[-1]
    expected = None
    for shift in (0.0, 1.0, -1.0, 12.0, 24.0):
        moved = atoms.copy()
        moved.positions[:, 2] += shift
        moved.wrap()
        faces = find_faces(moved)
        assert faces.gap_A == pytest.approx(gap)
        top = atoms.positions[atoms.numbers == 29, 2].max() + shift
        assert faces.above(np.array([top + 3.0])) == pytest.approx(3.0)
        about = faces.about_the_gap(moved.positions[moved.numbers == 29, 2])
        thickness = atoms.cell.lengths()[2] - gap
        assert about.min() >= -0.5 * thickness - 1e-6
        assert about.max() <= gap + 0.5 * thickness + 1e-6
        third = {
            index
            for index in np.flatnonzero(atoms.numbers == 8)
            if gap / 3 < atoms.positions[index, 2] + shift - top < 2 * gap / 3
        }
        assert chosen(moved) <= third
        assert len(third - chosen(moved)) <= 2
        expected = expected or chosen(moved)
    assert expected


def test_without_a_solid_all_of_the_liquid_is_searched() -> None:
    atoms = interface(0.0)[12:]
    atoms = atoms[atoms.arrays["region"] == "water"]
    assert find_faces(atoms) is None
    assert len(chosen(atoms)) == len(HEIGHTS_A)


def test_the_table_of_states_tells_heights_and_what_is_searched(tmp_path) -> None:
    folder = written(tmp_path, interface(-1.0, confined=True))
    outcome = computed(folder, -1.0)
    table = tabulate_density(folder, outcome, spec_with())
    assert list(table) == PDOS_COLUMNS
    metal, water = (table[table["region"] == region] for region in ("metal", "water"))
    gap = HEIGHTS_A[0] + HEIGHTS_A[-1]
    assert not metal["searched"].any()
    middle = water.loc[water["searched"], "height_A"]
    half_layer = 0.5 * ELECTRONIC.density_of_states.layer_A
    assert middle.between(gap / 3 - half_layer, 2 * gap / 3 + half_layer).all()
    # half of the metal is drawn on either side
    assert metal["height_A"].min() < 0.4
    assert metal["height_A"].max() > gap - 0.4
    assert water["height_A"].between(0.0, gap).all()
