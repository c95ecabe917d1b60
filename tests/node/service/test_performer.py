"""Workitems follow their study: claimed once, reported on, completed with the results, canceled with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from kept_studies import STUDY
from node.jobs import JobKind
from node.reasons import Reason, ReasonCode
from node.service.performer import Performer, performers
from node.settings import Settings
from node.storage.records import ObjectReceipt
from node.storage.workitems import ClaimedWorkitem, Workitems, WorkitemStage
from told_results import AnsweredSite
from ups_server import WorklistServer

ITEM = "2.25.7"


def performer_of(site: AnsweredSite, server: WorklistServer, **more: object) -> Performer:
    worklist = {"name": "orders", "url": server.url, **more}
    (made,) = performers(Settings(storage={"root": site.archive.root}, worklists=(worklist,)), site.ledger)
    return made


def deliver(site: AnsweredSite) -> None:
    job = site.ledger.jobs.claim(JobKind.DELIVER, 190, 60, "pacs")
    assert job is not None
    site.ledger.deliveries.delivered(job, [ObjectReceipt(site.report_uid, 0)], 200)


def test_a_workitem_is_claimed_reported_on_and_completed_with_the_objects(tmp_path: Path) -> None:
    site = AnsweredSite(tmp_path, "pacs")
    with WorklistServer().running() as server:
        server.schedule(ITEM, STUDY)
        performer = performer_of(site, server)
        performer.look()
        assert (server.state(ITEM), server.progress) == ("IN PROGRESS", ["75"])
        performer.look()
        assert server.progress == ["75"], "nothing new is nothing to say"
        deliver(site)
        performer.look()
        performer.look()
    assert server.history == [(ITEM, "IN PROGRESS"), (ITEM, "COMPLETED")]
    (done,) = server.items[ITEM].UnifiedProcedureStepPerformedProcedureSequence
    (series,) = done.OutputInformationSequence
    assert series.StudyInstanceUID == STUDY
    assert [each.ReferencedSOPInstanceUID for each in series.ReferencedSOPSequence] == [site.report_uid]


def test_a_delivery_that_is_given_up_cancels_with_the_reason(tmp_path: Path) -> None:
    site = AnsweredSite(tmp_path, "pacs")
    with WorklistServer().running() as server:
        server.schedule(ITEM, STUDY)
        performer = performer_of(site, server)
        performer.look()
        job = site.ledger.jobs.claim(JobKind.DELIVER, 190, 60, "pacs")
        assert job is not None
        site.ledger.jobs.failed(job, Reason(ReasonCode.PEER_REFUSED, "pacs refused"), 195, attempts=1)
        performer.look()
    assert server.history[-1] == (ITEM, "CANCELED")
    (told,) = server.items[ITEM].ProcedureStepProgressInformationSequence
    assert told.ReasonForCancellation == "pacs refused"


def test_a_study_whose_results_the_operator_cancels_cancels_with_that_reason(tmp_path: Path) -> None:
    site = AnsweredSite(tmp_path, "pacs")
    with WorklistServer().running() as server:
        server.schedule(ITEM, STUDY)
        performer = performer_of(site, server)
        performer.look()
        site.ledger.operator.cancel(STUDY, "alice", 195)
        performer.look()
    assert server.history[-1] == (ITEM, "CANCELED")
    (told,) = server.items[ITEM].ProcedureStepProgressInformationSequence
    assert told.ReasonForCancellation == "cancelled by alice"


def test_only_what_matches_and_whose_one_study_is_here_is_claimed(tmp_path: Path) -> None:
    site = AnsweredSite(tmp_path, "pacs")
    with WorklistServer().running() as server:
        server.schedule("2.25.1", "9.9.9")
        server.schedule("2.25.2", STUDY, "9.9.9")
        server.schedule("2.25.3")
        server.schedule("2.25.4", STUDY, label="OTHER")
        server.schedule("2.25.5", STUDY)
        performer_of(site, server, match={"WorklistLabel": "AI"}).look()
    assert server.history == [("2.25.5", "IN PROGRESS")]


def test_what_another_performer_took_is_left_to_it(tmp_path: Path) -> None:
    site = AnsweredSite(tmp_path, "pacs")
    with WorklistServer().running() as server:
        server.schedule(ITEM, STUDY)
        performer = performer_of(site, server)
        found = performer.client.find(ITEM)
        server.items[ITEM].ProcedureStepState, server.owners[ITEM] = "IN PROGRESS", "2.25.999"
        performer.consider(found)
        performer.look()
    assert server.owners[ITEM] == "2.25.999"
    assert server.progress == []
    assert Workitems(site.ledger.engine).open("orders") == []


@pytest.mark.parametrize("taken", [True, False], ids=["the server had taken it", "the server had not heard of it"])
def test_a_crash_in_the_middle_of_a_claim_neither_loses_nor_doubles_it(tmp_path: Path, taken: bool) -> None:
    site = AnsweredSite(tmp_path, "pacs")
    row = ClaimedWorkitem("orders", ITEM, "2.25.55", STUDY, WorkitemStage.CLAIMING, -1, 100.0)
    with WorklistServer().running() as server:
        server.schedule(ITEM, STUDY)
        assert Workitems(site.ledger.engine).begin(row)
        if taken:
            server.items[ITEM].ProcedureStepState, server.owners[ITEM] = "IN PROGRESS", "2.25.55"
        performer = performer_of(site, server)
        performer.look()
        deliver(site)
        performer.look()
    assert server.state(ITEM) == "COMPLETED"
    assert server.owners[ITEM] == "2.25.55"


def test_a_crash_after_the_end_is_no_second_end(tmp_path: Path) -> None:
    site = AnsweredSite(tmp_path, "pacs")
    with WorklistServer().running() as server:
        server.schedule(ITEM, STUDY)
        performer = performer_of(site, server)
        performer.look()
        deliver(site)
        row = performer.workitems.open("orders")[0]
        performer.look()
        performer.workitems.moved(row, WorkitemStage.CLAIMED, 75)  # as if the last note had been lost
        performer.look()
    assert server.history == [(ITEM, "IN PROGRESS"), (ITEM, "COMPLETED")]
    assert performer.workitems.open("orders") == []


def test_a_server_that_is_away_is_asked_again(tmp_path: Path) -> None:
    site = AnsweredSite(tmp_path, "pacs")
    with WorklistServer(token="t0ken").running() as server:  # noqa: S106
        file = tmp_path / "token"
        server.schedule(ITEM, STUDY)
        performer = performer_of(site, server, token_file=str(file))
        performer.look()  # its token is not there yet
        file.touch(0o600)
        for token in ("0ld", "t0ken"):  # it is renewed while the node runs
            performer.look()
            file.write_text(token)
        server.deaf = True
        performer.look()
        assert server.history == []
        server.deaf = False
        performer.look()
        server.answers = (429, b"")
        deliver(site)
        performer.look()
        server.answers = None
        assert server.state(ITEM) == "IN PROGRESS"
        performer.look()
    assert server.state(ITEM) == "COMPLETED"
    performer.look()  # nobody listens any more
