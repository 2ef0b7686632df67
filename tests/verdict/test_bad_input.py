"""Calculators and frames that cannot be checked: one clear line each, and nothing is written."""

import re
from collections.abc import Callable

import calculators
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator

from falsemetal.potentials.foreign.naming import with_dispersion
from falsemetal.systems.molecule import Molecule
from falsemetal.verdict.checking import check
from falsemetal.verdict.errors import CheckError
from falsemetal.verdict.judgement import Verdict
from falsemetal.verdict.probe import shipped_frame


def test_the_calculators_without_their_fault_are_short_ranged() -> None:
    assert check(calculators.Soft(), probes=["water-32"]).verdict is Verdict.SHORT_RANGED


@pytest.mark.parametrize(
    ("calculator", "told"),
    [
        (calculators.Failing(), "failed on H64O32, pbc TTT: RuntimeError: CUDA out of memory$"),
        (calculators.LackingOxygen(), "failed on H64O32.*KeyError: 'O'$"),
        (calculators.NotANumber(), "energy nan eV"),
        (calculators.WithoutForces(), "PropertyNotImplementedError.*forces"),
        (calculators.Meddling(), "changes the positions of the atoms"),
        (calculators.Random(), "not deterministic"),
        (calculators.NotExtensive(), "not extensive"),
        (calculators.NotPeriodic(), "not periodic"),
        (calculators.OnlyMolecules(), "pbc TTT: ValueError: pbc along z is not implemented"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Calculator) else None,
)
def test_faulty_calculators(calculator: Calculator, told: str) -> None:
    with pytest.raises(CheckError, match=told) as error:
        check(calculator, probes=["water-32"])
    assert "\n" not in str(error.value)


def test_refused_slabs_are_stacked_in_pairs_unless_slabs_are_asked_for() -> None:
    result = check(calculators.OnlyBulk(), probes=["water-32"])
    assert result.stackings[0].form == "pair"
    assert result.verdict is Verdict.SHORT_RANGED
    with pytest.raises(CheckError, match="pbc TTF: ValueError: only periodic cells"):
        check(calculators.OnlyBulk(), probes=["water-32"], form="slab")


def test_periodicity_that_is_forgotten_is_noticed() -> None:
    """As of codes that take anything but TTT for a molecule: pairs are stacked instead."""
    result = check(calculators.ForgetsSlabs(), probes=["water-32"])
    assert result.stackings[0].form == "pair"
    assert result.verdict is Verdict.SHORT_RANGED


@pytest.mark.parametrize(("most", "n_increments"), [(400, 3), (300, 2)])
def test_what_was_computed_is_judged_though_thicker_slabs_fail(
    most: int, n_increments: int
) -> None:
    result = check(calculators.OutOfMemory(most), probes=["water-32", "water-64"])
    assert [stacking.probe for stacking in result.stackings] == ["water-32"]
    assert len(result.stackings[0].increments) == n_increments
    assert result.verdict is Verdict.SHORT_RANGED


def test_a_negative_share_is_wrong_and_has_no_sigma() -> None:
    result = check(calculators.Ferroelectric(), probes=["water-32"], charge_e=-0.8476)
    assert result.verdict is Verdict.WRONG
    assert result.films[-1].sigma_V is None
    assert "polarise by themselves" in result.lines()[2]


def test_dispersion_hides_no_randomness() -> None:
    with pytest.raises(CheckError, match="not deterministic"):
        check(with_dispersion(calculators.Random(), "pbe"), probes=["water-32"])


def broken(frame: Atoms) -> None:
    frame.positions[1] += [2.0, 0.0, 0.0]


def with_ions(frame: Atoms) -> None:
    frame.extend(Atoms("NaCl", positions=[[1.0, 1.0, 1.0], [5.0, 5.0, 5.0]]))


def without_dipole(frame: Atoms) -> None:
    """Half of the molecules are the others, turned by 180° about each axis in turn."""
    half = frame[: len(frame) // 2]
    other = half.copy()
    other.positions = -half.positions
    del frame[:]
    frame.extend(half + other)


def charged(frame: Atoms) -> None:
    frame.info["charge"] = 1.0


def charged_by_atoms(frame: Atoms) -> None:
    frame.set_initial_charges(np.full(len(frame), 0.01))


def a_film(frame: Atoms) -> None:
    frame.pbc = (True, True, False)


def oblique(frame: Atoms) -> None:
    frame.cell[1, 0] = 1.0


def incomplete(frame: Atoms) -> None:
    del frame[0]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (broken, "of 32 molecules are not whole"),
        (with_ions, "holds Cl, Na, which the liquid has not"),
        (without_dipole, "its dipole of .* is too small"),
        (charged, "a cell of charge \\+1 e"),
        (charged_by_atoms, "a cell of charge \\+0.96 e"),
        (a_film, "pbc is TTF"),
        (oblique, "orthorhombic"),
        (incomplete, "fixed charges add up to"),
    ],
)
def test_frames_that_cannot_be_stacked(spoil: Callable[[Atoms], None], told: str) -> None:
    frame = shipped_frame("water-32")
    spoil(frame)
    soft = calculators.Soft()
    soft.sigma = 0.3  # molecules may overlap here, and rounding must not tell first
    with pytest.raises(CheckError, match=told) as error:
        check(soft, probes=[frame])
    assert "\n" not in str(error.value)


