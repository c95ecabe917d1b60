"""What is wrong now, at once and before anybody is alerted."""

from __future__ import annotations

from ledger_studies import analyzed_study, claim_job
from node.jobs import JobKind
from node.reasons import Reason, ReasonCode
from node.storage.health import HealthStore, OpenAlert
from node.storage.ledger.ledger import Ledger
from node.storage.overview import Overview
from node.watching.problems import DELIVERY_WAITS, Problem, current_problems

DOWN = Reason(ReasonCode.PEER_UNREACHABLE, "it does not answer")


def problems(ledger: Ledger) -> list[Problem]:
    return current_problems(Overview(ledger.engine), HealthStore(ledger.engine))


def test_nothing_is_wrong_while_all_goes_well(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    assert problems(ledger) == []


def test_a_destination_that_does_not_answer_is_named_at_once(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs", "web")
    ledger.jobs.failed(claim_job(ledger, JobKind.DELIVER), DOWN, 220.0, attempts=None)
    (found,) = problems(ledger)
    assert (found.id, found.subject, found.studies, found.since) == (DELIVERY_WAITS, "pacs", 1, 210.0)
    assert found.message == "pacs: it does not answer"
    assert "mome-node echo pacs" in found.hint


def test_its_alert_is_not_a_second_problem_and_others_follow(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    ledger.jobs.failed(claim_job(ledger, JobKind.DELIVER), DOWN, 220.0, attempts=None)
    health = HealthStore(ledger.engine)
    health.raised(OpenAlert("here", "destination-down", "pacs", 300.0, None, "destination pacs does not answer"))
    health.raised(OpenAlert("here", "disk-low", "", 100.0, None, "less than 20 GiB of disk are free"))
    assert [each.id for each in problems(ledger)] == [DELIVERY_WAITS, "disk-low"]


def test_a_failed_delivery_says_how_many_wait_for_the_operator(ledger: Ledger) -> None:
    analyzed_study(ledger, "pacs")
    ledger.jobs.failed(claim_job(ledger, JobKind.DELIVER), DOWN, 220.0, attempts=1)
    health = HealthStore(ledger.engine)
    health.raised(OpenAlert("here", "deliveries-failed", "pacs", 300.0, None, "1 job failed: delivery to pacs"))
    (found,) = problems(ledger)
    assert (found.studies, found.since) == (1, 300.0)
    assert "redeliver" in found.hint


def test_an_alert_of_another_release_is_shown_without_a_hint(ledger: Ledger) -> None:
    HealthStore(ledger.engine).raised(OpenAlert("here", "unheard-of", "", 1.0, None, "something"))
    assert problems(ledger) == [Problem("unheard-of", "", "something", "", 1.0)]
