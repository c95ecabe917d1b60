"""The doctor asks each system around the PACS by its own protocol, and names it when it does not answer."""

from __future__ import annotations

from pathlib import Path

from certificates import Authority
from node.settings import Settings
from node.watching.findings import FindingLevel
from node.watching.integrations import examine_integrations, integration_probes
from orthanc import free_port
from syslog_receiver import SyslogReceiver


def test_a_node_without_such_systems_asks_nobody(tmp_path: Path) -> None:
    assert list(integration_probes(Settings(storage={"root": tmp_path}))) == []


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
