"""Data that lie, caught by physics: units, signs, elements, functionals."""

import numpy as np
import pytest
from ase.build import add_adsorbate, fcc111
from checkouts import SHARED, with_shared_data

from falsemetal.datasets.checks import check_frames
from falsemetal.datasets.extxyz import read_labelled
from falsemetal.datasets.physics import measure_stretches
from falsemetal.datasets.runner import read_runner
from falsemetal.datasets.settings import Checks, LabelledDataset
from falsemetal.sources.catalogue import FrameLayout
from falsemetal.systems import cubic_cell, water_box
from falsemetal.units import BOHR, HARTREE

N_FRAMES = 40
STIFFNESS = 40.0
LENGTH_A = 0.98
REST_EV = -468.0
SPREAD_EV = 0.5


def springy_water(n_frames=N_FRAMES, *, stretch_A=0.03, step_A=0.3, seed=1):
    """Frames of molecules with springs for bonds, which other motion, with its energy, hides."""
    rng = np.random.default_rng(seed)
    start = water_box(16, cell_lengths_A=cubic_cell(16, 0.997), seed=1)
    centres = np.flatnonzero(start.numbers == 8)
    frames = []
    for index in range(n_frames):
        frame = start.copy()
        frame.positions += np.repeat(rng.normal(scale=step_A / 3, size=(16, 3)), 3, axis=0)
        forces = np.zeros_like(frame.positions)
        energy = 16 * REST_EV + SPREAD_EV * rng.normal()
        for oxygen in centres:
            for hydrogen in (oxygen + 1, oxygen + 2):
                bond = frame.positions[hydrogen] - frame.positions[oxygen]
                stretch = stretch_A * rng.normal()
                bond *= (LENGTH_A + stretch) / np.linalg.norm(bond)
                frame.positions[hydrogen] = frame.positions[oxygen] + bond
                pull = -STIFFNESS * stretch * bond / np.linalg.norm(bond)
                forces[hydrogen] += pull
                forces[oxygen] -= pull
                energy += 0.5 * STIFFNESS * stretch**2
        noise = 0.2 * rng.normal(size=forces.shape)
        frame.arrays["REF_forces"] = forces + noise - noise.mean(axis=0)
        frame.info |= {"REF_energy": energy, "config_type": "bulk", "trajectory": f"t{index}"}
        frames.append(frame)
    return frames


def in_bohr(frame):
    frame.set_cell(frame.cell / BOHR, scale_atoms=True)


def as_if_bohr(frame):
    frame.set_cell(frame.cell * BOHR, scale_atoms=True)


def energy_in_hartree(frame):
    frame.info["REF_energy"] /= HARTREE


def energy_per_atom(frame):
    frame.info["REF_energy"] /= len(frame)


def energy_in_kj(frame):
    frame.info["REF_energy"] *= 96.485


def gradients(frame):
    frame.arrays["REF_forces"] *= -1.0


def forces_in_hartree_per_bohr(frame):
    frame.arrays["REF_forces"] /= HARTREE / BOHR


def forces_in_kcal(frame):
    frame.arrays["REF_forces"] *= 23.06


def argon(frame):
    frame.numbers[:] = 18


@pytest.mark.parametrize(
    ("lie", "check", "reason"),
    [
        (in_bohr, "bond lengths", "1.89 times .* in another unit"),
        (as_if_bohr, "bond lengths", "0.53 times"),
        (argon, "bond lengths", "covalent radii"),
        (energy_in_hartree, "energy spread", "in hartree"),
        (energy_per_atom, "energy spread", "per atom"),
        (energy_in_kj, "energy spread", "too much: in kcal"),
        (gradients, "sign of forces", "gradients instead of forces"),
        (forces_in_hartree_per_bohr, "stiffness", "0.7.* eV/Å², limits 10 and 150"),
        (forces_in_kcal, "stiffness", "eV/Å², limits"),
    ],
)
def test_lies_of_a_whole_file(lie, check, reason):
    frames = springy_water()
    for frame in frames:
        lie(frame)
    limits = Checks(maximum_force_rms_eV_per_A=100.0, maximum_force_eV_per_A=1000.0)
    accepted, rejections = check_frames(frames, limits)
    assert accepted == []
    assert {rejection.check for rejection in rejections} <= {check, "energy misfit"}
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(next(r.reason for r in rejections if r.check == check))


def test_sound_water_passes_and_is_measured():
    frames = springy_water()
    assert check_frames(frames, Checks()) == (frames, [])
    found = measure_stretches(frames)
    assert found.correlation < -0.95
    assert found.stiffness_eV_per_A2 == pytest.approx(STIFFNESS, rel=0.02)
    # of n = 32 springs with energies of kT/2 · χ²: √(n/2)·k·σ²; of 144 degrees of freedom √(144/n)
    expected = STIFFNESS * 0.03**2 * np.sqrt(32 / 2) * np.sqrt(144 / 32)
    assert found.energy_spread_eV == pytest.approx(expected, rel=0.3)


def test_a_few_frames_of_another_functional_or_unit():
    frames = springy_water()
    others = {4: lambda e: e + 40, 9: lambda e: e / HARTREE, 20: lambda e: e * 1.001}
    for index, change in others.items():
        frames[index].info["REF_energy"] = change(frames[index].info["REF_energy"])
    _, rejections = check_frames(frames, Checks())
    assert {r.frame: r.check for r in rejections} == {
        4: "energy misfit",
        9: "energy misfit",
        20: "energy outlier",
    }


