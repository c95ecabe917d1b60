"""Examines what a node needs from its surroundings, line by line, and says what to do about what is wrong.

Nothing here changes anything, except the phantom check: a whole study of a patient who does not exist is sent through
the real listener and looked for in the PACS afterwards. A PACS that is to commit itself to results is asked about an
instance that it does not have, and its report is awaited.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from statistics import median

from dicom_io.errors import PeerFault, PeerUnreachable
from dicom_io.network.scu import echo
from dicom_io.network.service import Peer
from mome_core.compute import has_device
from mome_core.errors import MomeError
from node.admission import Admission
from node.errors import NodeError
from node.identity import graphics_cards
from node.reasons import ReasonCode
from node.remedies import command_to_allow
from node.settings import Settings
from node.settings_sections import is_loopback
from node.storage.archive import Archive, write_durably
from node.storage.ledger.ledger import Ledger
from node.storage.overview import Overview
from node.watching.destinations import check_destination
from node.watching.device_times import remembered_times
from node.watching.findings import Finding, FindingLevel
from node.watching.integrations import examine_integrations
from node.watching.own_listener import own_listener
from node.watching.phantom_check import check_phantom

_SLOW_FLUSH_MS = 20.0
_ENOUGH_FREE_GIB = 20.0
_LARGEST_SKEW_SECONDS = 5.0
_DELAYED_ACK_SECONDS = (0.035, 0.060)  # a sender that waits for delayed acknowledgements pauses 40 ms for each image
_FEWEST_PAUSES = 20
_LAST_DAY_SECONDS = 86_400.0
OK, ADVICE, FAILED, UNKNOWN = FindingLevel


class Check(StrEnum):
    """What is examined."""

    AE_TITLE = "ae-title"
    LISTENER = "listener"
    DISK_SPACE = "disk-space"
    DISK_FLUSH = "disk-flush"
    DATABASE = "database"
    CLOCK = "clock"
    GPU = "gpu"
    DEVICE_TIME = "device-time"
    DESTINATIONS = "destinations"
    SENDERS = "senders"
    CALLERS = "callers"


def examine(settings: Settings, *, with_phantom: bool = False) -> Iterator[Finding]:
    """Every examination, in the order in which faults explain each other."""
    yield check_ae_title(settings)
    yield check_listener(settings)
    yield check_disk_space(settings.storage.root)
    yield check_disk_flush(settings.storage.root)
    yield (database := _check_database(settings.database_url))
    if database.level is FAILED:
        return  # the rest is in it, or needs it
    yield check_clock(settings)
    yield check_gpu(settings.model.device)
    yield check_device_time(settings)
    if not settings.destinations:
        hint = "add a [[destinations]] section: results stay here"
        yield Finding(Check.DESTINATIONS, "destinations", ADVICE, "none", hint)
    for each in settings.destinations:
        yield from check_destination(settings, each)
    yield from examine_integrations(settings)
    yield check_senders(settings.database_url)
    yield check_callers(settings)
    if with_phantom:
        yield from check_phantom(settings)


def check_ae_title(settings: Settings) -> Finding:
    """The AE title that this node is called by."""
    ours, level, hint = [settings.dicom.ae_title, *(each.ae_title for each in settings.ae_titles)], OK, ""
    title = ", ".join(ours)
    if title != title.upper():
        level, hint = ADVICE, "AE titles are case-sensitive; most sites use capitals only"
    elif any(each.ae_title in ours for each in settings.destinations):
        level, hint = FAILED, "a destination has the same AE title: give this node its own"
    return Finding(Check.AE_TITLE, "AE title", level, title, hint)


def check_listener(settings: Settings) -> Finding:
    """Whether the listener answers, and whether scanners can reach it."""
    here = settings.dicom
    where = f"{here.host} port {here.port}"
    level, message, hint = OK, f"{where} answers", ""
    try:
        seconds = echo(here.ae_title, own_listener(here))
        message = f"{where} answers in {1000 * seconds:.0f} ms"
    except PeerUnreachable as error:
        if error.fault is PeerFault.CALLING_TITLE:
            message = f"{where} answers (and rejects {here.ae_title}, as it should)"
        else:
            level, message, hint = FAILED, f"{where} does not answer", "start the node: systemctl start mome-node"
    else:
        if is_loopback(here.host):
            level, message, hint = ADVICE, f"{where} answers", 'scanners cannot reach it: dicom.host = "0.0.0.0"'
    return Finding(Check.LISTENER, "listener", level, message, hint)


def check_disk_space(root: Path) -> Finding:
    """Room for what arrives."""
    free = shutil.disk_usage(root if root.exists() else root.parent).free / 2**30
    level, hint = (FAILED, "add space, or set retention.days") if free < _ENOUGH_FREE_GIB else (OK, "")
    return Finding(Check.DISK_SPACE, "disk", level, f"{free:.0f} GiB free in {root}", hint)


def check_disk_flush(root: Path) -> Finding:
    """How long a durable write takes: every image waits for one."""
    archive, times = Archive(root), []
    for _ in range(10):
        path = archive.temporary_path().with_suffix(".doctor")
        started = time.perf_counter()
        write_durably(archive.temporary_path(), path, os.urandom(4096))
        times.append(1000 * (time.perf_counter() - started))
        path.unlink()
    level, hint = OK, ""
    if median(times) > _SLOW_FLUSH_MS:
        level, hint = ADVICE, "reception is slow: use an SSD, or a controller with a battery"
    return Finding(Check.DISK_FLUSH, "disk flush", level, f"a durable write takes {median(times):.1f} ms", hint)


def _check_database(url: str) -> Finding:
    """Whether the ledger's database can be used."""
    try:
        counts = Ledger(url).reading.counts()
    except NodeError as error:
        return Finding(Check.DATABASE, "database", FAILED, str(error), "see docs/operate.md#postgresql")
    return Finding(Check.DATABASE, "database", OK, f"answers; {sum(counts.values())} studies")


