"""Alerts: told once when they begin and once when they are over, by a real mail server and a real webhook."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from node.jobs import JobKind, JobState
from node.settings import Settings
from node.settings_sections import AlertSettings
from node.storage.archive import Archive
from node.storage.health import HealthStore
from node.storage.ledger.ledger import Ledger
from node.storage.overview import Overview, QueueDepth
from node.watching.alerts import AlertMonitor, Facts, compare, sent, wrong
from node.watching.echoes import echo_destinations
from node.watching.metrics import Meter

GIB = 2**30
WELL = Facts((), {}, 100 * GIB, {"MRI1": 60.0}, (), "")
LIMITS = AlertSettings(disk_free_gib=20, destination_minutes=15, silence_hours=12)


def names(facts: Facts) -> list[str]:
    return [name for name, _ in wrong(facts, LIMITS, 10_000.0)]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(WELL, [], id="all is well"),
        pytest.param(
            replace(WELL, depths=(QueueDepth(JobKind.DELIVER, "pacs", JobState.DEAD, 2, 1.0),)),
            ["dead deliver pacs"],
            id="dead letter",
        ),
        pytest.param(
            replace(WELL, depths=(QueueDepth(JobKind.DELIVER, "pacs", JobState.WAITING, 9, 1.0),)),
            [],
            id="a queue is no alert",
        ),
        pytest.param(replace(WELL, down_since={"pacs": 9_000.0}), ["down pacs"], id="destination down for 16 minutes"),
        pytest.param(replace(WELL, down_since={"pacs": 9_500.0}), [], id="destination down for 8 minutes"),
        pytest.param(replace(WELL, free_bytes=19 * GIB), ["disk"], id="disk"),
        pytest.param(replace(WELL, silent_for={"MRI1": 13 * 3600.0}), ["silent MRI1"], id="silent scanner"),
        pytest.param(replace(WELL, failing=("worker",)), ["process worker"], id="a process is silent"),
        pytest.param(replace(WELL, self_test="model"), ["self-test"], id="self-test"),
    ],
)
def test_what_needs_a_person(facts: Facts, expected: list[str]) -> None:
    assert names(facts) == expected


def test_an_alert_is_told_once_and_once_when_it_is_over(ledger: Ledger) -> None:
    book, told = HealthStore(ledger.engine), []

    def send(words: str) -> bool:
        told.append(words)
        return True

    for found in ({"disk": "little disk"}, {"disk": "little disk"}, {}, {}):
        compare(book, "one", found, send, 1.0)
    assert told == ["little disk", "over: little disk"]
    assert book.alerts() == []


def test_nodes_on_one_ledger_leave_each_others_alerts_alone(ledger: Ledger) -> None:
    book = HealthStore(ledger.engine)
    for node in ("one", "two"):
        compare(book, node, {"disk": f"little disk on {node}"}, lambda _: True, 1.0)
    compare(book, "one", {}, lambda _: True, 2.0)
    assert [each.words for each in book.alerts()] == ["little disk on two"]


def test_a_message_that_could_not_be_sent_is_sent_at_the_next_round(ledger: Ledger) -> None:
    book = HealthStore(ledger.engine)
    compare(book, "one", {"disk": "little disk"}, lambda _: False, 1.0)
    assert [each.told_at for each in book.alerts()] == [None]
    compare(book, "one", {"disk": "little disk"}, lambda _: True, 2.0)
    assert [each.told_at for each in book.alerts()] == [2.0]


class Mailbox(socketserver.StreamRequestHandler):
    """A mail server that keeps what it is given."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline().strip().upper():
            if line == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while (text := self.rfile.readline()) != b".\r\n":
                    self.server.mail.append(text.decode())  # type: ignore[attr-defined]
            self.wfile.write(b"221 bye\r\n" if line == b"QUIT" else b"250 ok\r\n")


class Hook(BaseHTTPRequestHandler):
    """A webhook that keeps what it is given."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.mail.append(json.loads(body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def listening(server: socketserver.BaseServer) -> Iterator[list[object]]:
    server.mail = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.mail  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


def test_a_mail_and_a_post_say_what_is_wrong() -> None:
    mail_server, hook = socketserver.TCPServer(("127.0.0.1", 0), Mailbox), HTTPServer(("127.0.0.1", 0), Hook)
    with listening(mail_server) as mail, listening(hook) as posts:
        alerts = {"recipients": ("it@hospital.example",), "smtp": f"127.0.0.1:{mail_server.server_address[1]}"}
        alerts["webhook"] = f"http://127.0.0.1:{hook.server_address[1]}/"
        assert sent(Settings(alerts=alerts), "destination pacs does not answer")
        assert any("Subject: MOME Node MOMENODE: destination pacs does not answer" in str(line) for line in mail)
        assert any("Research use only." in str(line) for line in mail)
        assert posts[0]["text"] == "MOME Node MOMENODE: destination pacs does not answer"  # type: ignore[index]


def test_a_mail_server_that_is_down_is_no_reason_to_stop() -> None:
    assert not sent(Settings(alerts={"recipients": ("it@hospital.example",), "smtp": "127.0.0.1:1"}), "words")


def test_a_destination_that_does_not_answer_its_echo_opens_an_alert(tmp_path: Path) -> None:
    destination = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 1}
    limits = {"destination_minutes": 0, "disk_free_gib": 0}
    settings = Settings(storage={"root": tmp_path}, destinations=(destination,), alerts=limits)
    archive, engine = Archive(tmp_path), Ledger(settings.database_url).engine
    store = HealthStore(engine)
    echo_destinations("MOMENODE", settings.destinations, store)
    AlertMonitor(settings, Meter(settings, archive, Overview(engine), store)).check(1e12)
    assert [each.words for each in store.alerts()] == ["destination pacs does not answer"]
    assert "is it running" in store.echoes()["pacs"].reason
