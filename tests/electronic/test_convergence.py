"""What is reported while an engine runs, from real outputs cut where it had come to."""

import logging

import pytest
from checkouts import SHARED, with_shared_data

from falsemetal.electronic.aims import AimsEngine
from falsemetal.electronic.convergence import ConvergenceReport
from falsemetal.electronic.cp2k import Cp2kEngine

OUTPUTS = SHARED / "dft-outputs"


@with_shared_data
@pytest.mark.parametrize(
    ("engine", "name", "step", "change"),
    [
        (Cp2kEngine, "cp2k/Si.out", 8, "0.00000329"),
        (AimsEngine, "fhi-aims/slab-dipole-correction/aims.out", 27, "0.2243E-04"),
    ],
)
def test_the_last_step_is_reported_once(tmp_path, caplog, engine, name, step, change):
    text = (OUTPUTS / name).read_text()
    output = tmp_path / "output"
    report = ConvergenceReport(output, engine.change, interval_s=0.0)
    output.write_text("")
    with caplog.at_level(logging.INFO, logger="falsemetal"):
        report()
        # cut within the number, as while it is written
        output.write_text(text[: text.index(change) + 4])
        report()
        output.write_text(text)
        report()
        report()
    assert [line.rsplit(": ", 1)[1] for line in caplog.messages[1:]] == [
        f"step {step} of self-consistency, change {change}"
    ]
    assert caplog.messages[0].startswith(f"{tmp_path}: step {step - 1} of")


def test_nothing_is_reported_before_it_is_time(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="falsemetal"):
        ConvergenceReport(tmp_path / "none", Cp2kEngine.change)()
    assert not caplog.messages
