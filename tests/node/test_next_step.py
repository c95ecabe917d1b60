"""One line that says what happens next to a study, when, or why nothing does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from node.jobs import JobKind, JobState
from node.next_step import NextStep, next_step
from node.settings_sections import GatherSettings
from node.states import StudyState
from node.storage.analysis_queue import AnalysisQueue, RunningAnalysis
from node.storage.records import JobRecord, StudyRecord

STUDY = StudyRecord(3, "1.2.3", StudyState.STABLE, 1, 7, 0.0, 10.0, 20.0, False, "")
QUEUE = AnalysisQueue(seconds=60.0, running={9: RunningAnalysis(100.0)}, waiting=(2, 3))
NOW = 110.0


def job(kind: JobKind = JobKind.DELIVER, **changes: Any) -> JobRecord:
    destination = "pacs" if kind is JobKind.DELIVER else ""
    return replace(JobRecord(kind, destination, 1, JobState.WAITING, 0, NOW, ""), **changes)


def step(state: StudyState, *jobs: JobRecord, queue: AnalysisQueue = QUEUE, **changes: Any) -> NextStep:
    return next_step(replace(STUDY, state=state, **changes), jobs, queue, GatherSettings(quiet_seconds=60), NOW)


def test_a_study_that_arrives_says_when_it_is_complete() -> None:
    assert step(StudyState.RECEIVING) == NextStep("if no more instances arrive: complete", 70.0)
    assert step(StudyState.RECEIVING, missing=4).words.startswith("4 images fewer than in earlier studies")


def test_a_study_that_waits_says_its_place_and_when_its_result_is_expected() -> None:
    assert step(StudyState.STABLE, job(JobKind.ANALYZE)) == NextStep("2 of 2 in the queue; result", 280.0)
    unknown = AnalysisQueue(waiting=(3,))
    assert step(StudyState.STABLE, queue=unknown) == NextStep("1 of 1 in the queue")
    assert step(StudyState.STABLE, queue=AnalysisQueue()) == NextStep("waiting for a worker")


def test_what_is_held_back_says_so() -> None:
    paused = replace(QUEUE, is_paused=True)
    assert step(StudyState.STABLE, job(JobKind.ANALYZE), queue=paused) == NextStep("waiting: the node is paused")
    assert step(StudyState.ANALYZED, job(), queue=paused) == NextStep("pacs: waiting, the node is paused")
    held = replace(QUEUE, held=frozenset({"pacs"}))
    assert step(StudyState.ANALYZED, job(), queue=held) == NextStep("pacs: held back")


def test_a_failed_attempt_says_why_and_when_the_next_one_is() -> None:
    failed = job(JobKind.ANALYZE, attempts=1, reason="analysis failed: MemoryError", not_before=200.0)
    assert step(StudyState.STABLE, failed) == NextStep(
        "analysis failed: MemoryError; next attempt", 200.0, is_troubled=True
    )


def test_a_study_that_is_analysed_says_how_far_it_is_and_when_its_result_is_expected() -> None:
    half = {9: RunningAnalysis(80.0, "scores", 12, 54)}
    queue = AnalysisQueue(seconds=60.0, running=half)
    expected = NextStep("being analysed: scores 12 of 54; result", 140.0, share=0.5)
    assert step(StudyState.ANALYZING, queue=queue, id=9) == expected
    slow = step(StudyState.ANALYZING, queue=AnalysisQueue(seconds=5.0, running={9: RunningAnalysis(100.0)}), id=9)
    assert (slow.words, slow.share) == ("being analysed, 5 s longer than usual", 0.99)
    first = AnalysisQueue(running={9: RunningAnalysis(100.0, "prepare", 0, 1)})
    assert step(StudyState.ANALYZING, queue=first, id=9) == NextStep("being analysed: prepare")
    assert step(StudyState.ANALYZING, queue=AnalysisQueue(), id=9).words == "being analysed"


@pytest.mark.parametrize(
    ("delivery", "expected"),
    [
        (job(), NextStep("being sent to pacs")),
        (
            job(attempts=2, reason="it does not answer", not_before=150.0),
            NextStep("pacs: it does not answer; retry", 150.0, is_troubled=True),
        ),
        (
            job(state=JobState.COMMITTING, attempts=1, not_before=400.0),
            NextStep("pacs: waiting for storage commitment; retry", 400.0),
        ),
        (
            job(state=JobState.DEAD, attempts=5, reason="it refused all objects"),
            NextStep("pacs: it refused all objects", is_troubled=True),
        ),
    ],
)
def test_a_delivery_says_what_its_destination_answers(delivery: JobRecord, expected: NextStep) -> None:
    assert step(StudyState.ANALYZED, delivery) == expected


def test_of_several_destinations_the_one_in_trouble_is_named() -> None:
    down = job(attempts=2, reason="it does not answer", not_before=150.0)
    assert step(StudyState.ANALYZED, replace(job(), destination="web"), down).is_troubled


def test_a_study_that_ended_says_why_or_nothing() -> None:
    assert step(StudyState.FAILED, reason="two patients") == NextStep("two patients", is_troubled=True)
    assert step(StudyState.INELIGIBLE, reason="no dynamic") == NextStep("no dynamic")
    assert step(StudyState.DELIVERED) == NextStep()
