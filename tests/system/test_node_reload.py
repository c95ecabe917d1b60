"""SIGHUP reads the settings again; what systemd is told meanwhile."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest
from pynetdicom.sop_class import Verification

from certificates import Authority
from dicom_io.network.tls import requestor_context
from live_node import SLOWEST_MACHINE, LiveNode, instance, live_node, new_study, wait_for
from node.settings_file import settings_toml, with_caller

pytestmark = pytest.mark.system
STREAM_SECONDS, RELOADS = 60.0, 5


def reload_with(node: LiveNode, text: str) -> None:
    (node.folder / "node.toml").write_text(text)
    assert node.process is not None
    os.kill(node.process.pid, signal.SIGHUP)


def is_allowed(node: LiveNode, ae_title: str) -> bool:
    try:
        association = node.associate(Verification, ae_title=ae_title)
    except OSError:
        return False
    if association.is_established:
        association.release()
        return True
    return False


def test_a_caller_is_let_in_without_a_restart_and_what_was_received_stays(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        callers = node.settings.dicom.model_copy(update={"callers": ("MODALITY",)})
        node.settings = node.settings.model_copy(update={"dicom": callers})
        node.start()
        study = new_study()
        node.send_until_all_are_kept([instance(study)])
        assert not is_allowed(node, "MRI2")
        reload_with(node, with_caller(settings_toml(node.settings), "MRI2", ""))
        wait_for(lambda: is_allowed(node, "MRI2"), 60, "MRI2 to be let in")
        assert is_allowed(node, "MODALITY")
        node.outcome(study, "DELIVERED", "ANALYZED")


def test_callers_are_reloaded_while_associations_stream_in_and_none_is_refused(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        callers = node.settings.dicom.model_copy(update={"callers": ("MODALITY",)})
        node.settings = node.settings.model_copy(update={"dicom": callers})
        node.start()
        text, began, reloads, answers = settings_toml(node.settings), time.monotonic(), 0, list[bool]()
        while time.monotonic() - began < STREAM_SECONDS:
            if time.monotonic() - began >= reloads * STREAM_SECONDS / RELOADS:
                reloads += 1
                text = with_caller(text, f"MRI{reloads}", "")
                reload_with(node, text)
            answers.append(is_allowed(node, "MODALITY"))
        wait_for(lambda: is_allowed(node, f"MRI{RELOADS}"), 60, "the last caller to be let in")
    print(f"{len(answers)} associations, {reloads} reloads, {answers.count(False)} refused")
    assert reloads == RELOADS
    assert all(answers)


def test_settings_with_a_mistake_are_refused_and_the_old_ones_stay(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        node.start()
        before = listener_of(node)
        reload_with(node, "[dicom]\nprot = 104\n")
        wait_for(lambda: "did you mean port" in node.log.read_text(), 30, "the mistake to be named")
        assert node.echo()
        assert listener_of(node) == before


def test_a_new_settle_time_does_not_interrupt_reception(tmp_path: Path) -> None:
    with live_node(tmp_path, quiet_seconds=900.0) as node:
        node.start()
        before, study = listener_of(node), new_study()
        node.send_until_all_are_kept([instance(study)])
        quicker = node.settings.gather.model_copy(update={"quiet_seconds": 1.0})
        reload_with(node, settings_toml(node.settings.model_copy(update={"gather": quicker})))
        node.outcome(study, "DELIVERED", "ANALYZED")
        assert listener_of(node) == before


def test_a_renewed_certificate_is_taken_without_interrupting_reception(tmp_path: Path) -> None:
    old, new = Authority(tmp_path, "old"), Authority(tmp_path, "new")
    first = old.signs("node")
    with live_node(tmp_path) as node:
        secured = node.settings.dicom.model_copy(update={"certificate": first.certificate, "key": first.key})
        node.settings = node.settings.model_copy(update={"dicom": secured})
        node.tls = requestor_context("", "", old.file, check_name=True)
        node.start()
        held, before = node.associate(Verification), listener_of(node)
        new.signs("node")  # into the same files
        reload_with(node, settings_toml(node.settings))
        node.tls = requestor_context("", "", new.file, check_name=True)
        wait_for(node.echo, 30, "the new certificate")
        assert held.send_c_echo().Status == 0
        held.release()
        assert listener_of(node) == before
        Path(first.certificate).write_text("no certificate")
        reload_with(node, settings_toml(node.settings))
        wait_for(lambda: "new certificate is not usable" in node.log.read_text(), 30, "the fault to be named")
        assert node.echo()


def listener_of(node: LiveNode) -> list[float]:
    """When the listener began to listen."""
    return [entry.at for entry, _ in node.ledger.audit.entries() if entry.event == "LISTENING"]


def test_systemd_hears_of_readiness_and_then_signs_of_life(tmp_path: Path) -> None:
    place = f"/tmp/mome-{os.getpid()}.notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel, live_node(tmp_path) as node:
        channel.bind(place)
        channel.settimeout(60)
        node.start(NOTIFY_SOCKET=place)
        heard, deadline = [], time.monotonic() + 60
        while sum("READY=1" in each for each in heard) < 2 and time.monotonic() < deadline:
            heard.append(channel.recv(100).decode())
        assert node.stop() == 0
        while heard[-1] != "STOPPING=1":
            heard.append(channel.recv(100).decode())
    Path(place).unlink()
    assert all("WATCHDOG=1" in each for each in heard[:-1])


def test_a_dashboard_that_cannot_start_holds_up_nobody(tmp_path: Path) -> None:
    with socket.socket() as taken, live_node(tmp_path) as node:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        dashboard = node.settings.dashboard.model_copy(update={"enabled": True, "port": taken.getsockname()[1]})
        node.settings = node.settings.model_copy(update={"dashboard": dashboard})
        node.start()
        wait_for(lambda: node.log.read_text().count("is started again") >= 3, 60, "three starts of the dashboard")
        study = new_study()
        node.send_until_all_are_kept([instance(study)])
        node.outcome(study, "DELIVERED", "ANALYZED")
        began = time.monotonic()
        assert node.stop() == 0
        assert time.monotonic() - began < 5 * SLOWEST_MACHINE, "a pause before a restart delayed the end"
