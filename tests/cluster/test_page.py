"""The page about killed hosts counts what happened and gives percentiles of what was measured."""

from __future__ import annotations

from benchmarks.faults.faults import FAULTS, Affected, Happened
from benchmarks.faults.page import Run, page
from benchmarks.faults.verdict import Verdict

KILL = next(each for each in FAULTS if each.name == "kill")


def test_the_page_says_what_was_done_how_often_and_what_was_lost() -> None:
    studies = [Affected(f"1.{n}", True, float(n), n + 5.0) for n in range(1, 11)] + [Affected("1.9", False, None, None)]
    verdict = Verdict(studies=40, images=160, refusals=7, lost=["1.2.3"], waiting=["8, STABLE: its images lie on A"])
    told = page(
        Run("python -m x", "2026-12-01", "abc", 3, 12.0, True, [Happened(KILL, "NODE_A", 30.0, studies)], verdict)
    )
    assert "| kill | kill -9 of every process of a host at once | 1 |" in told
    assert "synced to disk (names and contents) | not run |" in told
    assert "neither on a host, with their digest, nor in the PACS | 1 |" in told
    assert "- study 8, STABLE: its images lie on A" in told
    assert "| death to claim, studies that were complete | 10 | 6 | 10 | 10 | 0 |" in told
    assert "or had results to send | 11 | 10 | 15 | 15 | 1 |" in told
    assert not verdict.is_clean
