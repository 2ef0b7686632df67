"""Committees of Behler-Parrinello networks: formulas by plain loops, invariances, files."""

import itertools
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from checkouts import SHARED, with_shared_data
from small_models import energy_and_forces, water_layer

from falsemetal.potentials.bpnnp.committee import BPNNP, load_bpnnp
from falsemetal.potentials.bpnnp.files import INPUT, SCALING, read_committee
from falsemetal.potentials.bpnnp.settings import SymmetryFunction
from falsemetal.potentials.bpnnp.symmetry import Environment
from falsemetal.potentials.calculator import ModelCalculator
from falsemetal.potentials.fast.blocks import EdgeBlocks
from falsemetal.potentials.fast.neighbours import find_neighbours
from falsemetal.potentials.fast.symmetry import AngularFunctions
from falsemetal.potentials.graph import build_graph
from falsemetal.potentials.store import ModelError

WEIGHTS = SHARED / "bpnnp-bulkH2O-jcp2020"

pytestmark = with_shared_data


@pytest.fixture(scope="module")
def committee() -> BPNNP:
    return load_bpnnp(WEIGHTS, dtype=torch.float64)


@pytest.fixture(scope="module")
def water() -> Atoms:
    """Layer whose sides are shorter than twice the cutoff: an atom sees images of another."""
    return water_layer(slab=True, n_molecules=20)


@pytest.fixture
def copy(tmp_path) -> Path:
    shutil.copytree(WEIGHTS, tmp_path / "committee")
    return tmp_path / "committee"


def by_hand(atoms: Atoms, centre: int, function: SymmetryFunction, r_cut_A: float) -> float:
    """Evaluate the formulas of SymmetryFunction, one neighbour after the other."""

    def cutoff(r: float) -> float:
        return np.tanh(1.0 - r / r_cut_A) ** 3 if r < r_cut_A else 0.0

    images = [range(-2, 3) if periodic else [0] for periodic in atoms.pbc]
    near = []
    for shift in itertools.product(*images):
        vectors = atoms.positions + shift @ atoms.cell.array - atoms.positions[centre]
        for number, vector in zip(atoms.numbers, vectors, strict=True):
            if 0.0 < np.linalg.norm(vector) < r_cut_A:
                near.append((number, vector))
    total = 0.0
    if len(function.neighbours) == 1:
        for number, vector in near:
            if number == function.neighbours[0]:
                r = np.linalg.norm(vector)
                total += np.exp(-function.eta_per_A2 * (r - function.shift_A) ** 2) * cutoff(r)
        return total
    for (e_j, v_j), (e_k, v_k) in itertools.combinations(near, 2):
        if tuple(sorted((e_j, e_k))) == function.neighbours:
            r_j, r_k, r_jk = (np.linalg.norm(v) for v in (v_j, v_k, v_j - v_k))
            total += (
                2.0 ** (1 - function.zeta)
                * (1.0 + function.sign * (v_j @ v_k) / (r_j * r_k)) ** function.zeta
                * np.exp(-function.eta_per_A2 * (r_j**2 + r_k**2 + r_jk**2))
                * (cutoff(r_j) * cutoff(r_k) * cutoff(r_jk))
            )
    return total


@pytest.mark.parametrize("element", [1, 8])
def test_symmetry_functions_are_those_of_plain_loops(committee, water, element) -> None:
    graph = build_graph(water, committee.elements, committee.r_cut_A)
    environment = Environment(graph, committee.elements, committee.r_cut_A, torch.float64)
    centre = int(np.flatnonzero(water.numbers == element)[0])
    for function in committee.settings.functions[element]:
        value = float(environment(function)[centre])
        assert value == pytest.approx(by_hand(water, centre, function, committee.r_cut_A), rel=1e-9)


