"""Which frames of an exploration are labelled."""

import numpy as np
import pandas as pd
import pytest

from falsemetal.learning.choosing import choose, known_range
from falsemetal.learning.settings import Selection


def frames(dipoles: list[float], **columns: object) -> pd.DataFrame:
    """Frames 0.1 ps apart of one run, all physical and whole unless told otherwise."""
    told = {"replica": 0, "fraction_broken": 0.0, "refused": ""} | columns
    return pd.DataFrame({"unit_P_per_A": dipoles, "time_ps": 0.1 * np.arange(len(dipoles))} | told)


HELD = pd.DataFrame({"unit_P_per_A": np.linspace(-1.0, 1.0, 201), "fraction_broken": 0.0})


def chosen(table: pd.DataFrame) -> list[int]:
    return table.index[table["verdict"] == "chosen"].tolist()


def test_the_known_range_is_the_central_share() -> None:
    assert known_range(HELD["unit_P_per_A"], 0.98) == pytest.approx((-0.98, 0.98))
    assert np.isnan(known_range(HELD["unit_P_per_A"][:0], 0.98)).all()


def test_what_is_known_is_not_labelled() -> None:
    table = choose(frames([0.0, 0.9, -2.0, 2.0]), HELD, Selection(n_frames=9, separation_ps=0.0))
    assert table["verdict"].tolist() == ["known", "known", "chosen", "chosen"]


def test_rare_dipoles_are_taken_as_often_as_common_ones() -> None:
    common, rare = [1.2] * 30, [2.9, 3.0]
    selection = Selection(n_frames=4, n_bins=4, separation_ps=0.0)
    table = choose(frames([*common, *rare]), HELD, selection)
    assert chosen(table) == [0, 1, 30, 31]


def test_frames_are_apart_in_time_within_a_run_alone() -> None:
    dipoles = [2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    selection = Selection(n_frames=9, separation_ps=0.3)
    assert chosen(choose(frames(dipoles), HELD, selection)) == [0, 3]
    runs = frames(dipoles, replica=[0, 0, 0, 1, 1, 1])
    assert chosen(choose(runs, HELD, selection)) == [0, 3]
    other = choose(frames([2.0, 2.0], replica=[0, 1]), HELD, selection)
    assert chosen(other) == [0, 1]


def test_no_run_is_explored_before_another() -> None:
    runs = pd.concat([frames([2.0] * 5), frames([2.0] * 5, replica=1)], ignore_index=True)
    table = choose(runs, HELD, Selection(n_frames=4, separation_ps=0.0))
    assert chosen(table) == [0, 1, 5, 6]
    table = choose(runs, HELD, Selection(n_frames=2, how="even"))
    assert set(table.loc[chosen(table), "replica"]) == {0, 1}


def test_unphysical_frames_and_the_start_are_left_out() -> None:
    table = frames([2.0, 2.0, 2.0], refused=["", "close atoms", ""])
    selection = Selection(n_frames=9, separation_ps=0.0, discard_ps=0.05)
    verdicts = choose(table, HELD, selection)["verdict"].tolist()
    assert verdicts == ["start", "refused", "chosen"]


def test_more_broken_molecules_than_are_known_are_new() -> None:
    table = frames([0.0, 0.0, 0.0], fraction_broken=[0.0, 0.1, 0.3])
    held = HELD.assign(fraction_broken=0.1)
    found = choose(table, held, Selection(n_frames=9, separation_ps=0.0))
    assert found["verdict"].tolist() == ["known", "known", "chosen"]


def test_evenly_in_time() -> None:
    table = choose(frames([0.0] * 11), HELD, Selection(n_frames=3, how="even"))
    assert chosen(table) == [0, 5, 10]
    few = choose(frames([0.0] * 2), HELD, Selection(n_frames=3, how="even"))
    assert chosen(few) == [0, 1]


def test_all_is_new_where_nothing_is_held() -> None:
    table = choose(frames([0.0, 1.0]), HELD[:0], Selection(n_frames=9, separation_ps=0.0))
    assert chosen(table) == [0, 1]
