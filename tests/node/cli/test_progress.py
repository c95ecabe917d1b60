"""The line that says how far a long command is: one on a terminal, now and then elsewhere, with an expected end."""

from __future__ import annotations

import re

import pytest

from node.cli.progress import ProgressLine, study_progress


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_log_gets_a_line_at_most_every_ten_seconds_and_the_last_one(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    line = ProgressLine(clock, terminal=False)
    for done in range(1, 61):
        clock.now = float(done)
        line.show("cases answered", done, 60)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    assert re.fullmatch(r"cases answered: 11 of 60, 49 s left, until \d\d:\d\d", lines[0])
    assert lines[-1] == "cases answered: 60 of 60"


def test_the_expected_end_is_of_the_steps_of_this_run(capsys: pytest.CaptureFixture[str]) -> None:
    """A run that goes on at step 500 has not done 500 steps in its first second."""
    clock = Clock()
    line = ProgressLine(clock, terminal=False)
    line.show("passes", 500, 1000)
    clock.now = 60.0
    line.show("passes", 510, 1000)
    assert "49 min left" in capsys.readouterr().err
    clock.now = 600.0
    line.show("passes", 520, 10_000)
    assert re.search(r"79 h 0 min left", capsys.readouterr().err)


def test_a_terminal_gets_one_line_that_is_overwritten_and_a_new_one_for_the_next_stage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    line = ProgressLine(clock, terminal=True)
    for done in (1, 2, 3):
        clock.now += 1
        line.show("prepared", done, 3)
    line.show("passes", 1, 9)
    line.end()
    shown = capsys.readouterr().err
    assert shown.count("\r") == 4 and shown.count("\n") == 2
    assert shown.splitlines()[-1].split("\r")[-1].strip() == "passes: 1 of 9"


def test_a_line_in_between_leaves_the_expected_end_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    """A case that is excluded is named while cases are prepared; the time that the others took still counts."""
    clock = Clock()
    line = ProgressLine(clock, terminal=False)
    line.show("cases prepared", 0, 100)
    clock.now = 40.0
    line.end()
    line.show("cases prepared", 10, 100)
    assert "10 of 100, 6 min left" in capsys.readouterr().err


def test_studies_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    progress = study_progress("read")
    progress(2, 2)
    assert capsys.readouterr().err == "2 studies read: 2 of 2\n"
