"""The doctor names what is wrong around the node, and what to do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from live_node import new_study
from node.audit import AuditEvent, AuditFields
from node.dicom_settings import DicomSettings
from node.identity import graphics_cards
from node.reasons import ReasonCode
from node.service.group_commit import GroupCommit
from node.service.listener import open_acceptor
from node.service.storage_service import StorageService
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger
from node.storage.records import StoredInstance
from node.watching.doctor import (
    Check,
    check_ae_title,
    check_callers,
    check_clock,
    check_disk_flush,
    check_disk_space,
    check_gpu,
    check_listener,
    check_senders,
    examine,
)
from node.watching.findings import FindingLevel
from ports import free_port


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(storage={"root": tmp_path}, dicom={"port": 1})


def test_a_node_that_is_not_started_is_said_to_be(settings: Settings) -> None:
    found = check_listener(settings)
    assert found.level is FindingLevel.FAILED
    assert "systemctl start" in found.hint


def test_a_destination_with_our_own_ae_title_is_found(tmp_path: Path) -> None:
    twin = {"name": "pacs", "ae_title": "MOMENODE", "host": "127.0.0.1", "port": 1}
    found = check_ae_title(Settings(storage={"root": tmp_path}, destinations=(twin,)))
    assert found.level is FindingLevel.FAILED
    assert "its own" in found.hint


def test_disk_flush_and_clock_are_measured(settings: Settings) -> None:
    assert "GiB free" in check_disk_space(settings.storage.root).message
    assert "ms" in check_disk_flush(settings.storage.root).message
    assert check_clock(settings).level is not FindingLevel.FAILED


@pytest.mark.parametrize(("pause", "level"), [(0.040, FindingLevel.ADVICE), (0.004, FindingLevel.OK)])
def test_a_sender_that_waits_for_delayed_acknowledgements_is_named(
    settings: Settings, pause: float, level: FindingLevel
) -> None:
    ledger, study = Ledger(settings.database_url), new_study()
    for number in range(30):
        uid = f"{study}.{number}"
        one = StoredInstance(
            study, study + ".1", "1.2.840.10008.5.1.4.1.1.4", uid, "1.2", "p", uid[-64:], "path", 10, "MRI1"
        )
        ledger.receiving.instances_stored([one], 1000.0 + number * pause)
    found = check_senders(settings.database_url)
    assert found.level is level
    assert ("MRI1" in found.message) is (level is FindingLevel.ADVICE)


def test_every_line_that_is_not_well_says_what_to_do(settings: Settings) -> None:
    findings = list(examine(settings))
    assert all(each.hint for each in findings if each.level is not FindingLevel.OK)
    assert any(each.level is FindingLevel.FAILED for each in findings)


@contextmanager
def a_listener(root: Path, *callers: str) -> Iterator[DicomSettings]:
    """The real listener of a node that accepts these calling AE titles."""
    settings = Settings(storage={"root": root}, dicom={"port": free_port(), "callers": callers})
    archive, ledger = Archive(root), Ledger(settings.database_url)
    acceptor = open_acceptor(settings.dicom, StorageService(settings, archive, ledger, GroupCommit(archive, ledger)))
    thread = threading.Thread(target=acceptor.serve_forever, daemon=True)
    thread.start()
    yield settings.dicom
    acceptor.stop(1.0)
    thread.join(5)


def test_a_listener_that_rejects_our_own_title_is_as_it_should_be(tmp_path: Path) -> None:
    with a_listener(tmp_path, "MRI1") as dicom:
        found = check_listener(Settings(storage={"root": tmp_path}, dicom=dicom))
    assert (found.level, found.id) == (FindingLevel.OK, Check.LISTENER)
    assert "as it should" in found.message


def test_a_listener_that_only_this_machine_can_reach_is_advised_against(tmp_path: Path) -> None:
    with a_listener(tmp_path) as dicom:
        found = check_listener(Settings(storage={"root": tmp_path}, dicom=dicom))
    assert found.level is FindingLevel.ADVICE
    assert "dicom.host" in found.hint


def test_a_node_without_the_gpu_that_its_settings_want_fails() -> None:
    if graphics_cards():
        pytest.skip("this machine has a GPU")
    assert check_gpu("cuda").level is FindingLevel.FAILED
    assert check_gpu("cpu").level is FindingLevel.ADVICE


def turned_away(settings: Settings, caller: str, at: float) -> None:
    fields = AuditFields(calling_ae_title=caller, address="10.0.0.9", reason=ReasonCode.CALLING_UNKNOWN)
    Ledger(settings.database_url).audit.record(AuditEvent.REJECTED, at, "turned away", fields=fields)


def test_a_caller_that_is_kept_out_is_named_until_the_settings_let_it_in(settings: Settings) -> None:
    now = time.time()
    strict = settings.model_copy(update={"dicom": DicomSettings(callers=("MRI1",))})
    for caller, at in (("MRI8", now - 200_000), ("MRI9", now), ("MOMENODE", now)):
        turned_away(strict, caller, at)
    found = check_callers(strict)
    assert found.level is FindingLevel.ADVICE
    assert "MRI9 at 10.0.0.9" in found.message
    assert "MRI8" not in found.message and "MOMENODE" not in found.message
    assert "mome-node peers allow MRI9 --address 10.0.0.9" in found.hint
    assert check_callers(settings).level is FindingLevel.OK
