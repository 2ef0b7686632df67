"""The command `falsemetal check`: what it prints, writes and returns."""

import base64
import html
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from checkouts import ROOT
from typer.testing import CliRunner, Result

from falsemetal.cli import app
from falsemetal.potentials.force_field.calculator import spce
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.verdict.dynamics import run_film
from falsemetal.verdict.report import JSON, PAGE, PICTURE
from falsemetal.verdict.result import CheckResult

HERE = Path(__file__).parent
SPCE = ("--calculator", "spce", "--probe", "water-32")
TRUNCATED = ("--calculator", "spce:truncated", "--probe", "water-32")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "check"


def test_a_report_is_written(folder: Path) -> None:
    ended = run(*SPCE, "-o", folder, "--thickness", "20", "--thickness", "30")
    assert ended.exit_code == 0
    lines = ended.stdout.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("LONG-RANGED: λ = 1.000")
    assert "water-32, slab of 4 cells: 384 atoms" in ended.stderr
    result = CheckResult.model_validate_json((folder / JSON).read_text(encoding="utf-8"))
    assert result.lines() == lines
    assert [film.thickness_A for film in result.films] == [20.0, 30.0]
    # the force field's own charge, and that of electronic structure for volts
    assert result.assumptions.charge_e == -0.8476
    assert result.assumptions.electronic_charge_e == -0.5562
    assert result.provenance["packages"]["ase"]
    page = html.unescape((folder / PAGE).read_text(encoding="utf-8"))
    assert base64.b64encode((folder / PICTURE).read_bytes()).decode() in page
    assert lines[2] in page
    assert not re.search(r"(src|href)=.http", page)


def test_exit_codes_tell_the_verdict(folder: Path) -> None:
    assert run(*TRUNCATED, "-q", "-o", folder / "a").exit_code == 10
    assert run(*TRUNCATED, "-q", "-o", folder / "b", "--exit-zero").exit_code == 0
    # by another charge the same potential has the wrong dipoles
    wrong = run(*SPCE, "-q", "-o", folder / "c", "--charge", "-0.4")
    assert wrong.exit_code == 11
    assert "LONG-RANGED BUT WRONG: λ = 4.490" in wrong.stdout
    assert "by --charge -0.8476 λ would be 1" in wrong.stdout


def test_a_report_is_not_written_over(folder: Path) -> None:
    assert run(*TRUNCATED, "-q", "-o", folder).exit_code == 10
    before = (folder / JSON).read_bytes()
    again = run(*SPCE, "-q", "-o", folder)
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr
    assert (folder / JSON).read_bytes() == before
    assert run(*SPCE, "-q", "-o", folder, "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--calculator", "chgnett"), "did you mean chgnet?"),
        (("--calculator", "nonsense"), "names no potential"),
        (("--calculator", "no.such.module:thing"), "no.such.module cannot be imported"),
        (("--calculator", "ase.calculators.lj:Nothing"), "has no 'Nothing'"),
        (("--calculator", "math:pi"), "makes a float, which is no ASE calculator"),
        (("--calculator", "mace"), "mace has no default model; name one: mace:MODEL"),
        (("--calculator", "mace:./absent.model"), "there is no file absent.model"),
        (("--calculator", "absent.py"), "absent.py: there is no such file"),
        (("--calculator", "lammps:absent.in"), "absent.in: there is no such file"),
        (("--calculator", str(HERE)), "holds no model.json"),
        (("--calculator", "grace", "--head", "x"), "grace takes no head"),
        (("--calculator", "spce:other"), "spce has no model 'other'"),
        ((*SPCE, "--kwargs", "{"), "--kwargs: not JSON"),
        ((*SPCE, "--kwargs", "[1]"), "--kwargs: give an object"),
        ((*SPCE, "--kwargs", '{"no": 1}'), "unexpected keyword argument 'no'"),
        ((*SPCE, "--d3", "nothing"), "D3 for nothing"),
        ((*SPCE, "--liquid", "absent.yaml"), "--liquid absent.yaml"),
        ((*SPCE, "--python", "/absent/python"), "python: /absent/python cannot be run"),
        (("--calculator", "spce", "--probe", "absent.xyz"), "absent.xyz: ASE cannot read a frame"),
        ((*SPCE, "--gap", "wide"), "--gap"),
        ((*SPCE, "--dtype", "float32"), "spce takes no dtype"),
        (("--calculator", "math:pi", "--head", "x"), "math:pi takes no --head"),
        ((*SPCE, "--charge", "nan"), "charge_e: nan makes no dipole"),
        ((*SPCE, "--electronic-charge", "0"), "electronic_charge_e: 0.0 makes no dipole"),
        ((*SPCE, "--python", "/bin/true"), "/bin/true ended before it had a calculator"),
        ((), "--calculator"),
    ],
)
def test_wrong_usage(folder: Path, arguments: tuple[str, ...], told: str) -> None:
    ended = run(*arguments, "-q", "-o", folder)
    assert ended.exit_code == 2
    assert told in re.sub(r"\s+", " ", ended.stderr)
    assert not (folder / JSON).exists()


