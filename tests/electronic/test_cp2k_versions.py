"""Outputs of CP2K 9.1 to 2026.2 in their dialects, and logs of several runs."""

import logging
import re
import shutil

import ase.io
import numpy as np
import pytest
from ase import Atoms
from checkouts import FIELD, with_field
from scipy.optimize import brentq

from falsemetal.electronic.cp2k import LATER_INPUT, Cp2kEngine
from falsemetal.electronic.cp2k_result import is_converged, read_cp2k, read_grid, read_pdos
from falsemetal.electronic.density_of_states import DensityOfStates
from falsemetal.electronic.engine import SinglePoint
from falsemetal.electronic.errors import ResultError
from falsemetal.electronic.job import run_job
from falsemetal.electronic.specs import RunJobSpec
from falsemetal.electronic.structure import Layer
from falsemetal.fortran import fortran_float, separate_numbers
from falsemetal.programs import cp2k as program
from falsemetal.programs.cp2k import INPUT, LOG, nearest_release
from falsemetal.units import BOLTZMANN, HARTREE

ENGINE = Cp2kEngine(kind="cp2k")
STATES = DensityOfStates(lowest_eV=-30.0, highest_eV=15.0)
LAYERS = [Layer(0.0, "water", np.array([0])), Layer(1.0, "water", np.array([1, 2]))]
LEVELS = np.array([-0.9, -0.5, -0.4, -0.3, -0.1, 0.05])
OCCUPATIONS = np.array([2.0, 2.0, 2.0, 2.0, 0.0, 0.0])
PROJECTIONS = np.array([[0.6, 0.1, 0.05], [0.2, 0.03, 0.02]])
OLD = ("9.1", "2022.1", "2022.2")
VERSIONS = (
    *OLD,
    *("2023.1", "2023.2", "2024.1", "2024.2", "2024.3", "2025.1", "2025.2", "2026.1", "2026.2"),
)
CONVERGED = "  *** SCF run converged in    12 steps ***\n"
NOT_CONVERGED = " *** WARNING in qs_scf.F:598 :: SCF run NOT converged ***\n"
ABORTED = f"""\
 {79 * "*"}
 * [ABORT] SCF run NOT converged. To continue the calculation regardless,      *
 *  \\___/  please set the keyword IGNORE_CONVERGENCE_FAILURE.                  *
 {79 * "*"}
"""
FAILED = f"""\
 {79 * "*"}
 * [ABORT] Dipole correction needs more vacuum space above the surface         *
 {79 * "*"}
"""
ENDED = "  **** **** ******  **  PROGRAM ENDED AT                 2026-08-13 13:55:59.941\n"
DIPOLE = """\
  Total dipole moment perpendicular to\x20
  the slab [electrons-Angstroem]:              -0.3976301434
"""


def water() -> Atoms:
    return Atoms(
        "OH2",
        [[3.0, 3.0, 10.0], [3.76, 3.0, 10.59], [2.24, 3.0, 10.59]],
        cell=[6.0, 6.0, 20.0],
        pbc=[True, True, False],
    )


def begin(version: str, project: str, atoms: Atoms) -> str:
    """Write what a run says first."""
    if version in OLD:
        header = "MODULE QUICKSTEP:  ATOMIC COORDINATES IN angstrom"
        row = "{:5d} {:3d} {:2s} {:3d}   {:12.6f}{:12.6f}{:12.6f}     {:8.4f}   {:9.4f}"
    else:
        header = "MODULE QUICKSTEP: ATOMIC COORDINATES IN ANGSTROM"
        row = " {:6d} {:4d} {:2s} {:4d} {:13.6f} {:13.6f} {:13.6f} {:8.4f} {:8.4f}"
    rows = [
        row.format(n, 1, symbol, z, *position, 6.0, 16.0)
        for n, (symbol, z, position) in enumerate(
            zip(atoms.symbols, atoms.numbers, atoms.positions, strict=True), start=1
        )
    ]
    return "\n".join(
        [
            " DBCSR| CPU Multiplication driver                                  XSMM",
            "  **** **** ******  **  PROGRAM STARTED AT               2026-08-13 13:52:58.205",
            f" CP2K| version string: {f'CP2K version {version}':>57s}",
            f" GLOBAL| Project name {project:>58s}",
            "",
            f" {header}",
            "",
            "   Atom Kind Element         X             Y             Z       Z(eff)     Mass",
            *rows,
            "",
            " SCF PARAMETERS         Density guess:                                    ATOMIC",
            "",
        ]
    )