def test_two_functionals_in_equal_parts():
    frames = springy_water(80)
    for frame in frames[::2]:
        frame.info["REF_energy"] += 16 * 1.4
    accepted, rejections = check_frames(frames, Checks())
    assert len(accepted) <= 40
    assert {r.check for r in rejections} <= {"energy misfit", "energy spread"}


def test_a_foreign_atom_in_one_frame():
    frames = springy_water(120)
    frames[7].numbers[0] = 29
    _, ((rejection),) = check_frames(frames, Checks())
    assert (rejection.frame, rejection.check) == (7, "rare element")
    assert "Cu is in 1 of 120 frames" in rejection.reason


def test_hydrogen_that_hops_on_a_metal_is_no_spring():
    rng = np.random.default_rng(1)
    frames = []
    for index in range(20):
        slab = fcc111("Pt", (3, 3, 3), vacuum=8.0, periodic=True)
        slab.pbc = (True, True, False)
        add_adsorbate(slab, "H", 0.9, "fcc")
        stretch = rng.normal(scale=0.1)
        slab.positions[-1, 2] += stretch
        slab.positions += rng.normal(scale=0.02, size=slab.positions.shape)
        forces = rng.normal(scale=0.2, size=(len(slab), 3))
        forces[-1, 2] -= 2.0 * stretch
        slab.info = {
            "REF_energy": -100.0 + 0.3 * rng.normal(),
            "config_type": "slab",
            "trajectory": index,
        }
        slab.arrays["REF_forces"] = forces - forces.mean(axis=0)
        frames.append(slab)
    assert measure_stretches(frames) is None
    assert check_frames(frames, Checks())[1] == []


def test_a_key_of_the_checks_leaves_the_others_of_labelled_data():
    layout = {"kind": "labelled", "path": "a.xyz", "format": "extxyz"}
    plain = LabelledDataset(**layout)
    other = LabelledDataset(**layout, checks={"isolated_atoms": "atomic_energies"})
    assert other.checks == plain.checks.model_copy(update={"isolated_atoms": "atomic_energies"})
    assert other.checks.maximum_net_force_eV_per_A > Checks().maximum_net_force_eV_per_A


@pytest.mark.parametrize(
    ("scale", "fine"), [(1.0, True), (1.0 / HARTREE, False), (1.0 / 48, False), (-1.0, False)]
)
def test_energies_change_by_the_work_of_the_forces(scale, fine):
    """Molecules that do not stretch, so that bonds tell nothing, drift in a field of force."""
    rng = np.random.default_rng(1)
    frame = springy_water(1, stretch_A=0.0)[0]
    pull = rng.normal(scale=0.3, size=(16, 3))
    forces = np.repeat(pull - pull.mean(axis=0), 3, axis=0)
    frames, work = [], 0.0
    for index in range(12):
        step = np.repeat(rng.normal(scale=0.02, size=(16, 3)), 3, axis=0)
        frame = frame.copy()
        frame.positions += step
        work += float(np.sum(forces * step))
        frame.arrays["REF_forces"] = forces
        frame.info = {"REF_energy": scale * -work, "config_type": "bulk", "time_ps": 0.1 * index}
        frames.append(frame)
    accepted, rejections = check_frames(frames, Checks(energy_outlier_sigmas=100.0))
    assert len(accepted) == (12 if fine else 0)
    assert {r.check for r in rejections} == (set() if fine else {"energy changes"})


@pytest.mark.parametrize(
    ("key", "fault"),
    [("O-H", None), ("H-O", None), ("Xx-O", "'Xx-O' is no pair"), ("O", "'O' is no pair")],
)
def test_pairs_are_named_in_any_order(key, fault):
    if fault:
        with pytest.raises(ValueError, match=fault):
            Checks(minimum_distance_A={key: 0.9})
    else:
        assert Checks(minimum_distance_A={key: 0.9}).minimum_distance_A == {"H-O": 0.9}
    with pytest.raises(ValueError, match="given twice"):
        Checks(minimum_distance_A={"O-H": 0.9, "H-O": 0.8})
    with pytest.raises(ValueError, match="at least 1"):
        Checks(minimum_distance_A={})


ROOM = Checks(maximum_net_force_eV_per_A=0.2)


@with_shared_data
@pytest.mark.parametrize("name", ["H2O_RPBE-D3_4G", "AlAuMgO_4G"])
def test_public_sets_with_charges_pass(name):
    frames = read_runner(SHARED / f"charges-4g/{name}.data")
    assert check_frames(frames, ROOM)[1] == []


@with_shared_data
def test_public_water_passes():
    frames = read_runner(SHARED / "revpbe0-d3-water/input.data")
    assert check_frames(frames, ROOM)[1] == []
    assert measure_stretches(frames).stiffness_eV_per_A2 == pytest.approx(42.5, abs=0.1)


@with_shared_data
def test_public_copper_and_water_passes():
    layout = FrameLayout(energy_key="energy", forces_key="forces")
    frames = read_labelled(SHARED / "cu111-water-treci/cu111_water_94.xyz", layout)
    assert check_frames(frames, ROOM)[1] == []
