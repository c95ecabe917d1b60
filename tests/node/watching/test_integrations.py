"""The doctor asks each system around the PACS by its own protocol, and names it when it does not answer."""

from __future__ import annotations

from pathlib import Path

from certificates import Authority
from fhir_server import FhirStore
from hl7_receiver import Hl7Engine
from node.settings import Settings
from node.storage.health import HealthStore
from node.storage.ledger.ledger import Ledger
from node.watching.findings import FindingLevel
from node.watching.integrations import call_receivers, examine_integrations, integration_probes
from ports import free_port
from syslog_receiver import SyslogReceiver
from ups_server import WorklistServer


def test_a_node_without_such_systems_asks_nobody(tmp_path: Path) -> None:
    assert list(integration_probes(Settings(storage={"root": tmp_path}))) == []


def test_an_hl7_receiver_is_asked_by_a_connection_and_its_answer_is_remembered(tmp_path: Path) -> None:
    engine, port = Hl7Engine(), free_port()
    settings = Settings(storage={"root": tmp_path}, hl7=({"name": "ris", "host": "127.0.0.1", "port": port},))
    store = HealthStore(Ledger(settings.database_url).engine)
    (away,) = examine_integrations(settings)
    call_receivers(settings, store)
    assert (away.subject, away.level) == ("ris", FindingLevel.FAILED)
    assert "[[hl7]] ris" in away.hint
    assert store.echoes()["ris"].seconds is None
    assert "Connection refused" in store.echoes()["ris"].reason
    with engine.running(port):
        assert next(examine_integrations(settings)).level is FindingLevel.OK
        call_receivers(settings, store)
    assert store.echoes()["ris"].seconds is not None


def test_a_fhir_server_is_asked_for_its_capabilities(tmp_path: Path) -> None:
    with FhirStore("R5").running() as store:
        settings = Settings(storage={"root": tmp_path}, fhir=({"name": "ehr", "url": store.url, "release": "R5"},))
        (there,) = examine_integrations(settings)
        assert (there.level, there.message) == (FindingLevel.OK, "answers as FHIR R5")
    (away,) = examine_integrations(settings)
    assert "[[fhir]] ehr" in away.hint


def test_a_worklist_is_asked_by_a_search(tmp_path: Path) -> None:
    with WorklistServer().running() as server:
        settings = Settings(storage={"root": tmp_path}, worklists=({"name": "orders", "url": server.url},))
        (there,) = examine_integrations(settings)
        assert (there.level, there.message) == (FindingLevel.OK, "answers a search for workitems")
    (away,) = examine_integrations(settings)
    assert away.level is FindingLevel.FAILED
    assert "[[worklists]] orders" in away.hint


def test_an_audit_repository_is_asked_by_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    repository = {"host": "127.0.0.1", "port": free_port(), "authorities": authority.file}
    settings = Settings(storage={"root": tmp_path}, audit_repository=repository)
    (away,) = examine_integrations(settings)
    assert (away.name, away.level) == ("audit repository", FindingLevel.FAILED)
    assert "[audit_repository]" in away.hint
    with SyslogReceiver(authority.signs("repository")).running(repository["port"]):
        (there,) = examine_integrations(settings)
    assert (there.level, there.hint) == (FindingLevel.OK, "")
