"""Hosts that share a ledger: each claims what it keeps, and its silence is told; copies and removals are noted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger_studies import STUDY, SUMMARY, kept_report, state_of, stored_instance
from node.errors import NotReady
from node.jobs import JobKind, NodePart
from node.next_step import next_step
from node.settings_sections import GatherSettings
from node.states import StudyState
from node.storage.analysis_queue import analysis_queue
from node.storage.health import HealthStore
from node.storage.hosts import Hosts
from node.storage.ledger.job_rows import StaleJob
from node.storage.ledger.ledger import Ledger
from node.storage.records import AnalysisRecord
from two_hosts import AT_A, AT_B, A, B, claim, listening, receive, registered

pytestmark = pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)  # on SQLite there is one host


@pytest.fixture
def numbers(ledger: Ledger) -> tuple[int, int]:
    return registered(ledger)


def study_id(ledger: Ledger) -> int:
    return ledger.reading.study(STUDY).study.id


def test_a_study_is_claimed_where_its_images_lie(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1, 2)
    ledger.operator.force(STUDY, 200.0)
    assert claim(ledger, AT_B) is None
    assert state_of(ledger) is StudyState.STABLE
    assert claim(ledger, AT_A) is not None


def test_the_job_of_a_host_that_died_waits_for_it_and_counts_no_attempt_of_others(
    ledger: Ledger, numbers: tuple[int, int]
) -> None:
    receive(ledger, numbers[0], 1)
    ledger.operator.force(STUDY, 200.0)
    assert claim(ledger, AT_A) is not None
    assert [claim(ledger, AT_B, now=at) for at in (400.0, 500.0, 600.0, 700.0)] == [None] * 4
    again = claim(ledger, AT_A, now=800.0)
    assert again is not None and again.attempt == 2


def test_hosts_with_one_root_share_its_studies(ledger: Ledger, numbers: tuple[int, int]) -> None:
    third = Hosts(ledger.engine).register("C@c:104", "c", AT_A.archive, "/srv", "key")
    receive(ledger, third, 1)
    ledger.operator.force(STUDY, 200.0)
    assert claim(ledger, AT_B) is None
    assert claim(ledger, AT_A) is not None


def test_images_of_before_there_were_hosts_are_the_first_ones(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, None, 1)
    ledger.operator.force(STUDY, 200.0)
    assert claim(ledger, AT_B) is None
    assert claim(ledger, AT_A) is not None


def test_results_are_delivered_by_the_host_that_made_them(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1)
    ledger.operator.force(STUDY, 200.0)
    job = claim(ledger, AT_A)
    assert job is not None
    made = AnalysisRecord((replace(kept_report(), host_id=numbers[0]),), SUMMARY, ("pacs",))
    ledger.jobs.analyzed(job, made, 310.0)
    assert claim(ledger, AT_B, JobKind.DELIVER) is None
    assert claim(ledger, AT_A, JobKind.DELIVER, now=320.0) is not None


def test_a_worker_whose_lease_was_taken_cannot_leave_results(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1)
    ledger.operator.force(STUDY, 200.0)
    zombie = claim(ledger, AT_A)
    assert zombie is not None
    other = claim(ledger, NodePart("C@c:104", "worker", AT_A.archive), now=400.0)  # on the same root
    assert other is not None
    with pytest.raises(StaleJob):
        ledger.jobs.analyzed(zombie, AnalysisRecord((kept_report(),), SUMMARY, ("pacs",)), 410.0)
    ledger.jobs.analyzed(other, AnalysisRecord((kept_report(2),), SUMMARY, ("pacs",)), 420.0)
    assert [each.sop_instance_uid for each in ledger.reading.study(STUDY).objects] == ["9.2"]


def test_what_comes_again_to_another_host_is_a_copy_and_lets_it_work(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1, 2)
    ledger.operator.force(STUDY, 200.0)
    receive(ledger, numbers[1], 1, now=210.0)
    receive(ledger, numbers[1], 1, now=211.0)  # once more: it is there already
    assert claim(ledger, AT_B) is None, "the second image is not there yet"
    receive(ledger, numbers[1], 2, now=212.0)
    assert claim(ledger, AT_B) is not None
    assert [path for _, _, path in ledger.reading.instances(STUDY, AT_B.archive)] == ["image1", "image2"]
    assert Hosts(ledger.engine).of_study(study_id(ledger)).words(0.0) == [
        f"{A} (stopped): 2 of 2 images, 0 results",
        f"{B} (stopped): 2 of 2 images, 0 results",
    ]


def test_a_document_elsewhere_does_not_keep_a_study_from_its_host(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1)
    document = replace(stored_instance(9, sop_class="1.2.840.10008.5.1.4.1.1.88.59"), host_id=numbers[1])
    ledger.receiving.instances_stored([document], 110.0)
    ledger.operator.force(STUDY, 200.0)
    assert claim(ledger, AT_A) is not None
    assert [uid for uid, _, _ in ledger.reading.instances(STUDY, AT_A.archive)] == [f"{STUDY}.1.1"]


def told(ledger: Ledger, now: float) -> dict[str, int]:
    return {each.words(now): count for each, count in Hosts(ledger.engine).unfinished(now).items()}


def test_studies_that_wait_for_a_silent_host_are_counted(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1, now=90.0)
    listening(ledger, A, 100.0)
    listening(ledger, B, 400.0)
    assert told(ledger, 110.0) == {}
    assert told(ledger, 400.0) == {f"{A} (silent for 5 min)": 1}
    HealthStore(ledger.engine).forget(A)
    assert told(ledger, 400.0) == {f"{A} (stopped)": 1}
    receive(ledger, numbers[1], 1, now=401.0)
    assert told(ledger, 402.0) == {}, "B has a copy"


def waits(ledger: Ledger, now: float) -> str:
    study = ledger.reading.study(STUDY).study
    return Hosts(ledger.engine).of_study(study.id).why_it_waits(study, now)


def test_why_a_study_waits_is_said_with_what_helps(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1, 2, now=90.0)
    listening(ledger, A, 100.0)
    ledger.operator.force(STUDY, 110.0)
    assert waits(ledger, 120.0) == "", "A does it"
    fetch = f"mome-node studies fetch {study_id(ledger)} --from NAME"
    where = f"its images lie on {A} (silent for 10 min); it goes on when that is back"
    assert waits(ledger, 700.0) == f"{where}, or have a PACS send it to a host that runs: {fetch}"
    listening(ledger, B, 700.0)
    receive(ledger, numbers[1], 1, now=700.0)
    assert waits(ledger, 700.0).startswith("its images lie on"), "one image is not all"
    receive(ledger, numbers[1], 2, now=700.0)
    assert waits(ledger, 700.0) == ""


def test_a_study_that_no_host_has_whole_says_so(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1, now=90.0)
    receive(ledger, numbers[1], 2, now=90.0)
    for node in (A, B):
        listening(ledger, node, 100.0)
    assert waits(ledger, 101.0) == "", "more may come to either"
    ledger.operator.force(STUDY, 110.0)
    assert waits(ledger, 111.0).startswith(f"no host has all of its 2 images (1 on {A}, 1 on {B}): let the sender")


def test_results_on_a_dead_host_are_told(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1, now=90.0)
    ledger.operator.force(STUDY, 200.0)
    job = claim(ledger, AT_A)
    assert job is not None
    made = AnalysisRecord((replace(kept_report(), host_id=numbers[0]),), SUMMARY, ("pacs",))
    ledger.jobs.analyzed(job, made, 310.0)
    assert waits(ledger, 320.0).startswith(f"its results lie on {A} (stopped) and are sent when that is back")


def test_each_host_removes_its_own_files_of_a_deleted_study(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1)
    receive(ledger, numbers[1], 1, 2)
    hosts = Hosts(ledger.engine)
    assert sorted(ledger.retention.purge(STUDY, "anna", 300.0, archive=AT_B.archive)) == ["image1", "image2"]
    owed = hosts.owed_removals(AT_A.archive, 10)
    assert list(owed.values()) == ["image1"]
    hosts.removed(list(owed))
    assert hosts.owed_removals(AT_A.archive, 10) == hosts.owed_removals(AT_B.archive, 10) == {}


def test_a_host_that_tells_patients_apart_by_another_key_is_refused(ledger: Ledger, numbers: tuple[int, int]) -> None:
    with pytest.raises(NotReady, match=r"a, on the same ledger, tells patients apart by another key: copy"):
        Hosts(ledger.engine).register("C@c:104", "c", "archive of c", "/srv", "other key")


def test_a_host_keeps_its_number(ledger: Ledger, numbers: tuple[int, int]) -> None:
    assert Hosts(ledger.engine).register(A, "a", AT_A.archive, "/mnt/new", "key") == numbers[0]
    assert [(each.node, each.root) for each in Hosts(ledger.engine).known()] == [(A, "/mnt/new"), (B, "/srv")]


def test_the_worklist_says_that_a_study_waits_for_a_host(ledger: Ledger, numbers: tuple[int, int]) -> None:
    receive(ledger, numbers[0], 1, now=90.0)
    listening(ledger, A, 100.0)
    study, gather = ledger.reading.study(STUDY), GatherSettings()
    steps = [
        next_step(study.study, study.jobs, analysis_queue(ledger.engine, now), gather, now) for now in (110.0, 700.0)
    ]
    assert [each.is_troubled for each in steps] == [False, True]
    assert steps[1].words == f"waits for its host: {A} (silent for 10 min)"
