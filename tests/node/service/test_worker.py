"""One analysis job: its outcome reaches the ledger, whatever happens; a shadow never disturbs a study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from kept_studies import STUDY, delivered, keep
from node.errors import NodeError
from node.jobs import JobKind, JobState, NodePart
from node.service.worker import analyze_next, shadow_next
from node.settings import Settings
from node.states import StudyState
from node.storage.archive import Archive
from node.storage.decisions import ModelDecisions
from node.storage.holds import Hold, HoldKind
from node.storage.ledger.ledger import Ledger
from node.storage.records import StudyAnalysis, StudyRevision
from node.summary import AnalysisSummary

REPORT = ("report", "1.2", "9.1", "9", b"a report")
DIGEST = "a" * 64


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(storage={"root": tmp_path / "root"})


@pytest.fixture
def archive(settings: Settings) -> Archive:
    return Archive(settings.storage.root)


@pytest.fixture
def ledger(settings: Settings, archive: Archive) -> Ledger:
    """A study of two instances is complete and waits for its analysis."""
    kept = keep(settings, 2)
    kept.gathering.settle(150, 160)
    return kept


def state_of(ledger: Ledger) -> StudyState:
    return ledger.reading.study(STUDY).study.state


def test_objects_are_kept_and_a_delivery_waits_for_each_destination(ledger: Ledger, archive: Archive) -> None:
    seen: list[tuple[int, StudyRevision]] = []

    def analyst(paths: Sequence[Path], revision: StudyRevision) -> StudyAnalysis:
        seen.append((len(paths), revision))
        return StudyAnalysis((REPORT,), AnalysisSummary())

    assert analyze_next(lambda _: ("pacs", "research"), ledger, archive, analyst)
    assert seen == [(2, StudyRevision(STUDY, 1, None, called_ae_title="MOMENODE", senders=("MODALITY",)))]
    detail = ledger.reading.study(STUDY)
    assert detail.study.state is StudyState.ANALYZED
    assert (archive.root / detail.objects[0].path).read_bytes() == b"a report"
    assert {job.destination for job in detail.jobs if job.kind == JobKind.DELIVER} == {"pacs", "research"}
    assert not analyze_next(lambda _: ("pacs",), ledger, archive, analyst), "one job was done twice"


def test_a_defect_in_the_analysis_is_tried_again(ledger: Ledger, archive: Archive) -> None:
    def analyst(paths: Sequence[Path], revision: StudyRevision) -> StudyAnalysis:
        raise RuntimeError("a library's words, perhaps with a name in them")

    assert analyze_next(lambda _: (), ledger, archive, analyst)
    (job,) = ledger.reading.study(STUDY).jobs
    assert (job.state, job.attempts) == (JobState.WAITING, 1)
    assert str(job.reason) == "analysis failed: RuntimeError"


def test_an_error_that_trying_again_cannot_help_fails_the_study(ledger: Ledger, archive: Archive) -> None:
    def analyst(paths: Sequence[Path], revision: StudyRevision) -> StudyAnalysis:
        raise NodeError("there is no model")

    assert analyze_next(lambda _: (), ledger, archive, analyst)
    assert state_of(ledger) is StudyState.FAILED


def test_a_file_that_changed_on_disk_fails_the_study_and_nothing_is_analysed(ledger: Ledger, archive: Archive) -> None:
    _, _, path = next(iter(ledger.reading.instances(STUDY)))
    (archive.root / path).write_bytes(b"other bytes")
    assert analyze_next(lambda _: (), ledger, archive, lambda *_: pytest.fail("it was analysed"))
    assert state_of(ledger) is StudyState.FAILED


def test_the_result_of_an_old_revision_is_dropped(ledger: Ledger, archive: Archive, settings: Settings) -> None:
    def analyst(paths: Sequence[Path], revision: StudyRevision) -> StudyAnalysis:
        keep(settings, 1)  # an instance arrives meanwhile
        return StudyAnalysis((REPORT,), AnalysisSummary())

    assert analyze_next(lambda _: ("pacs",), ledger, archive, analyst)
    assert state_of(ledger) is StudyState.RECEIVING
    assert ledger.reading.study(STUDY).objects == ()


def test_an_analysis_that_is_cancelled_ends_at_its_next_step(ledger: Ledger, archive: Archive) -> None:
    def analyst(paths: Sequence[Path], revision: StudyRevision) -> StudyAnalysis:
        assert revision.progress is not None
        revision.progress("scores", 0, 2)
        ledger.operator.cancel(STUDY, "alice", 1000.0)
        revision.progress("saliency", 0, 2)
        pytest.fail("it went on")
        return StudyAnalysis((REPORT,), AnalysisSummary())

    assert analyze_next(lambda _: ("pacs",), ledger, archive, analyst)
    detail = ledger.reading.study(STUDY)
    assert (detail.study.state, detail.objects) == (StudyState.CANCELLED, ())


def test_a_paused_node_begins_no_analysis(ledger: Ledger, archive: Archive) -> None:
    me = NodePart("one", "worker")
    ledger.holds.hold(Hold(HoldKind.PAUSE, "one", 1.0, "alice"))
    assert not analyze_next(lambda _: (), ledger, archive, lambda *_: pytest.fail("it was analysed"), me)
    assert state_of(ledger) is StudyState.STABLE


class ShadowOf:
    """A shadow model that answers with what it was given."""

    def __init__(self, digest: str, answer: tuple[dict[str, float], str] | Exception) -> None:
        self.digest, self.since, self.answer, self.refreshed = digest, 0.0, answer, 0

    def refresh(self) -> None:
        self.refreshed += 1

    def __call__(self, paths: Sequence[Path]) -> tuple[dict[str, float], str]:
        assert len(paths) == 2
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def answered(settings: Settings, archive: Archive) -> Ledger:
    """A study that the active model has answered."""
    kept = keep(settings, 2)
    delivered(settings, kept)
    return kept


@pytest.mark.parametrize(
    "answer", [({"malignancy": 0.7}, ""), ({}, "no dynamic series"), RuntimeError("a library's words")]
)
def test_a_shadow_answers_each_study_once(
    answered: Ledger, archive: Archive, answer: tuple[dict[str, float], str] | Exception
) -> None:
    decisions, shadow = ModelDecisions(answered.engine), ShadowOf(DIGEST, answer)
    assert shadow_next(answered, archive, decisions, shadow)
    assert not shadow_next(answered, archive, decisions, shadow)
    assert shadow.refreshed == 2
    assert state_of(answered) is StudyState.DELIVERED


def test_a_shadow_waits_while_the_node_is_paused(answered: Ledger, archive: Archive) -> None:
    answered.holds.hold(Hold(HoldKind.PAUSE, "one", 1.0, "alice"))
    decisions, shadow, me = ModelDecisions(answered.engine), ShadowOf(DIGEST, ({}, "")), NodePart("one", "worker")
    assert not shadow_next(answered, archive, decisions, shadow, me)
    answered.holds.end(HoldKind.PAUSE, "one", "alice", 2.0)
    assert shadow_next(answered, archive, decisions, shadow, me)


def test_without_a_shadow_nothing_is_answered_twice(answered: Ledger, archive: Archive) -> None:
    assert not shadow_next(answered, archive, ModelDecisions(answered.engine), ShadowOf("", ({}, "")))