def pdos(version: str, projections: np.ndarray, levels=LEVELS, occupations=OCCUPATIONS) -> str:
    orbitals = "".join(f"{name:>18s}" for name in "spd")
    if version == "2026.2":
        header = (
            "# Projected DOS for list 1 of 1 atoms, at iteration step i = 0\n"
            "# E(Fermi) =    -0.200000 a.u. =    -5.442277 eV\n"
            "# E(HOCO)  =    -0.300000 a.u. =    -8.163416 eV\n"
            f"#          MO Energy[a.u.]      Occupation{'Total':>18s}{orbitals}\n"
        )
    else:
        header = (
            "# Projected DOS for list 1 of 1 atoms, at iteration step i = 0, "
            "E(Fermi) =    -0.200000 a.u.\n"
            f"#     MO Eigenvalue [a.u.]      Occupation{orbitals}\n"
        )
    total = [projections.sum()] if version == "2026.2" else []
    numbers = "".join(f"{value:18.8f}" for value in (*total, *projections))
    return header + "".join(
        f"{n:8d}{level:18.6f}{occupation:16.6f}{numbers}\n"
        for n, (level, occupation) in enumerate(zip(levels, occupations, strict=True), start=1)
    )


@pytest.fixture
def job(tmp_path):
    """Write a job and the outputs of a version of CP2K, whose log holds so many runs."""

    def write(version: str, *ends: str):
        folder = tmp_path / version
        folder.mkdir()
        point = SinglePoint(functional="PBE")
        for name, text in ENGINE.write(water(), LAYERS, STATES, point).items():
            (folder / name).write_text(text)
        project = re.search(r"PROJECT (job-\w+)", (folder / INPUT).read_text())[1]
        runs = [begin(version, project, water()) + end for end in ends]
        (folder / LOG).write_text("".join(runs))
        for n, projections in enumerate(PROJECTIONS, start=1):
            (folder / f"{project}-list{n}-1.pdos").write_text(pdos(version, projections))
        return folder, project

    return write


def read(folder):
    return read_cp2k(folder, water(), LAYERS, STATES)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_reads_the_same(job, version, caplog):
    folder, _ = job(version, CONVERGED + DIPOLE + ENDED)
    assert is_converged(folder / LOG)
    with caplog.at_level(logging.WARNING):
        result = read(folder)
    assert caplog.text == ""
    assert result.engine == f"CP2K {version}"
    assert result.lumo_eV - result.homo_eV == pytest.approx(0.2 * HARTREE)
    assert result.dipole_e_per_A == pytest.approx(0.3976301434 / 36.0)
    total = np.trapezoid(result.density, result.energies_eV, axis=1)
    assert total == pytest.approx(2 * len(LEVELS) * PROJECTIONS.sum(axis=1), rel=1e-3)


def test_an_unknown_version_is_read_as_the_nearest_and_told(job, caplog):
    with caplog.at_level(logging.WARNING):
        assert nearest_release("2027.1") == (2026, 2)
        assert nearest_release("8.2") == (9, 1)
        assert nearest_release("2024.9") == (2024, 3)
        assert nearest_release("git") == (2026, 2)
        read(job("2027.1", CONVERGED + ENDED)[0])
    assert caplog.text.count("is not known here") == 5
    assert "CP2K 2027.1 is not known here: taken as 2026.2" in caplog.text


@pytest.mark.parametrize("version", ["9.1", "2026.2"])
@pytest.mark.parametrize(
    "earlier",
    ["", NOT_CONVERGED + ENDED, ABORTED, FAILED, CONVERGED + ENDED, CONVERGED[:20]],
    ids=["killed", "not converged", "aborted", "failed", "converged", "cut"],
)
def test_the_last_of_several_runs_counts(job, version, earlier):
    folder, project = job(version, earlier, CONVERGED + ENDED)
    assert is_converged(folder / LOG)
    assert read(folder).engine == f"CP2K {version}"
    other = water()
    other.positions[0] += 0.5
    log = (folder / LOG).read_text()
    (folder / LOG).write_text(log + begin(version, project, other) + CONVERGED + ENDED)
    with pytest.raises(ResultError, match="of another structure"):
        read(folder)


