"""The ledger's verbs, on SQLite and on PostgreSQL: what becomes of a study, whatever happens to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from mome_core.errors import Ineligibility
from node.errors import NotReady
from node.jobs import Job, JobKind
from node.reasons import Reason, ReasonCode
from node.states import ImpossibleTransition, StudyEvent, StudyState, next_state
from node.storage.database import alembic_config
from node.storage.ledger.job_rows import StaleJob
from node.storage.ledger.ledger import Ledger
from node.storage.overview import Overview
from node.storage.records import AnalysisRecord, KeptObject, ObjectReceipt, StoredInstance, StoreOutcome
from node.summary import AnalysisSummary

STUDY = "1.2.3"
MR_IMAGE, REPORT = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.88.34"
LEASE = 60.0
SUMMARY = AnalysisSummary(policy="8 versions", timings_s={"scores": 4.0})


def instance(
    number: int = 1, *, study: str = STUDY, content: str = "a", patient: str = "p", sop_class: str = MR_IMAGE
) -> StoredInstance:
    uid = f"{study}.1.{number}"
    return StoredInstance(study, study + ".1", sop_class, uid, "1.2.1", patient, content, "path", 10, "MR")


def kept(number: int = 1) -> KeptObject:
    return KeptObject("report", "1.2", f"9.{number}", "9", "digest", "path")


def complete(ledger: Ledger) -> None:
    ledger.receiving.instances_stored([instance()], now=100)
    assert ledger.gathering.settle(quiet_since=150, now=160) == 1


def claim(ledger: Ledger, kind: JobKind = JobKind.ANALYZE, now: float = 215) -> Job:
    job = ledger.jobs.claim(kind, now, LEASE)
    assert job is not None
    return job


def analyzed(ledger: Ledger, *destinations: str) -> None:
    complete(ledger)
    ledger.jobs.analyzed(claim(ledger), AnalysisRecord((kept(),), SUMMARY, destinations), now=210)


def state(ledger: Ledger) -> StudyState:
    return ledger.reading.study(STUDY).study.state


def test_one_study_goes_from_its_first_instance_to_delivered(ledger: Ledger) -> None:
    analyzed(ledger, "pacs")
    ledger.deliveries.delivered(claim(ledger, JobKind.DELIVER), [ObjectReceipt("9.1", 0)], now=220)
    detail = ledger.reading.study(STUDY)
    assert [each.to_state for each in detail.timeline] == ["STABLE", "ANALYZING", "ANALYZED", "DELIVERED"]
    assert detail.summary == SUMMARY
    assert detail.jobs[-1].receipts == (ObjectReceipt("9.1", 0),)


def test_a_study_is_delivered_when_every_destination_has_it(ledger: Ledger) -> None:
    analyzed(ledger, "one", "two")
    ledger.deliveries.delivered(claim(ledger, JobKind.DELIVER), [ObjectReceipt("9.1", 0)], now=220)
    assert state(ledger) is StudyState.ANALYZED
    ledger.deliveries.delivered(claim(ledger, JobKind.DELIVER), [ObjectReceipt("9.1", 0)], now=221)
    assert state(ledger) is StudyState.DELIVERED


def test_the_same_instance_again_is_one_record(ledger: Ledger) -> None:
    assert ledger.receiving.instances_stored([instance(), instance()], 100) == [
        StoreOutcome.STORED,
        StoreOutcome.DUPLICATE,
    ]
    assert ledger.receiving.instances_stored([instance()], 101) == [StoreOutcome.DUPLICATE]
    assert len(list(ledger.reading.instances())) == 1
    assert ledger.reading.study(STUDY).study.last_received_at == 100


def test_a_group_of_which_one_needs_a_judgement_is_counted_once(ledger: Ledger) -> None:
    ledger.receiving.instances_stored([instance(1)], 100)
    group = [instance(2), instance(3), instance(1), instance(4, study="8")]
    assert ledger.receiving.instances_stored(group, 101) == [
        StoreOutcome.STORED,
        StoreOutcome.STORED,
        StoreOutcome.DUPLICATE,
        StoreOutcome.STORED,
    ]
    assert [ledger.reading.study(each).study.instances for each in (STUDY, "8")] == [3, 1]


def test_a_duplicate_does_not_reopen_a_delivered_study(ledger: Ledger) -> None:
    analyzed(ledger, "pacs")
    ledger.deliveries.delivered(claim(ledger, JobKind.DELIVER), [], now=220)
    ledger.receiving.instances_stored([instance()], now=300)
    assert state(ledger) is StudyState.DELIVERED


def test_other_content_under_one_uid_is_a_conflict_that_blocks_analysis(ledger: Ledger) -> None:
    ledger.receiving.instances_stored([instance()], 100)
    assert ledger.receiving.instances_stored([instance(content="b")], 101) == [StoreOutcome.CONFLICT]
    assert [digest for _, digest, _ in ledger.reading.instances()] == ["a"]
    ledger.gathering.settle(150, 160)
    assert state(ledger) is StudyState.FAILED
    assert ledger.reading.study(STUDY).study.reason_code is ReasonCode.TWO_VERSIONS


def test_two_patients_in_one_study_are_not_analysed(ledger: Ledger) -> None:
    ledger.receiving.instances_stored([instance(1), instance(2, patient="someone else")], 100)
    ledger.gathering.settle(150, 160)
    assert state(ledger) is StudyState.FAILED
    assert ledger.reading.study(STUDY).study.reason_code is ReasonCode.TWO_PATIENTS


def test_a_late_instance_begins_a_new_revision_and_drops_the_old_job(ledger: Ledger) -> None:
    complete(ledger)
    old = claim(ledger)
    ledger.receiving.instances_stored([instance(2)], now=205)
    assert state(ledger) is StudyState.RECEIVING
    assert ledger.reading.study(STUDY).study.revision == 2
    with pytest.raises(StaleJob):
        ledger.jobs.analyzed(old, AnalysisRecord((kept(),), AnalysisSummary(), ("pacs",)), now=210)
    assert ledger.jobs.claim(JobKind.DELIVER, 211, LEASE) is None


def test_our_own_results_coming_back_are_kept_and_change_nothing(ledger: Ledger) -> None:
    analyzed(ledger, "pacs")
    ledger.deliveries.delivered(claim(ledger, JobKind.DELIVER), [], now=220)
    assert ledger.receiving.instances_stored([instance(9, sop_class=REPORT)], now=300) == [StoreOutcome.STORED]
    assert state(ledger) is StudyState.DELIVERED
    assert ledger.reading.study(STUDY).study.revision == 1


def test_a_document_of_someone_else_about_an_answered_study_is_feedback(ledger: Ledger) -> None:
    analyzed(ledger)
    ledger.receiving.instances_stored(
        [instance(9, sop_class=REPORT), instance(1, study="8", sop_class=REPORT)], now=300
    )
    assert [(each.study_instance_uid, each.calling_ae_title) for each in ledger.reading.feedback()] == [(STUDY, "MR")]


def test_a_revision_knows_the_report_that_it_supersedes(ledger: Ledger) -> None:
    analyzed(ledger)
    ledger.operator.requeue(STUDY, 300)
    assert ledger.jobs.predecessor(claim(ledger, now=301)) == kept()


def test_results_are_withdrawn_wherever_they_went(ledger: Ledger) -> None:
    analyzed(ledger, "pacs")
    ledger.deliveries.delivered(claim(ledger, JobKind.DELIVER), [], now=220)
    note = KeptObject("rejection", "1.2", "9.9", "9", "digest", "path")
    ledger.operator.withdrawn(STUDY, note, ["pacs"], 300)
    assert note in ledger.deliveries.objects_of(claim(ledger, JobKind.DELIVER, 301))


def test_a_study_is_not_complete_while_instances_arrive(ledger: Ledger) -> None:
    ledger.receiving.instances_stored([instance(1)], now=100)
    ledger.receiving.instances_stored([instance(2)], now=149)
    assert ledger.gathering.settle(quiet_since=120, now=150) == 0


def test_a_job_is_claimed_once_until_its_lease_ends(ledger: Ledger) -> None:
    complete(ledger)
    first = claim(ledger, now=200)
    assert ledger.jobs.claim(JobKind.ANALYZE, 230, LEASE) is None
    second = claim(ledger, now=261)
    assert second.fence > first.fence
    with pytest.raises(StaleJob):
        ledger.jobs.extend(first, 400)
    ledger.jobs.extend(second, 400)
    assert ledger.jobs.claim(JobKind.ANALYZE, 390, LEASE) is None


def test_a_study_that_kills_its_worker_is_given_up_after_three_attempts(ledger: Ledger) -> None:
    complete(ledger)
    for attempt in range(3):
        claim(ledger, now=200 + 100 * attempt)
    assert ledger.jobs.claim(JobKind.ANALYZE, 900, LEASE) is None
    assert state(ledger) is StudyState.FAILED
    assert ledger.reading.study(STUDY).study.reason_code is ReasonCode.WORKER_DIED


def test_an_error_that_may_pass_is_tried_again_later(ledger: Ledger) -> None:
    complete(ledger)
    ledger.jobs.failed(claim(ledger), Reason(ReasonCode.ANALYSIS_FAILED, "out of memory"), 210, attempts=3)
    assert state(ledger) is StudyState.STABLE
    assert ledger.jobs.claim(JobKind.ANALYZE, 211, LEASE) is None
    assert claim(ledger, now=230).attempt == 2


def test_an_unreachable_destination_is_tried_for_ever_and_blocks_no_other(ledger: Ledger) -> None:
    analyzed(ledger, "down", "up")
    now = 300.0
    for _ in range(20):
        job = ledger.jobs.claim(JobKind.DELIVER, now, LEASE, "down")
        assert job is not None
        ledger.jobs.failed(job, Reason(ReasonCode.PEER_UNREACHABLE, "no association"), now, attempts=None)
        now += 2000
    job = ledger.jobs.claim(JobKind.DELIVER, now, LEASE, "up")
    assert job is not None
    ledger.deliveries.delivered(job, [], now)
    assert state(ledger) is StudyState.ANALYZED


def test_a_permanent_refusal_ends_as_a_visible_failure_that_can_be_redelivered(ledger: Ledger) -> None:
    analyzed(ledger, "pacs")
    ledger.jobs.failed(claim(ledger, JobKind.DELIVER), Reason(ReasonCode.PEER_REFUSED, "pacs refused"), 220, attempts=1)
    assert state(ledger) is StudyState.FAILED
    ledger.operator.redeliver(STUDY, ["pacs"], 230)
    ledger.deliveries.delivered(claim(ledger, JobKind.DELIVER, 231), [], 232)
    assert state(ledger) is StudyState.DELIVERED


def test_a_study_is_delivered_only_when_the_pacs_has_committed_to_it(ledger: Ledger) -> None:
    analyzed(ledger, "pacs")
    job = claim(ledger, JobKind.DELIVER)
    ledger.deliveries.commitment_requested(job, "7.7", [ObjectReceipt("9.1", 0)], 220, patience_s=600)
    assert state(ledger) is StudyState.ANALYZED
    assert not ledger.deliveries.commitment_answered("8.8", ["9.1"], [], 230)
    assert ledger.deliveries.commitment_answered("7.7", ["9.1"], [], 231)
    assert not ledger.deliveries.commitment_answered("7.7", ["9.1"], [], 232)
    assert state(ledger) is StudyState.DELIVERED
    assert ledger.reading.study(STUDY).jobs[-1].receipts == (ObjectReceipt("9.1", 0, "", 231),)


def test_what_the_pacs_does_not_commit_to_is_sent_and_asked_for_again(ledger: Ledger) -> None:
    analyzed(ledger, "pacs")
    ledger.deliveries.commitment_requested(
        claim(ledger, JobKind.DELIVER), "7.7", [ObjectReceipt("9.1", 0)], 220, patience_s=600
    )
    ledger.deliveries.commitment_answered("7.7", [], ["9.1"], 230)
    assert ledger.jobs.claim(JobKind.DELIVER, 231, LEASE) is None
    assert claim(ledger, JobKind.DELIVER, 260).attempt == 2


def test_a_commitment_report_that_never_comes_is_asked_for_again(ledger: Ledger) -> None:
    analyzed(ledger, "pacs")
    job = claim(ledger, JobKind.DELIVER)
    ledger.deliveries.commitment_requested(job, "7.7", [ObjectReceipt("9.1", 0)], 220, patience_s=30)
    ledger.deliveries.commitment_awaited(job, 820)
    assert ledger.jobs.claim(JobKind.DELIVER, 800, LEASE) is None
    assert claim(ledger, JobKind.DELIVER, 821).attempt == 2


def test_a_commitment_that_a_crash_kept_from_being_asked_for_is_asked_for_soon(ledger: Ledger) -> None:
    analyzed(ledger, "pacs")
    ledger.deliveries.commitment_requested(
        claim(ledger, JobKind.DELIVER), "7.7", [ObjectReceipt("9.1", 0)], 220, patience_s=30
    )
    assert claim(ledger, JobKind.DELIVER, 251).attempt == 2


def test_an_ineligible_study_says_so_to_the_pacs_and_keeps_its_reason(ledger: Ledger) -> None:
    complete(ledger)
    ledger.jobs.ineligible(
        claim(ledger),
        Reason(Ineligibility.NO_DYNAMIC, "no DCE series"),
        AnalysisRecord((kept(),), AnalysisSummary(), ("pacs",)),
        210,
    )
    ledger.deliveries.delivered(claim(ledger, JobKind.DELIVER, 211), [], 212)
    assert state(ledger) is StudyState.INELIGIBLE
    study = ledger.reading.study(STUDY).study
    assert (study.reason, study.reason_code) == ("no DCE series", Ineligibility.NO_DYNAMIC)


def test_reprocessing_is_a_new_revision(ledger: Ledger) -> None:
    analyzed(ledger)
    ledger.operator.requeue(STUDY, 300)
    job = claim(ledger, now=301)
    assert job.revision == 2
    ledger.jobs.analyzed(job, AnalysisRecord((kept(2),), AnalysisSummary(), ()), 310)
    assert [each.sop_instance_uid for each in ledger.reading.study(STUDY).objects] == ["9.2"]


def test_the_worklist_is_newest_first_and_paged(ledger: Ledger) -> None:
    for number in range(5):
        ledger.receiving.instances_stored([instance(study=f"1.{number}")], now=100 + number)
    assert [each.study_instance_uid for each in Overview(ledger.engine).worklist(limit=3)[1:]] == ["1.3", "1.2"]
    assert ledger.reading.counts() == {StudyState.RECEIVING: 5}


def test_the_migrations_make_exactly_the_schema(ledger: Ledger) -> None:
    command.check(alembic_config(ledger.engine))


def test_a_database_of_a_newer_version_is_refused(ledger: Ledger) -> None:
    with ledger.engine.begin() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NotReady, match="newer version"):
        Ledger(ledger.engine.url.render_as_string(hide_password=False))


def test_a_damaged_database_is_refused_with_the_way_out(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    Ledger(f"sqlite:///{file}").engine.dispose()
    content = bytearray(file.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    file.write_bytes(content)
    with pytest.raises(NotReady, match="mome-node recover"):
        Ledger(f"sqlite:///{file}")


def test_an_event_that_cannot_happen_raises() -> None:
    with pytest.raises(ImpossibleTransition):
        next_state(StudyState.RECEIVING, StudyEvent.ALL_DELIVERED)
