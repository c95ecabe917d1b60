"""Alerts people by e-mail and webhook: once when something begins to need them and once when it is over.

The scheduler checks every half minute: ledger, disk, processes and the last echoes are compared with the alerts that
are open. A message that could not be sent is sent after the next check.
"""

from __future__ import annotations

import json
import logging
import smtplib
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from node.errors import NodeError
from node.jobs import JobState
from node.secret_files import secret
from node.settings import Settings
from node.settings_sections import AlertSettings
from node.storage.health import HealthStore
from node.storage.overview import QueueDepth
from node.watching.metrics import Health, Meter

log = logging.getLogger(__name__)
START_SECONDS = 90.0  # processes load their libraries before they show a sign of life
SEND_SECONDS = 10.0
LONGEST_NAME = 128
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Facts:
    """What one round has seen. down_since: destinations that do not answer; silent_for: seconds by caller."""

    depths: tuple[QueueDepth, ...]
    down_since: dict[str, float]
    free_bytes: int
    silent_for: dict[str, float]
    failing: tuple[str, ...]
    self_test: str


def wrong(facts: Facts, limits: AlertSettings, now: float) -> Iterator[tuple[str, str]]:
    """Name and words of everything that needs a person."""
    for each in facts.depths:
        if each.state is JobState.DEAD:
            what = f"deliver to {each.destination}" if each.destination else "analyse"
            jobs = "1 job was" if each.jobs == 1 else f"{each.jobs} jobs were"
            yield f"dead {each.kind} {each.destination}".strip(), f"{jobs} given up: {what}"
    for name, since in facts.down_since.items():
        if now - since >= limits.destination_minutes * 60:
            yield f"down {name}", f"destination {name} does not answer"
    if facts.free_bytes < limits.disk_free_gib * GIB:
        yield "disk", f"less than {limits.disk_free_gib:g} GiB of disk are free"
    for caller, seconds in facts.silent_for.items():
        if limits.silence_hours and seconds >= limits.silence_hours * 3600:
            yield f"silent {caller}", f"{caller} has sent nothing for {limits.silence_hours:g} hours"
    for part in facts.failing:
        yield f"process {part}", f"the {part} shows no sign of life"
    if facts.self_test:
        yield "self-test", f"the self-test failed: {facts.self_test}"


class AlertMonitor:
    """Compares what is wrong with the alerts that are open, whenever it is asked to."""

    def __init__(self, settings: Settings, meter: Meter, config: Path | None = None) -> None:
        """`config`: the settings file of the daily self-test; None leaves it out."""
        self.settings, self.meter, self.store, self.config = settings, meter, meter.watch, config
        self.health = Health(settings, meter.archive, meter.overview, meter.watch)
        self.began = time.monotonic()
        self.down_since: dict[str, float] = {}
        self.self_test = ""

    def check(self, now: float) -> None:
        """Gather the facts, compare, and send what is due."""
        found = dict(wrong(self.facts(now), self.settings.alerts, now))
        compare(self.store, self.settings.node_name, found, lambda words: sent(self.settings, words), now)

    def run_self_test(self) -> None:
        """Test the node in a process of its own; the next check finds what failed."""
        if self.config is not None:
            self.self_test = self_test(self.config)

    def facts(self, now: float) -> Facts:
        """What is the case now: the ledger, the disk, the processes, and how destinations answered."""
        for name, echo in self.store.echoes().items():
            if echo.seconds is None:
                self.down_since.setdefault(name, echo.at)
            else:
                self.down_since.pop(name, None)
        configured = {each.name for each in self.settings.destinations}
        started = time.monotonic() - self.began > START_SECONDS
        return Facts(
            depths=tuple(self.meter.overview.queues()),
            down_since={name: since for name, since in self.down_since.items() if name in configured},
            free_bytes=self.meter.archive.free_bytes(),
            silent_for={name: now - at for name, at in self.meter.up_to_date().last_from.items()},
            failing=tuple(part for part in self.health.failing() if part != "disk") if started else (),
            self_test=self.self_test,
        )


def self_test(config: Path) -> str:
    """Run `mome-node check` in a process of its own; the names of what failed, empty when all is well."""
    command = [sys.executable, "-m", "node.cli.main", "check", "--json", "--config", str(config)]
    try:
        answer = subprocess.run(command, capture_output=True, check=False, timeout=600)
        lines = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return "it could not be run"
    return ", ".join(each["name"] for each in lines if each["required"] and not each["passed"])


def compare(book: HealthStore, node: str, found: dict[str, str], send: Callable[[str], bool], now: float) -> None:
    """Open what is new, tell what nobody knows yet, and close what is over once people know that too.

    Nodes that share a ledger keep their alerts apart by their names.
    """
    wanted = {f"{node}: {name}"[:LONGEST_NAME]: words for name, words in found.items()}
    for name in wanted.keys() - {each.name for each in book.alerts()}:
        log.warning("alert: %s", wanted[name])
        book.raised(name, wanted[name], now)
    for each in book.alerts():
        if not each.name.startswith(f"{node}: "):
            continue
        if each.name not in wanted:
            if each.told_at is None or send(f"over: {each.words}"):
                book.resolved(each.name)
        elif each.told_at is None and send(each.words):
            book.told(each.name, now)


def sent(settings: Settings, words: str) -> bool:
    """Whether every way that the site wants has taken the message."""
    ways: list[Callable[[], None]] = []
    if settings.alerts.recipients:
        ways.append(lambda: mail(settings.alerts, settings.dicom.ae_title, words))
    if settings.alerts.webhook:
        ways.append(lambda: post(settings.alerts.webhook, settings.dicom.ae_title, words))
    try:
        for way in ways:
            way()
    except (OSError, smtplib.SMTPException, NodeError) as error:
        log.error("nobody could be told of an alert: %s", type(error).__name__)
        return False
    return True


def mail(alerts: AlertSettings, ae_title: str, words: str) -> None:
    """One e-mail; over TLS when there is a login."""
    message = EmailMessage()
    message["From"], message["To"] = alerts.sender, ", ".join(alerts.recipients)
    message["Subject"] = f"MOME Node {ae_title}: {words}".replace("\n", " ").replace("\r", " ")
    message.set_content(
        f"{words}.\n\nWhat to do: docs/operate.md, or the dashboard's page Health.\nResearch use only.\n"
    )
    host, _, port = alerts.smtp.partition(":")
    with smtplib.SMTP(host, int(port or 25), timeout=SEND_SECONDS) as server:
        if alerts.smtp_user:
            server.starttls()
            server.login(alerts.smtp_user, secret(Path(alerts.smtp_password_file)))
        server.send_message(message)


def post(webhook: str, ae_title: str, words: str) -> None:
    """One POST with JSON, in the shape that chat servers take (`text`)."""
    body = json.dumps({"node": ae_title, "text": f"MOME Node {ae_title}: {words}", "research_use_only": True}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(webhook, body, headers)  # noqa: S310 - the settings name it
    urllib.request.urlopen(request, timeout=SEND_SECONDS).close()  # noqa: S310
