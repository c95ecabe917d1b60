"""Syslog over TLS: frames as the RFCs want them, and no message counted as sent that a receiver did not read."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path

import pytest

from certificates import Authority, Signed
from node.integration_settings import AuditRepositorySettings
from node.integrations.errors import ReceiverUnreachable
from node.integrations.syslog import probe, send_frames, syslog_frame
from ports import free_port
from syslog_receiver import SyslogReceiver, reset, slam


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def signed(authority: Authority) -> Signed:
    return authority.signs("repository")


def repository(authority: Authority, port: int) -> AuditRepositorySettings:
    return AuditRepositorySettings(host="127.0.0.1", port=port, authorities=authority.file)


def test_a_frame_is_a_counted_message_of_rfc_5424() -> None:
    frame = syslog_frame("<AuditMessage>é</AuditMessage>", 0.25)
    length, _, content = frame.partition(b" ")
    assert int(length) == len(content)
    pattern = (
        r"<85>1 1970-01-01T00:00:00\.250000Z [!-~]+ mome-node \d+ DICOM\+RFC3881 - \ufeff<AuditMessage>é</AuditMessage>"
    )
    assert re.fullmatch(pattern, content.decode())


@pytest.mark.parametrize("polite", [True, False])
def test_what_a_receiver_has_read_is_sent(authority: Authority, signed: Signed, polite: bool) -> None:
    texts = [f"<message>{number}</message>" for number in range(500)]
    with SyslogReceiver(signed, polite=polite).running() as receiver:
        send_frames(repository(authority, receiver.port), [syslog_frame(each, 0.0) for each in texts])
    assert [each.partition("\ufeff")[2] for each in receiver.frames] == texts


@pytest.mark.parametrize("behaviour", [reset, slam])
def test_what_nobody_read_is_not_sent(authority: Authority, signed: Signed, behaviour: object) -> None:
    receiver = SyslogReceiver(signed, behaviour=behaviour)  # type: ignore[arg-type]
    with receiver.running():
        for _ in range(20):
            with pytest.raises(ReceiverUnreachable):
                send_frames(repository(authority, receiver.port), [syslog_frame("x" * 1000, 0.0)] * 50)
    assert receiver.connections == 20
    assert receiver.frames == []


def test_a_receiver_that_is_away_or_a_stranger_is_named_with_the_cause(
    authority: Authority, signed: Signed, tmp_path: Path
) -> None:
    with pytest.raises(ReceiverUnreachable, match=r"audit repository: 127\.0\.0\.1 port .*: Connection refused"):
        probe(repository(authority, free_port()))
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", "elsewhere")
    with SyslogReceiver(signed).running() as receiver:
        with pytest.raises(ReceiverUnreachable, match="its certificate is not trusted"):
            probe(repository(other, receiver.port))
        assert probe(repository(authority, receiver.port)) in {"TLSv1.2", "TLSv1.3"}


def test_a_port_that_speaks_no_tls_is_named(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            connection.recv(100)
            connection.sendall(b"220 mail.example ESMTP\r\n")
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(ReceiverUnreachable, match=r"TLS with 127\.0\.0\.1 port"):
            probe(repository(authority, server.getsockname()[1]))