def check_clock(settings: Settings) -> Finding:
    """Whether the clock is synchronised, and agrees with that of the database."""
    if not settings.is_sqlite:
        skew = Overview(Ledger(settings.database_url).engine).clock() - time.time()
        if abs(skew) > _LARGEST_SKEW_SECONDS:
            message = f"{skew:+.0f} s off the database's"
            return Finding(Check.CLOCK, "clock", FAILED, message, "run NTP (chrony) on both machines")
    program = shutil.which("timedatectl")
    command = [program or "", "show", "--property=NTPSynchronized", "--value"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() if program else ""
    if answer == "yes":
        return Finding(Check.CLOCK, "clock", OK, "kept by NTP")
    if answer == "no":
        hint = "install chrony: the times of results stay in the PACS"
        return Finding(Check.CLOCK, "clock", ADVICE, "not kept by NTP", hint)
    return Finding(Check.CLOCK, "clock", UNKNOWN, "this system does not say", "make sure that NTP (chrony) runs")


def check_gpu(device: str) -> Finding:
    """What the model runs on, for the `device` of the settings."""
    if cards := graphics_cards():
        return Finding(Check.GPU, "GPU", OK, "; ".join(cards))
    if not has_device(device):
        hint = 'model.device needs one: install the driver, or set device = "cpu"'
        return Finding(Check.GPU, "GPU", FAILED, "none", hint)
    message = f"none; {os.cpu_count()} processors"
    return Finding(Check.GPU, "GPU", ADVICE, message, "below is how long a study takes on these")


def check_device_time(settings: Settings) -> Finding:
    """How long the device works on a study, as it was measured by a self-test."""
    try:
        found = remembered_times(settings)
    except (NodeError, MomeError) as error:
        return Finding(Check.DEVICE_TIME, "device time", FAILED, str(error), "see: mome-node check")
    if not found:
        return Finding(Check.DEVICE_TIME, "device time", UNKNOWN, "not measured yet", "measure it: mome-node check")
    return Finding(Check.DEVICE_TIME, "device time", OK, "; ".join(map(str, found)))


def check_senders(database_url: str) -> Finding:
    """Whether a sender waits 40 ms for each image: it has Nagle's algorithm on and our acknowledgement is delayed."""
    slow = []
    for caller, pauses in Overview(Ledger(database_url).engine).pauses().items():
        if len(pauses) >= _FEWEST_PAUSES and _DELAYED_ACK_SECONDS[0] <= median(pauses) <= _DELAYED_ACK_SECONDS[1]:
            slow.append(f"{caller} ({1000 * median(pauses):.0f} ms)")
    if slow:
        hint = "they wait for delayed acknowledgements: set TCP_NODELAY there (DCMTK: environment TCP_NODELAY=1)"
        return Finding(Check.SENDERS, "senders", ADVICE, ", ".join(slow), hint)
    return Finding(Check.SENDERS, "senders", OK, "none waits for delayed acknowledgements")


def check_callers(settings: Settings) -> Finding:
    """Whether somebody was turned away in the last day whom the settings still keep out; the remedy for the newest."""
    admission, since = Admission(settings.dicom, settings.destinations), time.time() - _LAST_DAY_SECONDS
    kept_out = [
        each.fields
        for each in Overview(Ledger(settings.database_url).engine).rejections()
        if each.at >= since
        and each.fields.reason in (ReasonCode.CALLING_UNKNOWN, ReasonCode.ADDRESS_UNKNOWN)
        and each.fields.calling_ae_title != settings.dicom.ae_title
        and admission.refusal(Peer(each.fields.calling_ae_title, settings.dicom.ae_title, each.fields.address))
    ]
    if not kept_out:
        return Finding(Check.CALLERS, "callers", OK, "nobody was turned away in the last day")
    newest = kept_out[0]
    names = ", ".join(dict.fromkeys(f"{each.calling_ae_title or 'somebody'} at {each.address}" for each in kept_out))
    message = f"turned away in the last day, by dicom.callers or dicom.networks: {names}"
    hint = f"if it may send: {command_to_allow(newest)}"
    return Finding(Check.CALLERS, "callers", ADVICE, message, hint)
