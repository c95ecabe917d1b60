"""The listener takes new settings without closing its port, and rejects associations while the node is drained."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pynetdicom import AE, build_context
from pynetdicom.sop_class import Verification

from dicom_io.network.acceptor import Acceptor
from node.reasons import ReasonCode
from node.service.group_commit import GroupCommit
from node.service.heartbeat import HeartbeatSender
from node.service.listener import DrainWatch, open_acceptor, renew
from node.service.storage_service import StorageService
from node.settings import Settings
from node.settings_file import settings_toml
from node.storage.archive import Archive
from node.storage.health import HealthStore
from node.storage.holds import Hold, HoldKind
from node.storage.ledger.ledger import Ledger


@dataclass
class Listener:
    settings: Settings
    ledger: Ledger
    service: StorageService
    acceptor: Acceptor
    config: Path

    def admits(self, ae_title: str) -> bool:
        """Whether an association of this caller is accepted; a rejection is kept in `rejection`."""
        association = AE(ae_title).associate("127.0.0.1", self.acceptor.port, [build_context(Verification)])
        self.rejection = association.acceptor.primitive
        if association.is_established:
            association.release()
            return True
        return False

    def renew_with(self, **dicom: object) -> None:
        changed = self.settings.dicom.model_copy(update=dicom)
        self.config.write_text(settings_toml(self.settings.model_copy(update={"dicom": changed})))
        renew(self.acceptor, self.service, self.config)


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    settings = Settings(storage={"root": tmp_path / "root"}, dicom={"port": 1, "callers": ["MRI1"]})
    archive, ledger = Archive(settings.storage.root), Ledger(settings.database_url)
    service = StorageService(settings, archive, ledger, GroupCommit(archive, ledger))
    acceptor = open_acceptor(settings.dicom.model_copy(update={"port": 0}), service)
    thread = threading.Thread(target=acceptor.serve_forever, daemon=True)
    thread.start()
    yield Listener(settings, ledger, service, acceptor, tmp_path / "node.toml")
    acceptor.stop(1.0)
    thread.join(5)


def test_a_new_caller_is_let_in_and_the_port_stays_open(listener: Listener) -> None:
    port = listener.acceptor.port
    assert (listener.admits("MRI1"), listener.admits("MRI2")) == (True, False)
    listener.renew_with(callers=("MRI2",), associations=7)
    assert (listener.admits("MRI1"), listener.admits("MRI2")) == (False, True)
    assert (listener.acceptor.port, listener.acceptor.limits.associations) == (port, 7)


def test_settings_that_cannot_be_used_change_nothing(listener: Listener, caplog: pytest.LogCaptureFixture) -> None:
    listener.renew_with(callers=(), networks=("no network",))
    assert "the old ones stay in force" in caplog.text
    assert (listener.admits("MRI1"), listener.admits("MRI2")) == (True, False)


def test_while_the_node_is_drained_associations_are_rejected_for_now_and_silence_does_not_count(
    listener: Listener,
) -> None:
    node = listener.settings.node_name
    heartbeat, health = HeartbeatSender(listener.settings, "listener"), HealthStore(listener.ledger.engine)
    watch = DrainWatch(listener.ledger, node, listener.service, heartbeat)
    heartbeat.listening(100.0)
    assert not watch.look()
    assert listener.admits("MRI1")
    listener.ledger.holds.hold(Hold(HoldKind.DRAIN, node, time.time(), "alice"))
    assert watch.look()
    assert not listener.admits("MRI1")
    rejected = listener.rejection
    assert (rejected.result, rejected.result_source, rejected.diagnostic) == (2, 3, 1), "rejected transient"
    assert [each.listening_since for each in health.heartbeats()] == [None]
    reasons = [entry.fields.reason for entry, _ in listener.ledger.audit.entries() if entry.event == "REJECTED"]
    assert reasons == [ReasonCode.DRAINING]
    listener.ledger.holds.end(HoldKind.DRAIN, node, "alice", time.time())
    assert not watch.look()
    assert listener.admits("MRI1")
    (beat,) = health.heartbeats()
    assert beat.listening_since is not None
    assert beat.listening_since > 100.0