def test_a_run_that_failed_last(job):
    for version, end, message in [
        ("2022.1", "", "cut short"),
        ("2022.2", CONVERGED, "cut short"),
        ("2023.1", FAILED, "needs more vacuum"),
    ]:
        folder, _ = job(version, CONVERGED + ENDED, end)
        with pytest.raises(ResultError, match=message):
            is_converged(folder / LOG)
    for version, end in [("2023.2", NOT_CONVERGED + ENDED), ("2026.1", ABORTED)]:
        folder, _ = job(version, CONVERGED + ENDED, end)
        assert not is_converged(folder / LOG)


@pytest.mark.parametrize("version", ["2023.1", "2026.2"])
def test_two_spins_are_joined(job, version):
    folder, project = job(version, CONVERGED + ENDED)
    expected = read(folder)
    for n, projections in enumerate(PROJECTIONS, start=1):
        (folder / f"{project}-list{n}-1.pdos").unlink()
        for spin in ("ALPHA", "BETA"):
            text = pdos(version, projections, occupations=OCCUPATIONS / 2.0)
            (folder / f"{project}-{spin}_list{n}-1.pdos").write_text(text)
    found = read(folder)
    assert (found.homo_eV, found.lumo_eV) == pytest.approx((expected.homo_eV, expected.lumo_eV))
    np.testing.assert_allclose(found.density, expected.density)


@pytest.mark.parametrize("seed", range(5))
def test_dense_levels_have_the_fermi_level_of_their_smeared_occupations(job, seed):
    """As beside a metal: the middle between two levels lies within kT of it."""
    folder, project = job("2023.1", CONVERGED + ENDED)
    thermal_eV = BOLTZMANN * 500.0
    # a metal's many levels a kT, among those of a liquid
    levels_eV = np.sort(np.random.default_rng(seed).uniform(-8.0, 4.0, 600))

    def occupations(fermi_eV: float) -> np.ndarray:
        return 2.0 / (1.0 + np.exp((levels_eV - fermi_eV) / thermal_eV))

    n_electrons = 2 * 350
    fermi_eV = brentq(lambda level: occupations(level).sum() - n_electrons, -8.0, 4.0)
    for n, projections in enumerate(PROJECTIONS, start=1):
        text = pdos("2023.1", projections, levels_eV / HARTREE, occupations(fermi_eV))
        (folder / f"{project}-list{n}-1.pdos").write_text(text)
    result = read(folder)
    assert result.fermi_eV == pytest.approx(fermi_eV, abs=thermal_eV)
    assert 0.0 <= result.gap_eV < 0.15


def test_a_dipole_that_is_no_number_is_told(job):
    folder, _ = job("2023.1", CONVERGED + DIPOLE.replace("-0.3976301434", "*************") + ENDED)
    with pytest.raises(ResultError, match=r"cp2k.log: \*+ in the place of a number"):
        read(folder)


def test_k_points_are_told(job):
    folder, _ = job("2023.1", CONVERGED + ENDED)
    grid = " BRILLOUIN| K-Point grid                                             2    2    2\n"
    log = (folder / LOG).read_text()
    (folder / LOG).write_text(log.replace(CONVERGED, grid + CONVERGED))
    with pytest.raises(ResultError, match=r"cp2k.log: .*k points; run without &KPOINTS"):
        read(folder)


def test_numbers_of_fortran(job, tmp_path):
    assert fortran_float("1.25D+02") == 125.0
    assert fortran_float("-0.5-100") == -0.5e-100
    with pytest.raises(ValueError, match="could not convert"):
        fortran_float("*****")
    assert separate_numbers("-0.1E+001-0.5E+000 0.2E-004") == "-0.1E+001 -0.5E+000 0.2E-004"
    assert separate_numbers(" 0.12345-100-0.5E+00") == " 0.12345E-100 -0.5E+00"
    folder, project = job("9.1", CONVERGED + ENDED)
    path = folder / f"{project}-list1-1.pdos"
    expected = read_pdos(path).levels_eV
    path.write_text(
        path.read_text().replace("-0.900000", "-9.0D-01").replace("0.60000000", "0.6-100")
    )
    assert read_pdos(path).levels_eV == pytest.approx(expected)
    path.write_text(path.read_text().replace("0.050000", "********"))
    with pytest.raises(ResultError, match=r"list1-1.pdos: no readable .pdos file"):
        read_pdos(path)


