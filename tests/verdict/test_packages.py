"""Models of other packages, with the weights that their wheels bring."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from falsemetal.cli import app
from falsemetal.verdict.report import JSON
from falsemetal.verdict.result import CheckResult

SEVENNET = os.environ.get("SEVENNET_PYTHON")


def checked(folder: Path, *arguments: str) -> CheckResult:
    ended = CliRunner().invoke(app, ["check", *arguments, "-q", "-o", str(folder)])
    assert ended.exit_code == 10, ended.stderr
    # what packages print does not stand among the lines of the verdict
    assert len(ended.stdout.splitlines()) == 3
    return CheckResult.model_validate_json((folder / JSON).read_text(encoding="utf-8"))


def assert_short_ranged(result: CheckResult) -> None:
    """Beyond 12 Å they know next to nothing, whatever their nominal reach of some 25 Å."""
    assert result.precision == "float32"
    for stacking in result.stackings:
        beyond = [i for i in stacking.increments if i.from_A > 12.0]
        assert all(abs(i.fraction) < 0.01 for i in beyond)
    assert result.reach_A is not None
    assert 5.0 < result.reach_A < 12.0


def test_chgnet(tmp_path) -> None:
    result = checked(tmp_path / "check", "-c", "chgnet")
    assert_short_ranged(result)
    assert result.provenance["packages"]["chgnet"]


@pytest.mark.skipif(
    SEVENNET is None, reason="`make test-sevennet` tests it in an environment of its own"
)
def test_sevennet_in_an_environment_of_its_own(tmp_path) -> None:
    assert SEVENNET is not None
    arguments = ("-c", "sevennet:7net-0", "--python", SEVENNET)
    result = checked(tmp_path / "check", *arguments)
    assert_short_ranged(result)
    assert result.provenance["packages of the other"]["sevenn"]
