"""Examines one destination: whether it answers, what it takes, whether it can report back, how deliveries went."""

from __future__ import annotations

import time
from collections.abc import Iterator
from enum import StrEnum

from dicom_io.errors import PeerFault, PeerUnreachable
from dicom_io.network.probe import accepted_classes
from dicom_io.network.scu import echo
from dicom_io.network.stow import WebService, probe_web
from node.errors import SettingsError
from node.remedies import remedy_for
from node.settings import Settings
from node.settings_sections import Destination
from node.storage.destination_history import DestinationHistory
from node.storage.ledger.ledger import Ledger
from node.watching.findings import Finding, FindingLevel
from node.watching.return_path import check_return_path
from node.words import duration
from sr_templates.kinds import DEFAULT_KINDS, Kind

_BELOW_DICOM = (PeerFault.HOST_UNKNOWN, PeerFault.HOST_SILENT, PeerFault.PORT_CLOSED)
OK, ADVICE, FAILED = FindingLevel.OK, FindingLevel.ADVICE, FindingLevel.FAILED


class DestinationCheck(StrEnum):
    """What is examined of a destination."""

    PORT = "destination-port"
    ECHO = "destination-echo"
    CLASS = "destination-class"
    DELIVERIES = "destination-deliveries"


def reach(calling_ae_title: str, to: Destination) -> float:
    """Seconds until a destination answers by the service that results are sent to: C-ECHO, or an empty STOW-RS.

    Raises PeerUnreachable.
    """
    return probe_web(web_service_of(to)) if to.web else echo(calling_ae_title, to)


def web_service_of(to: Destination) -> WebService:
    """Where a destination takes results over the web; raises PeerUnreachable for a token that cannot be read."""
    try:
        return WebService(to.name, to.web, to.web_token, to.authorities)
    except SettingsError as error:
        raise PeerUnreachable(f"{to.name}: {error}", PeerFault.WEB_UNAUTHORIZED) from None


def check_destination(settings: Settings, to: Destination) -> Iterator[Finding]:
    """Every examination of one destination, in the order in which faults explain each other."""
    ours, name = settings.dicom.ae_title, f"{to.name}: echo"
    try:
        seconds = reach(ours, to)
    except PeerUnreachable as error:
        check = DestinationCheck.ECHO
        if error.fault in _BELOW_DICOM:
            check, name = DestinationCheck.PORT, f"{to.name}: port"
        yield Finding(check, name, FAILED, str(error), remedy_for(error.fault, to, ours), subject=to.name)
        return
    how = " by STOW-RS" if to.web else ""
    yield Finding(DestinationCheck.ECHO, name, OK, f"answers{how} in {1000 * seconds:.0f} ms", subject=to.name)
    if not to.web:
        yield from _check_classes(ours, to)
    if to.commitment:
        yield check_return_path(settings, to)
    yield from _check_deliveries(settings, to)


def _check_classes(calling_ae_title: str, to: Destination) -> Iterator[Finding]:
    """Whether a PACS accepts the SOP class of each kind of result that it is sent."""
    kinds = [Kind(kind) for kind in to.kinds] or sorted(DEFAULT_KINDS)
    sop_classes = sorted({str(kind.label.sop_class) for kind in kinds})
    accepted = accepted_classes(calling_ae_title, to, sop_classes)
    for kind in kinds:
        level, message, hint = OK, kind.label.sop_class.name, ""
        if str(kind.label.sop_class) not in accepted:
            hint = f"the {kind} stays out of {to.name}: allow {message} there, or omit it in this destination's kinds"
            level, message = ADVICE, f"{message} is not accepted"
        yield Finding(DestinationCheck.CLASS, f"{to.name}: {kind}", level, message, hint, subject=to.name)


def _check_deliveries(settings: Settings, to: Destination) -> Iterator[Finding]:
    """Why results wait for this destination, in the words of the delivery that has waited longest."""
    for each in DestinationHistory(Ledger(settings.database_url).engine).troubles():
        if each.destination == to.name:
            results = "1 result waits" if each.jobs == 1 else f"{each.jobs} results wait"
            message = f"{results}, the oldest for {duration(time.time() - each.since)}: {each.reason}"
            hint = "they are sent once that is mended; those given up: mome-node studies redeliver"
            name = f"{to.name}: deliveries"
            yield Finding(DestinationCheck.DELIVERIES, name, FAILED, message, hint, subject=to.name)
