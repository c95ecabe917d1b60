"""Examines what a node needs from its surroundings, line by line, and says what to do about what is wrong.

Nothing here changes anything, but for the phantom: that is a whole study of a patient who does not exist, sent through
the real listener and looked for in the PACS afterwards.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import median

from dicom_io.headers.read import read_series_headers
from dicom_io.network.probe import accepted_classes, series_descriptions
from dicom_io.network.scu import PeerUnreachable, RemoteAE, echo, send
from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.spec import PhantomSpec, Size
from dicom_io.phantom.vendors import write_study
from node.errors import NodeError
from node.identity import graphics_cards
from node.settings import Destination, Settings, is_loopback
from node.states import FINAL, StudyState
from node.storage.archive import Archive, write_durably
from node.storage.ledger import Ledger
from node.storage.overview import Overview
from sr_templates.kinds import DEFAULT_KINDS, Kind

SLOW_FLUSH_MS = 20.0
ENOUGH_FREE_GIB = 20.0
LARGEST_SKEW_SECONDS = 5.0
DELAYED_ACK_SECONDS = (0.035, 0.060)  # a sender that waits for delayed acknowledgements pauses 40 ms for each image
PHANTOM_SECONDS = 600.0


class Verdict(StrEnum):
    """How one examination ended. UNKNOWN: it could not be carried out here."""

    WELL = "ok"
    ADVICE = "advice"
    ILL = "FAILED"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was examined, how it is, and what to do when it is not well."""

    name: str
    verdict: Verdict
    found: str
    do: str = ""


def examine(settings: Settings, *, with_phantom: bool = False) -> Iterator[Finding]:
    """Every examination, in the order in which faults explain each other."""
    yield from our_ae_title(settings)
    yield our_port(settings)
    yield disk(settings)
    yield flush(settings)
    yield clock(settings)
    yield processor(settings)
    if not settings.destinations:
        yield Finding("destinations", Verdict.ADVICE, "none", "add a [[destinations]] section: results stay here")
    for each in settings.destinations:
        yield from destination(settings, each)
    yield senders(settings)
    if with_phantom:
        yield from phantom(settings)


def our_ae_title(settings: Settings) -> Iterator[Finding]:
    """The name that we are called by."""
    title = settings.dicom.ae_title
    if title != title.upper():
        yield Finding(
            "AE title", Verdict.ADVICE, title, "AE titles are compared with case; most sites use capitals only"
        )
    elif any(each.ae_title == title for each in settings.destinations):
        yield Finding("AE title", Verdict.ILL, title, "a destination has the same AE title: give this node its own")
    else:
        yield Finding("AE title", Verdict.WELL, title)


def our_port(settings: Settings) -> Finding:
    """Whether somebody listens on our port, and whether scanners can reach it."""
    here = settings.dicom
    where = f"{here.host} port {here.port}"
    try:
        seconds = echo(here.ae_title, ourselves(settings))
    except PeerUnreachable as error:
        if "rejected" in str(error):
            return Finding("listener", Verdict.WELL, f"{where} answers (and rejects {here.ae_title}, as it should)")
        return Finding("listener", Verdict.ILL, f"{where} does not answer", "start the node: systemctl start mome-node")
    if is_loopback(here.host):
        return Finding(
            "listener", Verdict.ADVICE, f"{where} answers", 'scanners cannot reach it: dicom.host = "0.0.0.0"'
        )
    return Finding("listener", Verdict.WELL, f"{where} answers in {1000 * seconds:.0f} ms")


def ourselves(settings: Settings) -> RemoteAE:
    """Our own listener as a peer."""
    here = settings.dicom
    return RemoteAE(
        "this node",
        here.ae_title,
        here.address_from_here,
        here.port,
        tls=bool(here.certificate),
        authorities=here.certificate,
        check_name=False,
        certificate=here.certificate,
        key=here.key,
    )


