"""The way back from a PACS, tried with real reports over real associations."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from committing_pacs import CommittingPacs, running
from node.admission import Admission
from node.audit import AuditEvent, AuditFields
from node.dicom_settings import DicomSettings
from node.reasons import ReasonCode
from node.service.group_commit import GroupCommit
from node.service.listener import open_acceptor
from node.service.storage_service import StorageService
from node.settings import Settings
from node.settings_sections import Destination
from node.storage.archive import Archive
from node.storage.health import LISTENER, HealthStore
from node.storage.ledger.ledger import Ledger
from node.storage.records import AuditRecord
from node.watching.findings import Finding, FindingLevel
from node.watching.return_path import addresses_of, awaited_words, check_return_path, turned_away_by_us
from ports import free_port

QUICK = 1.0  # seconds to wait for a report that will not come


def settings_for(root: Path, pacs: CommittingPacs, **dicom: object) -> Settings:
    here = {"port": pacs.reports_to or free_port(), "callers": ("MRI1",), **dicom}
    return Settings(storage={"root": root}, dicom=here, destinations=(pacs.destination,))


def tried(settings: Settings, seconds: float = QUICK) -> Finding:
    return check_return_path(settings, settings.destinations[0], seconds)


@contextmanager
def serving(settings: Settings) -> Iterator[None]:
    """The real listener of a node with these settings."""
    archive, ledger = Archive(settings.storage.root), Ledger(settings.database_url)
    acceptor = open_acceptor(settings.dicom, StorageService(settings, archive, ledger, GroupCommit(archive, ledger)))
    thread = threading.Thread(target=acceptor.serve_forever, daemon=True)
    thread.start()
    HealthStore(ledger.engine).beat(settings.node_name, LISTENER, time.time(), listening_since=time.time())
    yield
    acceptor.stop(1.0)
    thread.join(60)


@pytest.mark.parametrize("node_runs", [True, False])
def test_a_pacs_that_can_call_back_is_found_to(tmp_path: Path, node_runs: bool) -> None:
    with running(CommittingPacs(reports_to=free_port(), keeps=False)) as pacs:
        settings = settings_for(tmp_path, pacs)
        if node_runs:
            with serving(settings):
                found = tried(settings, 60.0)
        else:
            found = tried(settings, 60.0)
        pacs.reported.wait(60)
    assert (found.level, found.subject) == (FindingLevel.OK, "pacs")
    assert "as PACS" in found.message
    assert pacs.outcomes == ["0000"]


@pytest.mark.parametrize("node_runs", [True, False])
@pytest.mark.parametrize(
    ("wrong", "dicom", "remedy"),
    [
        ({"calls_itself": "ORTHANC"}, {}, 'ae_title = "ORTHANC" in [[destinations]] "pacs"'),
        ({"calls_itself": "ORTHANC"}, {"callers": ()}, 'ae_title = "ORTHANC" in [[destinations]] "pacs"'),
        ({"calls_us": "MOME"}, {"check_called_ae_title": True}, "its entry for us must say MOMENODE"),
    ],
)
def test_a_report_that_we_turn_away_is_named_with_the_setting(
    tmp_path: Path, wrong: dict[str, str], dicom: dict[str, object], remedy: str, node_runs: bool
) -> None:
    with running(replace(CommittingPacs(reports_to=free_port()), **wrong)) as pacs:
        settings = settings_for(tmp_path, pacs, **dicom)
        if node_runs:
            with serving(settings):
                found = tried(settings, 3.0)
        else:
            found = tried(settings, 3.0)
    assert found.level is FindingLevel.FAILED
    assert "turned away by this node" in found.message
    assert remedy in found.hint


def test_a_pacs_that_does_not_know_where_we_are_is_told_what_it_needs(tmp_path: Path) -> None:
    with running(CommittingPacs(reports_to=0)) as pacs:
        settings = settings_for(tmp_path, pacs)
        found = tried(settings)
        Ledger(settings.database_url)
    assert found.level is FindingLevel.FAILED
    assert f"port {settings.dicom.port}" in found.hint


def test_a_pacs_that_has_reported_before_may_be_slow_today(tmp_path: Path) -> None:
    with running(CommittingPacs(reports_to=free_port())) as pacs:
        settings = settings_for(tmp_path, pacs)
        assert tried(settings, 60.0).level is FindingLevel.OK
        pacs.reports_to = 0
        assert tried(settings).level is FindingLevel.ADVICE


def test_commitment_that_is_not_offered_or_not_taken_is_said(tmp_path: Path) -> None:
    with running(CommittingPacs(offers_commitment=False)) as pacs:
        found = tried(settings_for(tmp_path, pacs))
        assert (found.level, "commitment = false" in found.hint) == (FindingLevel.FAILED, True)
    with running(CommittingPacs(action_status=0x0110)) as pacs:
        found = tried(settings_for(tmp_path, pacs))
        assert (found.level, "0110" in found.message) == (FindingLevel.FAILED, True)


def test_networks_that_keep_the_pacs_out_need_no_trial(tmp_path: Path) -> None:
    found = tried(settings_for(tmp_path, CommittingPacs(), networks=("10.0.0.0/8",)))
    assert (found.level, found.hint) == (FindingLevel.FAILED, "add 127.0.0.1 to dicom.networks")


def test_a_port_that_another_program_has_leaves_the_question_open(tmp_path: Path) -> None:
    with running(CommittingPacs()) as other, running(CommittingPacs()) as pacs:
        settings = settings_for(tmp_path, pacs, port=other.port)
        settings = settings.model_copy(update={"dicom": settings.dicom.model_copy(update={"ae_title": "X"})})
        found = tried(settings)
    assert found.level in (FindingLevel.UNKNOWN, FindingLevel.FAILED)


PACS = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=104)


def call(
    event: AuditEvent, reason: ReasonCode | None, calling: str = "PACS", address: str = "127.0.0.1"
) -> AuditRecord:
    fields = AuditFields(calling_ae_title=calling, called_ae_title="MOME", address=address, reason=reason)
    return AuditRecord(1.0, event, "", "", 0, "", fields)


@pytest.mark.parametrize(
    ("refused", "remedy"),
    [
        (call(AuditEvent.REJECTED, ReasonCode.CALLING_UNKNOWN, "OTHER", "10.1.1.1"), None),
        (call(AuditEvent.REJECTED, ReasonCode.CALLING_UNKNOWN, address="10.1.1.1"), "add 10.1.1.1 to dicom.networks"),
        (call(AuditEvent.REJECTED, ReasonCode.CALLING_UNKNOWN, "ORTHANC"), 'ae_title = "ORTHANC"'),
        (call(AuditEvent.REJECTED, ReasonCode.CALLING_UNKNOWN), "reload"),
        (call(AuditEvent.REJECTED, ReasonCode.CALLED_UNKNOWN), "check_called_ae_title"),
        (call(AuditEvent.REJECTED, ReasonCode.ALL_SLOTS_TAKEN), "dicom.associations"),
        (call(AuditEvent.FORGED_REPORT, None, "ORTHANC"), 'ae_title = "ORTHANC"'),
        (call(AuditEvent.FORGED_REPORT, None), None),
        (call(AuditEvent.REJECTED, ReasonCode.NOT_A_CALLER), None),
        (call(AuditEvent.REJECTED, ReasonCode.DRAINING, "MRI1"), None),
    ],
)
def test_each_refusal_is_traced_to_its_setting(refused: AuditRecord, remedy: str | None) -> None:
    admission = Admission(DicomSettings(networks=("127.0.0.0/8",)), [PACS])
    found = turned_away_by_us([refused], PACS, admission)
    if remedy is None:
        assert found is None
    else:
        assert found is not None
        assert (found.code, remedy in found.words) == (ReasonCode.REPORT_REJECTED, True)


def test_what_a_pacs_needs_is_an_address_that_it_can_reach() -> None:
    far = Destination(name="pacs", ae_title="PACS", host="192.0.2.1", port=104)
    assert 'set "0.0.0.0"' in awaited_words(far, DicomSettings())
    assert "MOMENODE at this machine's address, port 11112" in awaited_words(far, DicomSettings(host="0.0.0.0"))  # noqa: S104
    assert addresses_of("pacs.invalid") == frozenset()
