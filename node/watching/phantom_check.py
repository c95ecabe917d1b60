"""A study of a patient who does not exist goes through the whole node, and its results are looked for in every PACS."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path

from dicom_io.errors import PeerUnreachable
from dicom_io.headers.read import read_series_headers
from dicom_io.network.probe import series_descriptions
from dicom_io.network.scu import send
from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.spec import PhantomSpec, Size
from dicom_io.phantom.vendors import write_study
from node.dicom_settings import DicomSettings
from node.errors import NodeError
from node.settings import Settings
from node.settings_sections import Destination
from node.states import FINAL, StudyState
from node.storage.ledger.ledger import Ledger
from node.watching.findings import Finding, FindingLevel
from node.watching.own_listener import own_listener

_PHANTOM_SECONDS = 600.0
OK, FAILED, UNKNOWN = FindingLevel.OK, FindingLevel.FAILED, FindingLevel.UNKNOWN


class PhantomStep(StrEnum):
    """A step of the phantom's way through the node."""

    SENT = "phantom-sent"
    ANALYSED = "phantom-analysed"
    RESULTS = "phantom-results"


def check_phantom(settings: Settings) -> Iterator[Finding]:
    """Send the phantom, wait until it is answered, and query each PACS for its results."""
    with tempfile.TemporaryDirectory() as name:
        phantom = simulate(PhantomSpec(seed=int(time.time()) % 100_000, size=Size.SMALL))
        paths = write_study(phantom, "siemens", None, Path(name))
        uid = read_series_headers(paths[:1])[0].study_uid
        yield send_phantom(settings.dicom, paths)
    outcome = _wait_for(lambda: final_state(settings.database_url, uid))
    if outcome is not StudyState.DELIVERED:
        message, hint = str(outcome or "none in time"), f"mome-node studies show {uid}"
        yield Finding(PhantomStep.ANALYSED, "phantom: answer", FAILED, message, hint)
        return
    yield Finding(PhantomStep.ANALYSED, "phantom: answer", OK, "analysed and delivered")
    for each in settings.destinations:
        yield find_results(settings.dicom.ae_title, each, uid)


def send_phantom(here: DicomSettings, paths: list[Path]) -> Finding:
    """Send the phantom to the own listener, as a scanner would."""
    caller = here.callers[0] if here.callers else "DOCTOR"
    try:
        responses = list(send(caller, own_listener(here), paths))
    except PeerUnreachable as error:
        hint = "start the node, and allow this machine in dicom.networks"
        return Finding(PhantomStep.SENT, "phantom: sent", FAILED, str(error), hint)
    kept = sum(each.kept for each in responses)
    level, hint = (OK, "") if kept == len(paths) else (FAILED, "see the log")
    return Finding(PhantomStep.SENT, "phantom: sent", level, f"{kept} of {len(paths)} instances kept", hint)


def final_state(database_url: str, uid: str) -> StudyState | None:
    """The study's state, once it is final."""
    try:
        detail = Ledger(database_url).reading.study(uid)
    except (LookupError, NodeError):
        return None
    return detail.study.state if detail.study.state in FINAL else None


def _wait_for(look: Callable[[], StudyState | None]) -> StudyState | None:
    """What it finds, or None after the longest time."""
    deadline = time.monotonic() + _PHANTOM_SECONDS
    while time.monotonic() < deadline:
        if (seen := look()) is not None:
            return seen
        time.sleep(1.0)
    return None


def find_results(calling_ae_title: str, pacs: Destination, uid: str) -> Finding:
    """Whether a PACS says that it holds our result series."""
    name = f"{pacs.name}: results"
    try:
        ours = [each for each in series_descriptions(calling_ae_title, pacs, uid) if each.startswith("AI ")]
    except PeerUnreachable as error:
        hint = "look for the patient PHANTOM in the PACS yourself"
        return Finding(PhantomStep.RESULTS, name, UNKNOWN, str(error), hint, subject=pacs.name)
    if not ours:
        hint = "it answered success and shows nothing: ask its administrator"
        return Finding(PhantomStep.RESULTS, name, FAILED, "the PACS shows none of them", hint, subject=pacs.name)
    message = f"{len(ours)} series found by query: {', '.join(sorted(ours))}"
    return Finding(PhantomStep.RESULTS, name, OK, message, subject=pacs.name)
