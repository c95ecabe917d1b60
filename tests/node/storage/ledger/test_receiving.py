"""Receiving: duplicates, conflicts, late instances; on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger_studies import (
    LEASE,
    REPORT,
    STUDY,
    analyzed_study,
    claim_job,
    complete_study,
    kept_report,
    state_of,
    stored_instance,
)
from node.jobs import JobKind
from node.reasons import ReasonCode
from node.states import StudyState
from node.storage.ledger.job_rows import StaleJob
from node.storage.ledger.ledger import Ledger
from node.storage.records import AnalysisRecord, StoreOutcome
from node.summary import AnalysisSummary
from two_hosts import registered


def test_the_same_instance_again_is_one_record(ledger: Ledger) -> None:
    assert ledger.receiving.instances_stored([stored_instance(), stored_instance()], 100) == [
        StoreOutcome.STORED,
        StoreOutcome.DUPLICATE,
    ]
    assert ledger.receiving.instances_stored([stored_instance()], 101) == [StoreOutcome.DUPLICATE]
    assert len(list(ledger.reading.instances())) == 1
    assert ledger.reading.study(STUDY).study.last_received_at == 100


def test_a_group_of_which_one_needs_a_judgement_is_counted_once(ledger: Ledger) -> None:
    ledger.receiving.instances_stored([stored_instance(1)], 100)
    group = [stored_instance(2), stored_instance(3), stored_instance(1), stored_instance(4, study="8")]
    assert ledger.receiving.instances_stored(group, 101) == [
        StoreOutcome.STORED,
        StoreOutcome.STORED,
        StoreOutcome.DUPLICATE,
        StoreOutcome.STORED,
    ]
    assert [ledger.reading.study(each).study.instances for each in (STUDY, "8")] == [3, 1]


def test_a_duplicate_does_not_reopen_a_delivered_study(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    ledger.deliveries.delivered(claim_job(ledger, JobKind.DELIVER), [], now=220)
    ledger.receiving.instances_stored([stored_instance()], now=300)
    assert state_of(ledger) is StudyState.DELIVERED


def test_other_content_under_one_uid_is_a_conflict_that_blocks_analysis(ledger: Ledger) -> None:
    ledger.receiving.instances_stored([stored_instance()], 100)
    assert ledger.receiving.instances_stored([stored_instance(content="b")], 101) == [StoreOutcome.CONFLICT]
    assert [digest for _, digest, _ in ledger.reading.instances()] == ["a"]
    ledger.gathering.settle(150, 160)
    assert state_of(ledger) is StudyState.FAILED
    assert ledger.reading.study(STUDY).study.reason_code is ReasonCode.TWO_VERSIONS


def test_a_late_instance_begins_a_new_revision_and_drops_the_old_job(ledger: Ledger) -> None:
    complete_study(ledger)
    old = claim_job(ledger)
    ledger.receiving.instances_stored([stored_instance(2)], now=205)
    assert state_of(ledger) is StudyState.RECEIVING
    assert ledger.reading.study(STUDY).study.revision == 2
    with pytest.raises(StaleJob):
        ledger.jobs.analyzed(old, AnalysisRecord((kept_report(),), AnalysisSummary(), ("pacs",)), now=210)
    assert ledger.jobs.claim(JobKind.DELIVER, 211, LEASE) is None


def test_our_own_results_coming_back_are_kept_and_change_nothing(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    ledger.deliveries.delivered(claim_job(ledger, JobKind.DELIVER), [], now=220)
    assert ledger.receiving.instances_stored([stored_instance(9, sop_class=REPORT)], now=300) == [StoreOutcome.STORED]
    assert state_of(ledger) is StudyState.DELIVERED
    assert ledger.reading.study(STUDY).study.revision == 1


@pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)  # on SQLite there is one host
def test_files_of_copies_are_named_for_what_comes_once_more(ledger: Ledger) -> None:
    a, b = registered(ledger)
    here, there = (replace(stored_instance(1), host_id=host, path=path) for host, path in ((a, "x"), (b, "y")))
    ledger.receiving.instances_stored([here], 100)
    ledger.receiving.instances_stored([there], 110)
    assert ledger.receiving.paths_of([stored_instance(1)]) == [{"x", "y"}]