def test_an_architecture_that_is_not_installed_names_its_package(folder: Path) -> None:
    ended = run("--calculator", "grace", "-q", "-o", folder)
    assert ended.exit_code == 2
    assert "pip install tensorpotential" in ended.stderr


def test_names_of_files_shadow_no_models(folder: Path, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    assert run(*SPCE, "-q", "-o", folder).exit_code == 0


def test_a_home_is_found_in_every_path(tmp_path, monkeypatch) -> None:
    """A shell leaves `--output=~/out` as it is."""
    monkeypatch.setenv("HOME", str(tmp_path))
    ended = run(*SPCE, "--output=~/out", "--probe=~/none.xyz")
    assert ended.exit_code == 2
    assert f"{tmp_path}/none.xyz" in ended.stderr
    assert not Path("~").exists()
    ended = run("-c", "~nobody-of-this-name/x.py", "-o", tmp_path / "out")
    assert ended.exit_code == 2
    assert "~nobody-of-this-name/x.py: there is no such file" in ended.stderr


def test_reports_that_cannot_be_written_are_told_before_anything_is_computed(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    ended = run(*SPCE, "-o", tmp_path / "file")
    assert ended.exit_code == 2
    assert "cannot be made a folder" in ended.stderr
    assert "atoms" not in ended.stderr


def test_other_liquids_need_a_charge(folder: Path, tmp_path) -> None:
    (tmp_path / "liquid.yaml").write_text(
        "centres: [N]\nbonds: [{element: H, count: 3, cutoff_A: 1.3}]\n"
    )
    liquid = ("--liquid", tmp_path / "liquid.yaml")
    ended = run(*SPCE, *liquid, "-q", "-o", folder)
    assert ended.exit_code == 2
    assert "no default for another liquid than water" in ended.stderr
    ended = run(*SPCE, *liquid, "--md", "1", "-q", "-o", folder)
    assert "--md runs a film of water" in ended.stderr
    (tmp_path / "liquid.yaml").write_text("center: [N]\n")
    ended = run(*SPCE, *liquid, "-q", "-o", folder)
    assert ended.stderr.count("\n") == 1
    assert "center" in ended.stderr


def test_models_that_are_none(folder: Path, tmp_path) -> None:
    (tmp_path / "mace.model").write_text("no model")
    ended = run("--calculator", f"mace:{tmp_path / 'mace.model'}", "-q", "-o", folder)
    assert ended.exit_code == 2
    assert "the calculator cannot be made" in ended.stderr
    (tmp_path / "model.json").write_text("{")
    ended = run("--calculator", tmp_path, "-q", "-o", folder)
    assert ended.exit_code == 2
    assert "not the description of a model" in ended.stderr


def test_a_failing_calculator_is_no_verdict(folder: Path) -> None:
    script = HERE / "calculators.py"
    ended = run("--calculator", f"{script}:Failing", "-q", "-o", folder)
    assert ended.exit_code == 2
    assert ended.stderr.count("\n") == 1
    assert "CUDA out of memory" in ended.stderr


def test_python_files_and_functions(folder: Path, tmp_path) -> None:
    (tmp_path / "mine.py").write_text(
        "from ase.calculators.lj import LennardJones\n"
        "def calculator(epsilon=0.01):\n"
        "    return LennardJones(sigma=1.2, epsilon=epsilon, rc=3.0, smooth=True)\n"
    )
    arguments = ("--probe", "water-32", "-q", "--kwargs", '{"epsilon": 0.02}')
    assert run("-c", tmp_path / "mine.py", *arguments, "-o", folder).exit_code == 10
    by_name = "falsemetal.potentials.force_field.calculator:spce"
    arguments = ("--kwargs", '{"model": "truncated"}', "--charge", "-0.8476")
    assert run("-c", by_name, *arguments, "-q", "-o", folder / "2").exit_code == 10


PAIR_STYLE = """\
# types: O H
units real
pair_style lj/cut/coul/dsf 0.2 9.0 9.0
pair_coeff 1 1 0.1553 3.166
pair_coeff 1 2 0.0 1.0
pair_coeff 2 2 0.0 1.0
set type 1 charge -0.8476
set type 2 charge 0.4238
"""

EWALD = PAIR_STYLE.replace("coul/dsf 0.2 9.0 9.0", "coul/long 9.0").replace(
    "set type 1", "kspace_style ewald 1.0e-6\nset type 1"
)


def test_pair_styles_of_lammps(folder: Path, tmp_path) -> None:
    # the charge of oxygen is read off the file
    arguments = ("--probe", "water-32")
    (tmp_path / "dsf.in").write_text(PAIR_STYLE)
    ended = run("-c", f"lammps:{tmp_path / 'dsf.in'}", *arguments, "-q", "-o", folder / "dsf")
    assert ended.exit_code == 10
    # Ewald sums without a correction for slabs are found out, and slabs stacked in pairs
    (tmp_path / "ewald.in").write_text(EWALD)
    ended = run("-c", f"lammps:{tmp_path / 'ewald.in'}", *arguments, "-o", folder / "ewald")
    assert ended.exit_code == 0
    assert "pair of slabs of 4 cells" in ended.stderr
    (tmp_path / "untold.in").write_text(PAIR_STYLE.replace("# types: O H\n", ""))
    ended = run("-c", f"lammps:{tmp_path / 'untold.in'}", *arguments, "-o", folder / "untold")
    assert ended.exit_code == 2
    assert "add a line '# types: O H'" in ended.stderr


def test_dispersion_changes_nothing(folder: Path) -> None:
    """Like r⁻⁶ it ends long before a depolarising field does."""
    for name, extra in (("without", ()), ("with", ("--d3", "pbe"))):
        assert run("-c", "spce", "-q", "-o", folder / name, *extra).exit_code == 0
    plain, corrected = (
        CheckResult.model_validate_json((folder / name / JSON).read_text(encoding="utf-8"))
        for name in ("without", "with")
    )
    assert corrected.potential == "spce + D3(pbe)"
    for before, after in zip(plain.stackings, corrected.stackings, strict=True):
        last = [x.increments[-1].fraction for x in (before, after)]
        assert last[1] == pytest.approx(last[0], abs=1e-3)


def test_a_run_that_fails_leaves_the_verdict(folder: Path) -> None:
    script = HERE / "calculators.py"
    ended = run("-c", f"{script}:Bonded", "--probe", "water-32", "--md", "2", "-q", "-o", folder)
    assert ended.exit_code == 10
    assert "molecules are broken" in ended.stdout.splitlines()[3]
    result = CheckResult.model_validate_json((folder / JSON).read_text(encoding="utf-8"))
    assert "molecules are broken" in str(result.evidence[0].failure)


def test_runs_are_continued(folder: Path, caplog) -> None:
    calculator = spce("truncated")
    calculator.identity = {"model": "truncated"}
    for duration_ps in (0.05, 0.1):
        with caplog.at_level("INFO", logger="falsemetal"):
            run_film(calculator, duration_ps, folder / "film.h5", identity={}, temperature_K=300.0)
    assert "continues from step 50" in caplog.text
    with Trajectory(folder / "film.h5") as film:
        assert film.steps.tolist() == [0, 50, 100]
    # a killed run has left its state, and a report from before it began
    (folder / "film.h5").rename(folder / "film.part.h5")
    assert run(*TRUNCATED, "-q", "-o", folder).exit_code == 10
    refused = run(*SPCE, "--md", "0.5", "-q", "-o", folder)
    assert refused.exit_code == 2
    continued = run(*TRUNCATED, "--md", "0.5", "-q", "-o", folder)
    assert continued.exit_code == 10
    assert "128 molecules" in continued.stdout.splitlines()[3]


def test_the_schema_is_current() -> None:
    """Made by `falsemetal schema > docs/check.schema.json`."""
    kept = json.loads((ROOT / "docs" / "check.schema.json").read_text(encoding="utf-8"))
    assert json.loads(CliRunner().invoke(app, ["schema"]).stdout) == kept


def test_help_loads_nothing_heavy() -> None:
    """What takes long to import waits until it is needed."""
    script = (
        "import sys; from typer.testing import CliRunner; from falsemetal.cli import app; "
        "assert CliRunner().invoke(app, ['check', '--help']).exit_code == 0; "
        "print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    loaded = ended.stdout
    heavy = ("torch", "mace", "ase", "scipy", "pandas", "matplotlib", "numpy", "h5py")
    assert [name for name in heavy if f"'{name}'" in loaded] == []


def test_a_check_loads_no_torch(tmp_path) -> None:
    """`pip install falsemetal` comes without it, and whoever has a model has their own."""
    script = (
        "import sys; from falsemetal.cli import app; "
        f"sys.argv = ['falsemetal', 'check', '-c', '{HERE / 'calculators.py'}:Soft', "
        f"'--probe', 'water-32', '-q', '-o', '{tmp_path / 'check'}', '--exit-zero']\n"
        "try:\n    app()\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    for name in ("torch", "mace", "e3nn", "snakemake", "lammps"):
        assert f"'{name}'" not in ended.stdout