@pytest.mark.parametrize("neighbours", [(1, 1), (1, 8)])
def test_steep_and_flat_angular_functions_in_single_precision(water, neighbours) -> None:
    """High ζ must not overflow where a slot is empty, and η may be zero."""
    functions = [
        SymmetryFunction(neighbours, 0.01, sign=1, zeta=16),
        SymmetryFunction(neighbours, 0.04, sign=-1, zeta=32),
        SymmetryFunction(neighbours, 0.0, sign=1, zeta=1),
    ]
    atoms, r_cut_A = water[np.argsort(water.numbers, kind="stable")], 6.0
    weights = torch.tensor([1.0, -0.5, 0.2], dtype=torch.float64)

    graph = build_graph(atoms, (1, 8), r_cut_A)
    graph.positions.requires_grad_(True)
    environment = Environment(graph, (1, 8), r_cut_A, torch.float64)
    oxygen = torch.tensor(atoms.numbers == 8)
    plain = torch.stack([environment(function) for function in functions], 1)[oxygen]
    (expected,) = torch.autograd.grad((plain @ weights).sum(), graph.positions)

    positions = torch.tensor(atoms.positions, requires_grad=True)
    rows = find_neighbours(atoms.positions, atoms.cell.array, atoms.pbc, r_cut_A + 0.3)
    counts = [int((atoms.numbers == z).sum()) for z in (1, 8)]
    _, of_oxygen = EdgeBlocks(r_cut_A, torch.float32)(positions, rows, counts)
    blocks = [of_oxygen[(1, 8).index(element)] for element in sorted(set(neighbours))]
    found = AngularFunctions(functions, r_cut_A)(blocks)
    (gradient,) = torch.autograd.grad((found @ weights.float()).sum(), positions)
    torch.testing.assert_close(found.double(), plain, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-4)


def test_forces_are_the_gradient_of_the_energy(committee, water) -> None:
    atoms, step_A = water.copy(), 1e-4
    atoms.calc = ModelCalculator(committee)
    forces = atoms.get_forces()
    for atom, axis in ((0, 0), (1, 2), (5, 1)):
        energies = []
        for sign in (1.0, -1.0):
            atoms.positions = water.positions
            atoms.positions[atom, axis] += sign * step_A
            energies.append(atoms.get_potential_energy())
        slope = (energies[0] - energies[1]) / (2.0 * step_A)
        assert forces[atom, axis] == pytest.approx(-slope, abs=1e-6)


def test_energy_is_invariant_and_forces_turn(committee, water) -> None:
    energy, forces = evaluate(committee, water)
    other = water.copy()
    other.positions += [0.7, -1.9, 2.3]
    other.positions[::3] += other.cell[0]
    order = np.random.default_rng(1).permutation(len(other))
    other = other[order]
    other.rotate(90.0, "z", rotate_cell=True)
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    same_energy, turned = evaluate(committee, other)
    assert same_energy == pytest.approx(energy, abs=1e-8)
    np.testing.assert_allclose(turned, forces[order] @ turn.T, atol=1e-8)


def test_atoms_apart_have_their_own_energies(committee) -> None:
    """Beyond the cutoff of each other energies add up; single precision agrees with double."""
    single = load_bpnnp(WEIGHTS, dtype=torch.float32)
    pair = Atoms("HO", [[0.0, 0.0, 0.0], [0.0, 0.0, 7.0]], cell=[20.0] * 3, pbc=[True, True, False])
    energies = [evaluate(committee, atoms)[0] for atoms in (pair[:1], pair[1:], pair)]
    assert energies[2] == pytest.approx(energies[0] + energies[1], abs=1e-9)
    assert evaluate(single, pair)[0] == pytest.approx(energies[2], abs=1e-3)


def test_single_precision_agrees_with_double(committee, water) -> None:
    single = load_bpnnp(WEIGHTS, dtype=torch.float32)
    energy, forces = evaluate(committee, water)
    for model in (single, ModelCalculator(single)):
        rough_energy, rough_forces = evaluate(model, water)
        assert rough_energy == pytest.approx(energy, abs=1e-5 * len(water))
        np.testing.assert_allclose(rough_forces, forces, atol=1e-4)


