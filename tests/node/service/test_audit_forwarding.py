"""The audit trail reaches a repository whole, in order and with its patients, however often the repository is away."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from audit_schema import faults_of
from certificates import Authority
from dicom_io.network.service import Peer
from live_node import CANARY, instance, new_study
from node.audit import AuditEvent, AuditFields
from node.service.audit_forwarding import AuditForwarder, audit_subject
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.audit_forwarding import AuditForwarding
from node.storage.ledger.ledger import Ledger
from syslog_receiver import SyslogReceiver, reset


class Site:
    """A node's ledger and archive, and the repository that its settings name."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder)
        self.receiver = SyslogReceiver(authority.signs("repository"))
        self.ledger = Ledger(f"sqlite:///{folder}/ledger.db")
        self.archive = Archive(folder / "root")
        self.authorities = authority.file

    def forwarder(self) -> AuditForwarder:
        repository = {"host": "127.0.0.1", "port": self.receiver.port, "authorities": self.authorities, "site": "X"}
        settings = Settings(storage={"root": self.archive.root}, audit_repository=repository)
        return AuditForwarder(settings, self.archive, AuditForwarding(self.ledger.engine))

    def messages(self) -> list[etree._Element]:
        texts = [each.partition("\ufeff")[2] for each in self.receiver.frames]
        assert [fault for text in texts for fault in faults_of(text)] == []
        return [etree.fromstring(each.encode()) for each in texts]

    def told(self) -> list[str]:
        return [str(each.findtext("EventIdentification/EventOutcomeDescription")) for each in self.messages()]

    def record(self, *words: str) -> None:
        for each in words:
            self.ledger.audit.record(AuditEvent.OPERATED, 1.0, each, fields=AuditFields(person="ada"))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_every_entry_arrives_once_and_in_order_however_often_the_receiver_was_away(site: Site) -> None:
    with site.receiver.running():
        port = site.receiver.port
        site.record("1", "2")
        assert site.forwarder().forward() == 2
    site.record("3")
    assert site.forwarder().forward() == 0
    status = AuditForwarding(site.ledger.engine).status()
    assert (status.unsent, status.failing_since is None) == (1, False)
    assert "Connection refused" in status.reason
    site.record(*(str(number) for number in range(4, 500)))
    with site.receiver.running(port):
        assert site.forwarder().forward() == 497
        assert site.forwarder().forward() == 0
    assert site.told() == [f"OPERATED {number}" for number in range(1, 500)]
    assert AuditForwarding(site.ledger.engine).status().failing_since is None


def test_what_a_receiver_did_not_read_is_sent_again(site: Site) -> None:
    site.record("1", "2")
    usual = site.receiver.behaviour
    site.receiver.behaviour = reset
    with site.receiver.running():
        assert site.forwarder().forward() == 0
        site.receiver.behaviour = usual
        assert site.forwarder().forward() == 2
    assert site.told() == ["OPERATED 1", "OPERATED 2"]


def test_an_entry_about_a_study_names_its_patient_and_the_person(site: Site, tmp_path: Path) -> None:
    study = new_study()
    image = instance(study, AccessionNumber="ZZPHI-77")
    file = tmp_path / "one.dcm"
    image.save_as(file, enforce_file_format=True)
    from dicom_io.encoding.part10 import copy_instance

    received = copy_instance(file, site.archive.temporary_path())
    site.ledger.receiving.instances_stored(
        site.archive.keep_received([(received, Peer("MR", "MOMENODE", "10.0.0.5"))]), 1.0
    )
    fields = AuditFields(person="ada", address="10.0.0.9")
    site.ledger.audit.record(AuditEvent.DOWNLOADED, 2.0, "report", study, fields)
    with site.receiver.running():
        assert site.forwarder().forward() == 1
    (message,) = site.messages()
    assert [each.get("UserID") for each in message.iter("ActiveParticipant")] == ["ada", "MOMENODE"]
    objects = {each.get("ParticipantObjectTypeCode"): each for each in message.iter("ParticipantObjectIdentification")}
    assert objects["2"].get("ParticipantObjectID") == study
    assert objects["2"].find(".//Accession").get("Number") == "ZZPHI-77"  # type: ignore[union-attr]
    assert (objects["1"].get("ParticipantObjectID"), objects["1"].findtext("ParticipantObjectName")) == (CANARY, CANARY)


def test_a_study_whose_files_are_gone_has_no_patient_rather_than_an_empty_one(site: Site) -> None:
    assert audit_subject(site.archive, "1.2.3", "instances/gone.dcm").patient_id is None
    assert audit_subject(site.archive, "1.2.3", "").patient_id is None
