"""Verdicts on λ against thickness."""

import pytest
from test_prediction import stacked

from falsemetal.verdict.judgement import Verdict, in_thousandths, judge


@pytest.mark.parametrize(
    ("fractions", "verdict", "exit_code"),
    [
        ([1.0003, 1.0], Verdict.LONG_RANGED, 0),
        ([0.923, 0.922], Verdict.LONG_RANGED, 0),
        ([1.5, 1.45], Verdict.LONG_RANGED, 0),
        ([0.4, 0.001], Verdict.SHORT_RANGED, 10),
        ([0.3, 0.05], Verdict.SHORT_RANGED, 10),
        ([0.05, 0.05], Verdict.WRONG, 11),
        ([0.0, -0.0005], Verdict.SHORT_RANGED, 10),
        ([5.02, 5.0], Verdict.WRONG, 11),
        ([0.3, 0.3], Verdict.WRONG, 11),
        ([-4.0, -4.1], Verdict.WRONG, 11),
        ([0.9, 0.4], Verdict.UNDECIDED, 12),
        ([0.8, 0.3, 0.2], Verdict.UNDECIDED, 12),
        ([1.0], Verdict.UNDECIDED, 12),
        ([0.0], Verdict.SHORT_RANGED, 10),
    ],
)
def test_verdicts(fractions: list[float], verdict: Verdict, exit_code: int) -> None:
    judgement = judge([stacked(fractions)])
    assert judgement.verdict is verdict
    assert judgement.verdict.exit_code == exit_code
    assert in_thousandths(fractions[-1]) in judgement.reason


def test_the_thickest_probe_decides() -> None:
    assert judge([stacked([0.9, 0.9, 0.0]), stacked([1.0, 1.0])]).verdict is Verdict.SHORT_RANGED


def test_no_minus_stands_before_a_zero() -> None:
    assert in_thousandths(-1e-9) == "0.000"
    assert in_thousandths(-0.0412) == "-0.041"