def test_files_that_hold_no_frame(tmp_path) -> None:
    path = tmp_path / "frame.xyz"
    path.write_text("nothing\n")
    for given in (path, tmp_path / "absent.xyz"):
        with pytest.raises(CheckError, match=re.escape(str(given))):
            check(calculators.Soft(), probes=[given])


def test_no_charge_and_no_probe() -> None:
    with pytest.raises(CheckError, match=r"charge_e: 0.0 makes no dipole"):
        check(calculators.Soft(), charge_e=0.0)
    with pytest.raises(CheckError, match="no probe"):
        check(calculators.Soft(), probes=[])


def test_frames_may_be_wrapped_moved_and_turned() -> None:
    """The verdict does not depend on how a frame was written."""
    frame = shipped_frame("water-32")
    before = check(calculators.Soft(), probes=[frame]).stackings[0]
    frame.positions += [3.0, 5.0, 2.0]
    frame.wrap()
    order = [1, 2, 0]
    turned = Atoms(
        frame.numbers,
        positions=frame.positions[:, order],
        cell=frame.cell.lengths()[order],
        pbc=True,
    )
    after = check(calculators.Soft(), probes=[turned]).stackings[0]
    assert after.dipole_e_A == pytest.approx(before.dipole_e_A)
    assert after.cell_thickness_A == pytest.approx(before.cell_thickness_A)


def test_another_liquid_by_its_molecules() -> None:
    """Hydrogen chloride, all molecules turned one way, under a potential that ends at 3 Å."""
    sites = 4.0 * np.indices((3, 3, 3)).reshape(3, -1).T
    frame = Atoms(
        "ClH" * len(sites),
        positions=np.stack([sites, sites + np.array([0.0, 0.4, 1.2])], axis=1).reshape(-1, 3),
        cell=[12.0] * 3,
        pbc=True,
    )
    liquid = Molecule(
        centres=["Cl"], bonds=[{"element": "H", "count": 1, "cutoff_A": 1.6}], region="HCl"
    )
    result = check(calculators.Soft(), probes=[frame], liquid=liquid, charge_e=-0.18)
    assert result.verdict is Verdict.SHORT_RANGED
    # turned so that the larger component of the dipole lies along z
    assert result.stackings[0].dipole_e_A == pytest.approx(27 * 0.18 * 1.2)
    assert result.assumptions.electronic_charge_e == -0.18
