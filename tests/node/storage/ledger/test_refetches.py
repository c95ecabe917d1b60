"""Which studies of a dead host are owed, that one node fetches each, and what follows when it is here, or is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger_studies import STUDY, SUMMARY, kept_report, state_of, stored_instance
from node.jobs import Job, JobKind, JobState
from node.states import StudyState
from node.storage.hosts import Hosts
from node.storage.ledger.job_rows import StaleJob
from node.storage.ledger.ledger import Ledger
from node.storage.ledger.refetches import HostsByLife, OwedStudy
from node.storage.records import AnalysisRecord
from two_hosts import AT_A, AT_B, A, B, claim, listening, receive, registered

pytestmark = pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)  # on SQLite there is one host
A_IS_DEAD = HostsByLife(frozenset((AT_A.archive,)), frozenset((AT_B.archive,)))
ATTEMPTS = 3


@pytest.fixture
def numbers(ledger: Ledger) -> tuple[int, int]:
    return registered(ledger)


def owed(ledger: Ledger, now: float = 400.0, hosts: HostsByLife = A_IS_DEAD) -> list[OwedStudy]:
    return ledger.refetches.owed(hosts, ATTEMPTS, now)


def claimed(ledger: Ledger, now: float = 400.0) -> OwedStudy:
    (study,) = owed(ledger, now)
    found = ledger.refetches.claim(study, B, now, now + 60.0)
    assert found is not None and found.node == B
    return found


def settled(ledger: Ledger, now: float) -> int:
    """How many studies B declares complete after 30 s of silence."""
    listening(ledger, B, now)
    return ledger.gathering.settle(now - 30.0, now, node_name=B, archive=AT_B.archive)


def test_a_study_is_owed_when_an_image_of_it_is_with_the_dead_only(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1, 2)
    ledger.operator.force(STUDY, 200.0)
    (study,) = owed(ledger)
    assert (study.state, study.attempts, study.is_arriving) == (StudyState.STABLE, 0, False)
    assert owed(ledger, hosts=HostsByLife(frozenset(("archive of c",)), frozenset((AT_B.archive,)))) == []
    receive(ledger, numbers[1], 1, now=210.0)
    assert len(owed(ledger)) == 1, "half of it is here"
    assert ledger.refetches.missing(study.id, AT_B.archive, [AT_B.archive]) == {f"{STUDY}.1": [f"{STUDY}.1.2"]}
    receive(ledger, numbers[1], 2, now=211.0)
    assert owed(ledger) == []
    assert ledger.refetches.missing(study.id, AT_B.archive, [AT_B.archive]) == {}


def test_what_another_living_host_has_is_not_missing(ledger: Ledger, numbers: tuple[int, int]) -> None:
    third = Hosts(ledger.engine).register("C@c:104", "c", "archive of c", "/srv", "key")
    receive(ledger, numbers[0], 1)
    (study,) = owed(ledger)
    receive(ledger, third, 1, now=110.0)
    assert ledger.refetches.missing(study.id, AT_B.archive, [AT_B.archive]) != {}
    assert ledger.refetches.missing(study.id, AT_B.archive, [AT_B.archive, "archive of c"]) == {}


def test_one_node_fetches_a_study_until_its_time_is_over(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1)
    ledger.operator.force(STUDY, 200.0)
    study = claimed(ledger, 400.0)
    assert owed(ledger, 430.0) == [] and not ledger.refetches.claim(study, "C@c:104", 430.0, 500.0)
    ledger.refetches.extend(study, 600.0)
    assert owed(ledger, 590.0) == []
    assert len(owed(ledger, 601.0)) == 1, "the one that fetched has died, too"
    assert len(owed(ledger, 600.0 - 2 * 3600.0)) == 1, "a moment hours ahead was written by a wrong clock"


def test_a_study_that_is_fetched_in_vain_so_often_waits_and_says_why(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1, now=90.0)
    listening(ledger, A, 100.0)
    ledger.operator.force(STUDY, 200.0)
    for attempt in range(ATTEMPTS):
        study = claimed(ledger, 400.0 + attempt)
        assert study.attempts == attempt
        ledger.refetches.try_again(study, f"pacs sent 0 of 1 ({attempt})", 400.5 + attempt, attempts=attempt + 1)
    assert owed(ledger, 500.0) == [] and state_of(ledger) is StudyState.STABLE
    study_record = ledger.reading.study(STUDY).study
    assert (
        Hosts(ledger.engine)
        .of_study(study_record.id)
        .why_it_waits(study_record, 700.0)
        .endswith("; pacs sent 0 of 1 (2)")
    )
    receive(ledger, numbers[0], 2, now=710.0)
    ledger.operator.force(STUDY, 720.0)
    (again,) = owed(ledger, 730.0)
    assert (again.revision, again.attempts) == (2, 0), "a new revision is tried anew"


def test_what_arrived_is_not_complete_while_it_is_fetched(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1, now=90.0)
    listening(ledger, A, 100.0)
    study = claimed(ledger, 400.0)
    assert study.is_arriving
    receive(ledger, numbers[1], 1, now=410.0)
    ledger.refetches.try_again(study, "once more", 440.0, attempts=0, sent=1)
    assert settled(ledger, 445.0) == 0, "silent for 35 s, and the PACS has not been asked again"
    again = claimed(ledger, 445.0)
    assert (again.sent, again.is_arriving) == (1, True)
    ledger.refetches.fetched(again, A_IS_DEAD.dead, 446.0)
    assert settled(ledger, 447.0) == 1


def test_a_deadline_does_not_make_complete_what_is_fetched(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1, now=90.0)
    listening(ledger, A, 100.0)
    claimed(ledger, 400.0)
    receive(ledger, numbers[1], 1, now=410.0)
    overdue = ledger.gathering.settle_overdue
    assert overdue(415.0, 420.0, node_name=B, archive=AT_B.archive) == 0
    assert overdue(415.0, 900.0, node_name=B, archive=AT_B.archive) == 1, "nobody fetches it any more"


def test_results_that_nobody_sends_are_made_again_as_the_next_revision(
    ledger: Ledger, numbers: tuple[int, int]
) -> None:
    receive(ledger, numbers[0], 1)
    ledger.operator.force(STUDY, 200.0)
    job = claim(ledger, AT_A)
    assert job is not None
    made = AnalysisRecord((replace(kept_report(), host_id=numbers[0]),), SUMMARY, ("pacs",))
    ledger.jobs.analyzed(job, made, 310.0)
    zombie = claim(ledger, AT_A, JobKind.DELIVER, now=311.0)
    assert zombie is not None
    study = claimed(ledger, 400.0)
    receive(ledger, numbers[1], 1, now=410.0)
    ledger.refetches.fetched(study, A_IS_DEAD.dead, 411.0)
    detail = ledger.reading.study(STUDY)
    assert (detail.study.state, detail.study.revision) == (StudyState.STABLE, 2)
    with pytest.raises(StaleJob):
        ledger.deliveries.delivered(zombie, [], 412.0)
    again = claim(ledger, AT_B, now=413.0)
    assert again is not None
    predecessor = ledger.jobs.predecessor(again)
    assert predecessor is not None and predecessor.sop_instance_uid == "9.1"
    assert {each.state for each in detail.jobs if each.kind is JobKind.DELIVER} == {JobState.CANCELLED}
    assert owed(ledger, 500.0) == []


def test_results_that_were_sent_meanwhile_are_not_made_again(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1)
    ledger.operator.force(STUDY, 200.0)
    job = claim(ledger, AT_A)
    assert job is not None
    ledger.jobs.analyzed(job, AnalysisRecord((replace(kept_report(), host_id=numbers[0]),), SUMMARY, ("pacs",)), 310.0)
    sending = claim(ledger, AT_A, JobKind.DELIVER, now=311.0)
    assert sending is not None
    study = claimed(ledger, 400.0)
    ledger.deliveries.delivered(sending, [], 405.0)  # the host was alive after all
    ledger.refetches.fetched(study, A_IS_DEAD.dead, 411.0)
    assert (state_of(ledger), ledger.reading.study(STUDY).study.revision) == (StudyState.DELIVERED, 1)


def sending_by_a(ledger: Ledger, host: int, now: float) -> Job:
    """A has analysed the study, and is sending its report."""
    receive(ledger, host, 1)
    ledger.operator.force(STUDY, 200.0)
    job = claim(ledger, AT_A)
    assert job is not None
    ledger.jobs.analyzed(job, AnalysisRecord((replace(kept_report(), host_id=host),), SUMMARY, ("pacs",)), 310.0)
    sending = claim(ledger, AT_A, JobKind.DELIVER, now=now)
    assert sending is not None
    return sending


def test_a_host_that_is_back_after_a_long_fetch_goes_on_with_its_delivery(
    ledger: Ledger, numbers: tuple[int, int]
) -> None:
    sending = sending_by_a(ledger, numbers[0], 311.0)
    study = claimed(ledger, 400.0)
    assert ledger.refetches.fetched(study, frozenset(), 460.0), "nobody is dead any more"
    assert (state_of(ledger), ledger.reading.study(STUDY).study.revision) == (StudyState.ANALYZED, 1)
    ledger.deliveries.delivered(sending, [], 461.0)
    assert state_of(ledger) is StudyState.DELIVERED


def test_results_that_are_being_sent_are_not_made_again_while_the_lease_lasts(
    ledger: Ledger, numbers: tuple[int, int]
) -> None:
    sending_by_a(ledger, numbers[0], 311.0)
    assert owed(ledger, 370.0) == [] and len(owed(ledger, 372.0)) == 1, "the lease ended at 371"
    study = claimed(ledger, 400.0)
    sending = claim(ledger, AT_A, JobKind.DELIVER, now=410.0)
    assert sending is not None
    assert ledger.refetches.fetched(study, A_IS_DEAD.dead, 411.0)
    ledger.deliveries.delivered(sending, [], 412.0)
    assert (state_of(ledger), ledger.reading.study(STUDY).study.revision) == (StudyState.DELIVERED, 1)


def test_a_node_whose_claim_has_ended_changes_nothing_of_the_next(ledger: Ledger, numbers: tuple[int, int]) -> None:
    sending_by_a(ledger, numbers[0], 311.0)
    late = claimed(ledger, 400.0)
    (free,) = owed(ledger, 461.0)
    third = ledger.refetches.claim(free, "C@c:104", 461.0, 521.0)
    assert third is not None
    assert not ledger.refetches.extend(late, 9000.0)
    ledger.refetches.try_again(late, "in vain", 462.0, attempts=9)
    assert not ledger.refetches.fetched(late, A_IS_DEAD.dead, 463.0)
    assert owed(ledger, 520.0) == [] and state_of(ledger) is StudyState.ANALYZED
    (again,) = owed(ledger, 522.0)
    assert again.attempts == 0
    assert ledger.refetches.extend(third, 600.0) and owed(ledger, 590.0) == []


def test_what_failed_before_is_tried_last(ledger: Ledger, numbers: tuple[int, int]) -> None:
    for study in (STUDY, f"{STUDY}.9"):
        image = replace(stored_instance(1, study=study), host_id=numbers[0])
        ledger.receiving.instances_stored([image], 100.0)
        ledger.operator.force(study, 200.0)
    first, second = owed(ledger, 400.0)
    held = ledger.refetches.claim(first, B, 400.0, 460.0)
    assert held is not None
    ledger.refetches.try_again(held, "in vain", 403.0, attempts=1)
    assert [each.id for each in owed(ledger, 404.0)] == [second.id, first.id]


def test_without_a_living_host_everything_is_missing(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1)
    (study,) = owed(ledger, hosts=HostsByLife(A_IS_DEAD.dead, frozenset()))
    assert ledger.refetches.missing(study.id, AT_B.archive, []) == {f"{STUDY}.1": [f"{STUDY}.1.1"]}


def test_a_study_of_the_living_or_in_conflict_is_not_owed(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[1], 1)
    assert owed(ledger) == []
    receive(ledger, numbers[0], 2)
    assert len(owed(ledger)) == 1
    other = replace(stored_instance(2, content="b"), host_id=numbers[1])
    ledger.receiving.instances_stored([other], 410.0)
    assert owed(ledger, 420.0) == [], "an operator decides first"


def test_a_purged_study_leaves_no_row(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1)
    claimed(ledger)
    ledger.retention.purge(STUDY, "anna", 500.0, archive=AT_B.archive)
    receive(ledger, numbers[0], 1, now=510.0)
    (again,) = owed(ledger, 511.0)
    assert again.attempts == 0