def disk(settings: Settings) -> Finding:
    """Room for what arrives."""
    root = settings.storage.root
    free = shutil.disk_usage(root if root.exists() else root.parent).free / 2**30
    if free < ENOUGH_FREE_GIB:
        return Finding("disk", Verdict.ILL, f"{free:.0f} GiB free in {root}", "add space, or set retention.days")
    return Finding("disk", Verdict.WELL, f"{free:.0f} GiB free in {root}")


def flush(settings: Settings) -> Finding:
    """How long a durable write takes: every image waits for one."""
    archive, times = Archive(settings.storage.root), []
    for _ in range(10):
        path = archive.temporary_path().with_suffix(".doctor")
        started = time.perf_counter()
        write_durably(archive.temporary_path(), path, os.urandom(4096))
        times.append(1000 * (time.perf_counter() - started))
        path.unlink()
    found = f"a durable write takes {median(times):.1f} ms"
    if median(times) > SLOW_FLUSH_MS:
        return Finding(
            "disk flush", Verdict.ADVICE, found, "reception is slow: use an SSD, or a controller with a battery"
        )
    return Finding("disk flush", Verdict.WELL, found)


def clock(settings: Settings) -> Finding:
    """Whether the clock is kept right, and agrees with the database's."""
    if not settings.is_sqlite:
        skew = Overview(Ledger(settings.database_url).engine).clock() - time.time()
        if abs(skew) > LARGEST_SKEW_SECONDS:
            return Finding(
                "clock", Verdict.ILL, f"{skew:+.0f} s off the database's", "run NTP (chrony) on both machines"
            )
    program = shutil.which("timedatectl")
    command = [program or "", "show", "--property=NTPSynchronized", "--value"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() if program else ""
    if told == "yes":
        return Finding("clock", Verdict.WELL, "kept by NTP")
    if told == "no":
        return Finding(
            "clock", Verdict.ADVICE, "not kept by NTP", "install chrony: result times are in the PACS for ever"
        )
    return Finding("clock", Verdict.UNKNOWN, "this system does not say", "make sure that NTP (chrony) runs")


def processor(settings: Settings) -> Finding:
    """What the model runs on."""
    if cards := graphics_cards():
        return Finding("GPU", Verdict.WELL, "; ".join(cards))
    if settings.model.device.startswith("cuda"):
        return Finding("GPU", Verdict.ILL, "none", 'model.device wants one: install the driver, or set device = "cpu"')
    return Finding(
        "GPU", Verdict.ADVICE, f"none; {os.cpu_count()} processors", "a study takes a minute or more on these"
    )


def destination(settings: Settings, each: Destination) -> Iterator[Finding]:
    """One PACS: its port, its answer to a C-ECHO, and the classes that it takes."""
    name = each.name
    try:
        socket.create_connection((each.host, each.port), timeout=5).close()
    except OSError as error:
        do = "check host and port, and the firewalls between; is the PACS running?"
        yield Finding(
            f"{name}: port", Verdict.ILL, f"{each.host} port {each.port}: {error.strerror or 'no answer'}", do
        )
        return
    try:
        seconds = echo(settings.dicom.ae_title, each)
    except PeerUnreachable as error:
        do = f"add AE title {settings.dicom.ae_title} with this machine's address to the PACS; check {each.ae_title}"
        yield Finding(f"{name}: echo", Verdict.ILL, str(error), do)
        return
    yield Finding(f"{name}: echo", Verdict.WELL, f"answers in {1000 * seconds:.0f} ms")
    wanted = [Kind(kind) for kind in each.kinds] or sorted(DEFAULT_KINDS)
    taken = accepted_classes(settings.dicom.ae_title, each, sorted({str(kind.label.sop_class) for kind in wanted}))
    for kind in wanted:
        said = kind.label.sop_class.name
        if str(kind.label.sop_class) in taken:
            yield Finding(f"{name}: {kind}", Verdict.WELL, said)
        else:
            do = f"the {kind} stays out of this PACS: allow {said} there, or leave it out of this destination's kinds"
            yield Finding(f"{name}: {kind}", Verdict.ADVICE, f"{said} is not accepted", do)


def senders(settings: Settings) -> Finding:
    """A sender that waits 40 ms for each image has Nagle's algorithm on and our acknowledgement delayed."""
    slow = []
    for caller, pauses in Overview(Ledger(settings.database_url).engine).pauses().items():
        if len(pauses) >= 20 and DELAYED_ACK_SECONDS[0] <= median(pauses) <= DELAYED_ACK_SECONDS[1]:
            slow.append(f"{caller} ({1000 * median(pauses):.0f} ms)")
    if slow:
        do = "these senders wait for delayed acknowledgements: set TCP_NODELAY there (DCMTK: environment TCP_NODELAY=1)"
        return Finding("senders", Verdict.ADVICE, ", ".join(slow), do)
    return Finding("senders", Verdict.WELL, "none waits for delayed acknowledgements")


def phantom(settings: Settings) -> Iterator[Finding]:
    """A study of nobody through the whole node, and its results looked for in every PACS."""
    with tempfile.TemporaryDirectory() as name:
        paths = write_study(
            simulate(PhantomSpec(seed=int(time.time()) % 100_000, size=Size.SMALL)), "siemens", None, Path(name)
        )
        uid = read_series_headers(paths[:1])[0].study_uid
        yield sent(settings, paths)
    outcome = wait_for(lambda: answered(settings, uid))
    if outcome is not StudyState.DELIVERED:
        yield Finding("phantom: answer", Verdict.ILL, str(outcome or "none in time"), f"mome-node studies show {uid}")
        return
    yield Finding("phantom: answer", Verdict.WELL, "analysed and delivered")
    for each in settings.destinations:
        yield found_back(settings, each, uid)


def sent(settings: Settings, paths: list[Path]) -> Finding:
    """Send the phantom to our own listener, as a scanner would."""
    here = settings.dicom
    caller = here.callers[0] if here.callers else "DOCTOR"
    try:
        answers = list(send(caller, ourselves(settings), paths))
    except PeerUnreachable as error:
        return Finding(
            "phantom: sent", Verdict.ILL, str(error), "start the node, and allow this machine in dicom.networks"
        )
    kept = sum(each.kept for each in answers)
    verdict = Verdict.WELL if kept == len(paths) else Verdict.ILL
    return Finding(
        "phantom: sent", verdict, f"{kept} of {len(paths)} instances kept", "" if kept == len(paths) else "see the log"
    )


def answered(settings: Settings, uid: str) -> StudyState | None:
    """The study's state, once it is final."""
    try:
        detail = Ledger(settings.database_url).study(uid)
    except (LookupError, NodeError):
        return None
    return detail.study.state if detail.study.state in FINAL else None


def wait_for(look: Callable[[], StudyState | None]) -> StudyState | None:
    """What it finds, or None after the longest time."""
    deadline = time.monotonic() + PHANTOM_SECONDS
    while time.monotonic() < deadline:
        if (seen := look()) is not None:
            return seen
        time.sleep(1.0)
    return None


def found_back(settings: Settings, pacs: Destination, uid: str) -> Finding:
    """Whether a PACS says that it holds our result series."""
    name = f"{pacs.name}: results"
    try:
        ours = [each for each in series_descriptions(settings.dicom.ae_title, pacs, uid) if each.startswith("AI ")]
    except PeerUnreachable as error:
        return Finding(name, Verdict.UNKNOWN, str(error), "look for the patient PHANTOM in the PACS yourself")
    if not ours:
        return Finding(
            name,
            Verdict.ILL,
            "the PACS shows none of them",
            "it answered success and shows nothing: ask its administrator",
        )
    return Finding(name, Verdict.WELL, f"{len(ours)} series found by query: {', '.join(sorted(ours))}")
