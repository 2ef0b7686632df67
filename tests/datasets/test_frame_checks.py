import numpy as np
import pytest

from falsemetal.datasets.checks import check_frames
from falsemetal.datasets.settings import Checks
from falsemetal.systems import water_slab

CULPRIT = 7


def without_energy(frame):
    del frame.info["REF_energy"]


def without_forces(frame):
    del frame.arrays["REF_forces"]


def vector_energy(frame):
    frame.info["REF_energy"] = np.array([1.0, 2.0])


def one_component(frame):
    frame.arrays["REF_forces"] = frame.arrays["REF_forces"][:, :1]


def not_a_number(frame):
    frame.arrays["REF_forces"][3, 1] = np.nan


def infinite_energy(frame):
    frame.info["REF_energy"] = np.inf


def overlapping(frame):
    frame.positions[3] = frame.positions[0] + [1.5, 0.0, 0.0]


def across_the_boundary(frame):
    frame.positions[1] = frame.positions[0] + frame.cell.array[0] + [0.5, 0.0, 0.0]


def forces_too_large(frame):
    frame.arrays["REF_forces"] *= 51.4


def forces_too_small(frame):
    frame.arrays["REF_forces"] /= 1000.0


def pushed(frame):
    frame.arrays["REF_forces"][:, 2] += 0.02


def held(frame):
    frame.arrays["REF_forces"][:6] = 0.0


def outlying(frame):
    frame.info["REF_energy"] += 2.0


@pytest.mark.parametrize(
    ("spoil", "check", "reason"),
    [
        (without_energy, "missing label", "no REF_energy"),
        (without_forces, "missing label", "no REF_forces"),
        (vector_energy, "label shape", r"energy of shape \(2,\)"),
        (one_component, "label shape", r"forces of shape \(24, 1\) for 24 atoms"),
        (not_a_number, "not finite", "1 force components not finite"),
        (infinite_energy, "not finite", "energy inf"),
        (overlapping, "close atoms", r"O-O distance 1.500 Å \(atoms \d and \d\) below 2 Å"),
        (across_the_boundary, "close atoms", "H-O distance 0.500 Å"),
        (forces_too_large, "large force", r"eV/Å above 50; wrong units"),
        (forces_too_small, "small forces", r"eV/Å below 0.005; wrong units"),
        (pushed, "net force", "net force 0.48 eV/Å above 0.05 times the root of 24 atoms"),
        (held, "held atoms", "forces on 6 atoms are exactly zero and those on the others sum to"),
        (outlying, "energy outlier", r"robust σ .* from the median .* limit 8"),
    ],
)
def test_each_reason(make_frames, spoil, check, reason):
    frames = make_frames()
    spoil(frames[CULPRIT])
    accepted, rejections = check_frames(frames, Checks())
    assert len(accepted) == len(frames) - 1
    assert all(frame is not frames[CULPRIT] for frame in accepted)
    (rejection,) = rejections
    assert (rejection.frame, rejection.check) == (CULPRIT, check)
    assert (rejection.trajectory, rejection.time_ps) == ("bulk-0", pytest.approx(0.8))
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(rejection.reason)


def test_zero_forces_by_symmetry_are_no_constraint(make_frames):
    frames = make_frames()
    forces = frames[CULPRIT].arrays["REF_forces"]
    forces[:6] = 0.0
    forces[6:] -= forces[6:].mean(axis=0)
    assert check_frames(frames, Checks())[1] == []


def test_the_later_duplicate_goes(make_frames):
    frames = make_frames()
    for copy in (12, 3):
        frames[copy].positions = frames[CULPRIT].positions + 1e-4
    accepted, rejections = check_frames(frames, Checks())
    assert len(accepted) == 18
    assert [(r.frame, r.check) for r in rejections] == [(7, "duplicate"), (12, "duplicate")]
    assert "of frame 3" in rejections[0].reason


def test_sound_frames_pass_in_order(make_frames):
    frames = make_frames()
    accepted, rejections = check_frames(frames, Checks())
    assert accepted == frames
    assert rejections == []


def test_energies_are_compared_within_config_type_and_composition(make_frames):
    bulk, brine = make_frames(), make_frames(config_type="brine", seed=2)
    for frame in brine:
        frame.info["REF_energy"] -= 2.0
    accepted, rejections = check_frames(bulk + brine, Checks())
    assert len(accepted) == 40
    assert rejections == []


def test_distances_heed_the_open_direction_of_a_slab(make_frames):
    slab = water_slab(4, cross_section_A=6.2, cell_height_A=30.0, seed=1)
    slab.cell[2, 2] = np.ptp(slab.positions[:, 2]) + 0.2
    slab.positions[:, 2] -= slab.positions[:, 2].min() - 0.1
    slab.info["REF_energy"] = -1.0
    forces = np.random.default_rng(1).normal(size=slab.positions.shape)
    slab.arrays["REF_forces"] = forces - forces.mean(axis=0)
    assert check_frames([slab], Checks())[1] == []


def test_nothing_to_check():
    assert check_frames([], Checks()) == ([], [])