@pytest.mark.parametrize("width", ["{:13.5E}", "{:13.4E}", "joined"])
def test_cubes_of_every_version(tmp_path, width):
    values = np.random.default_rng(1).normal(size=(2, 3, 4))
    path = tmp_path / "a.cube"

    def written(value: float) -> str:
        if width != "joined":
            return width.format(value)
        mantissa, exponent = f"{value:.5E}".split("E")  # three digits of exponent since 2026.2
        return f"{f'{mantissa}E{int(exponent):+04d}':>13s}"

    lines = ["-Quickstep-", " v_hartree", "    1    0.000000    0.000000    0.000000"]
    steps = [(2, "1.0 0.0 0.0"), (3, "0.0 1.0 0.0"), (4, "0.0 0.0 1.0")]
    lines += [f"{n:5d} {step}" for n, step in steps]
    lines += ["    8    6.000000    0.000000    0.000000    0.000000"]
    lines += ["".join(map(written, row)) for row in values.reshape(6, 4)]
    path.write_text("\n".join(lines) + "\n")
    np.testing.assert_allclose(read_grid(path, unit=1.0).values, values, rtol=1e-4)


def test_the_input_is_written_for_both_forms(job):
    """Names and nesting of 2026.2's `&DOS` are those of its `input_cp2k_print_dft.F`."""
    folder, _ = job("2026.2", CONVERGED + ENDED)
    text, later = (folder / INPUT).read_text(), (folder / LATER_INPUT).read_text()
    assert "&PDOS\n        NLUMO -1\n        &LDOS\n          LIST 1\n" in text
    assert "&DOS\n        &LDOS\n          LIST 1\n        &END LDOS\n" in later
    assert "PDOS" not in later
    assert "NLUMO" not in later
    assert "&END DOS" in later
    removed = [line for line in text.splitlines() if line not in later.splitlines()]
    assert [line.strip() for line in removed] == ["&PDOS", "NLUMO -1", "&END PDOS"]


@pytest.mark.parametrize(
    ("version", "used"), [("9.1", INPUT), ("2026.1", INPUT), ("2026.2", LATER_INPUT)]
)
def test_the_version_that_runs_gets_its_form(job, version, used, tmp_path, monkeypatch):
    """A program that tells its version and writes what it was given into its output."""
    folder, _ = job(version)
    (folder / LOG).unlink()
    script = tmp_path / "bin" / "cp2k.ssmp"
    script.parent.mkdir()
    script.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = --version ] && echo "CP2K version {version}" && exit\n'
        f'echo "CP2K| given $2"; echo "{CONVERGED.strip()}"; echo PROGRAM ENDED\n'
    )
    script.chmod(0o755)
    monkeypatch.setattr(program, "NAMES", ("cp2k.ssmp",))
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
    origin = {"name": "t", "sha256": "0", "seed": 1}
    run_job(folder, RunJobSpec(origin=origin, engine=ENGINE), 1)
    assert f"CP2K| given {used}" in (folder / LOG).read_text()


def test_jobs_of_before_the_second_form_are_kept(job, tmp_path):
    """Results of a folder that has the first input alone are not of other inputs."""
    from falsemetal.electronic.job import _set_aside_results_of_other_inputs as set_aside

    folder, _ = job("2023.1", CONVERGED + ENDED)
    files = {name: (folder / name).read_text() for name in (INPUT, LATER_INPUT)}
    (folder / LATER_INPUT).unlink()
    set_aside(folder, files)
    assert (folder / LOG).exists()
    set_aside(folder, files | {INPUT: "other"})
    assert not (folder / LOG).exists()
    assert (folder / "superseded-1" / LOG).exists()


@with_field
@pytest.mark.parametrize(
    ("name", "converged"),
    [
        ("13-cp2k-2022-output/job-2022.2", True),
        ("15-appended-log/after-abort", True),
        ("15-appended-log/after-killed", True),
        ("15-appended-log/after-not-converged", True),
        ("15-appended-log/converged-then-killed", None),
    ],
)
def test_jobs_met_elsewhere(name, converged, tmp_path):
    folder = shutil.copytree(FIELD / name, tmp_path / "job")
    structure = ase.io.read(folder / "structure.extxyz")
    layers = [Layer(0.0, "water", np.arange(12) + 12 * n) for n in range(3)]
    if converged is None:
        with pytest.raises(ResultError, match="cut short; run the job again"):
            is_converged(folder / LOG)
        return
    assert is_converged(folder / LOG) == converged
    result = read_cp2k(folder, structure, layers, STATES)
    assert result.lumo_eV > result.homo_eV
    area = float(np.prod(structure.cell.lengths()[:2]))
    assert result.dipole_e_per_A == pytest.approx(0.0432109876 / area)
