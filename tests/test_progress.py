"""What a process leaves behind for a person, run as one."""

import subprocess
import sys
from pathlib import Path

import pytest

BEGIN = """
import sys, warnings
from falsemetal.progress import log_to, logger
log_to(sys.argv[1])
"""


def run(log: Path, code: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", BEGIN + code, str(log)], capture_output=True, text=True, check=False
    )


@pytest.fixture
def log(tmp_path) -> Path:
    (tmp_path / "job.log.error").write_text("ValueError: of an earlier run\n")
    return tmp_path / "job.log"


@pytest.mark.parametrize(
    ("code", "note"),
    [
        ("raise ValueError('first line\\nsecond line')", "ValueError: first line\nsecond line\n"),
        ("sys.exit('key: what to do\\nmore')", "SystemExit: key: what to do\nmore\n"),
    ],
)
def test_an_error_is_noted_whole(log, code, note):
    result = run(log, code)
    assert result.returncode == 1
    assert log.with_name("job.log.error").read_text() == note
    assert "second line" in result.stderr or "more" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_traceback_is_in_the_log(log):
    run(log, "raise ValueError('a fault')")
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("logger.info('done')", 0),
        ("sys.exit(3)", 3),
        ("sys.exit()", 0),
        ("from falsemetal.interruption import InterruptedRunError; raise InterruptedRunError", 143),
    ],
)
def test_without_an_error_there_is_no_note(log, code, status):
    assert run(log, code).returncode == status
    assert not log.with_name("job.log.error").exists()


def test_remarks_of_libraries_about_themselves_are_not_shown(log):
    remarks = (
        "The TorchScript type system doesn't support instance-level annotations",
        "Environment variable TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD detected",
    )
    shown = run(log, f"for text in {remarks!r}: warnings.warn(text)\nwarnings.warn('a fault')")
    assert "Torch" not in shown.stderr and "TORCH" not in shown.stderr
    assert "a fault" in shown.stderr
