"""The audit trail of a running node in a real rsyslog: away, killed, back; whole, in order, valid."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from audit_schema import faults_of
from certificates import Authority
from live_node import CANARY, instance, live_node, new_study, wait_for
from node.storage.audit_forwarding import AuditForwarding
from ports import free_port
from syslog_receiver import rsyslog, rsyslog_available

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not rsyslog_available(), reason="needs rsyslog with TLS (apt-get install rsyslog-openssl)"),
]


def test_the_trail_survives_an_absent_repository_and_a_node_killed_while_it_sends(tmp_path: Path) -> None:
    authority, port = Authority(tmp_path), free_port()
    signed = authority.signs("repository")
    repository = {"host": "127.0.0.1", "port": port, "authorities": authority.file}
    study = new_study()
    with live_node(tmp_path, audit_repository=repository) as node:
        node.start(MOME_CRASHPOINT="audit.sent")
        node.send_until_all_are_kept([instance(study) for _ in range(3)])
        node.outcome(study, "DELIVERED", "ANALYZED")
        wait_for(lambda: "the audit trail waits" in node.log.read_text(), 60, "the repository to be missed")
        with rsyslog(tmp_path, signed, authority.file, port) as (_, received):
            wait_for(lambda: "is started again" in node.log.read_text(), 60, "the crash after sending")
            forwarding = AuditForwarding(node.ledger.engine)
            wait_for(lambda: forwarding.status().unsent == 0, 60, "everything to be sent")
            node.stop()
        node.start()
        with rsyslog(tmp_path, signed, authority.file, port) as (_, received):
            wait_for(lambda: forwarding.status().unsent == 0, 60, "what came after the restart")
            node.stop()
        log = node.log.read_text()
        written = list(dict.fromkeys((moment(each.at), str(each.event)) for each, _ in node.ledger.audit.entries()))
    lines = received.read_text("utf-8").splitlines()
    assert {line.partition(" ")[0] for line in lines} == {"85"}
    messages = [line[line.index("<AuditMessage") :] for line in lines]
    assert [fault for each in messages for fault in faults_of(each)] == []
    told = [identity_of(each) for each in messages]
    distinct = list(dict.fromkeys(told))
    assert distinct == written[: len(distinct)], "an entry is missing or overtook another"
    assert len(distinct) >= len(written) - 2  # the last ones are written while the node stops
    assert len(told) > len(distinct), "what was sent before the crash comes twice"
    assert any(CANARY in each and study in each for each in messages)
    assert CANARY not in log


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def identity_of(message: str) -> tuple[str, str]:
    """When and what an audit message tells of."""
    event = etree.fromstring(message.encode()).find("EventIdentification")
    return event.get("EventDateTime"), event.findtext("EventOutcomeDescription").split()[0]