def test_functions_are_sorted_as_scaling_and_weights_count_them(copy) -> None:
    for path in copy.glob(f"*/{INPUT}"):
        lines = path.read_text().splitlines()
        functions = [line for line in lines if line.startswith("symfunction_short")]
        others = [line for line in lines if not line.startswith("symfunction_short")]
        path.write_text("\n".join([*others, *reversed(functions)]))
    assert read_committee(copy).settings == read_committee(WEIGHTS).settings


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("symfunction_short H 2", "symfunction_short H 12", "symfunction_short .* type 2"),
        ("symfunction_short H 3", "symfunction_short H 9", "symfunction_short .* type 3"),
        (r"cutoff_type +2", "cutoff_type 1", "cutoff_type 1 is not supported"),
        (r"global_activation_short +t t l", "global_activation_short p p l", "tanh, then linear"),
        ("atom_energy +O.*", "atom_energy O", "atom_energy needs an element and an energy"),
        ("elements +O H", "elements Oo H", "Oo H cannot be read"),
        ("global_nodes_short +20", "global_nodes_short twenty", "twenty 20 cannot be read"),
        ("scale_min_short", "conv_energy 27.2\nscale_min_short", "conv_energy is not supported"),
    ],
)
def test_what_is_not_supported_is_named_with_its_line(copy, old, new, message) -> None:
    path = sorted(copy.glob(f"*/{INPUT}"))[0]
    text, found = re.subn(old, new, path.read_text(), count=1)
    assert found
    path.write_text(text)
    with pytest.raises(ModelError, match=rf"{path}, line \d+: .*{message}"):
        read_committee(copy)


@pytest.mark.parametrize("key", ["scale_max_short", "atom_energy"])
def test_members_that_differ_are_refused(copy, key) -> None:
    path = sorted(copy.glob(f"*/{INPUT}"))[-1]
    text = path.read_text()
    line = next(line for line in text.splitlines() if line.startswith(key))
    *words, value = line.split("#")[0].split()
    path.write_text(text.replace(line, " ".join([*words, str(float(value) * 1.5)])))
    with pytest.raises(ModelError, match=f"{path}: .* other than in"):
        read_committee(copy)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (INPUT, "cannot be read"),
        (SCALING, "cannot be read"),
        ("weights.008.data", "cannot be read"),
    ],
)
def test_a_missing_file_is_named(copy, name, message) -> None:
    path = sorted(copy.glob(f"*/{name}"))[0]
    path.unlink()
    with pytest.raises(ModelError, match=f"{path}: {message}"):
        read_committee(copy)


def test_the_range_of_energies_that_runner_appends_is_left_out(copy) -> None:
    for path in copy.glob(f"*/{SCALING}"):
        path.write_text(path.read_text() + "  -0.31   -0.29\n")
    assert len(read_committee(copy).members) == 8


def test_a_function_that_never_varies_is_named(copy) -> None:
    path = copy / "nnp-1" / SCALING
    lines = path.read_text().splitlines()
    *_, last = lines
    element, number, least, _, *rest = last.split()
    path.write_text("\n".join([*lines[:-1], " ".join([element, number, least, least, *rest])]))
    with pytest.raises(ModelError, match=f"{path}: .*function {number} never varies"):
        read_committee(copy)


def test_a_file_cut_short_is_named(copy) -> None:
    for name, message in (("weights.001.data", "fewer weights"), (SCALING, "symmetry functions")):
        path = sorted(copy.glob(f"*/{name}"))[0]
        lines = path.read_text().splitlines()
        path.write_text("\n".join(lines[:-3]))
        with pytest.raises(ModelError, match=f"{path}: .*{message}"):
            read_committee(copy)
        path.write_text("\n".join(lines))


def evaluate(potential: BPNNP | ModelCalculator, atoms: Atoms) -> tuple[float, np.ndarray]:
    if isinstance(potential, ModelCalculator):
        atoms = atoms.copy()
        atoms.calc = potential
        return atoms.get_potential_energy(), atoms.get_forces()
    return energy_and_forces(potential, atoms)
