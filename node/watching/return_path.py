"""The way back from a destination: whether it can report storage commitment to us, tried with a real report."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

from dicom_io.errors import PeerFault, PeerUnreachable
from dicom_io.network.commitment import new_transaction_uid, request_commitment
from node.admission import Admission
from node.audit import AuditEvent
from node.dicom_settings import DicomSettings
from node.errors import NotReady
from node.reasons import Reason, ReasonCode
from node.remedies import remedy_for, section_of
from node.settings import Settings
from node.settings_sections import Destination, is_loopback
from node.storage.destination_history import DestinationHistory, ReturnedReport
from node.storage.ledger.ledger import Ledger
from node.storage.records import AuditRecord
from node.watching.findings import Finding, FindingLevel
from node.watching.own_listener import is_listening
from node.watching.return_listener import listening_for_reports
from sr_templates.kinds import Kind

_ID = "destination-return"
_REPORT_SECONDS = 20.0
_LOOK_SECONDS = 0.2
_TOO_MANY = (ReasonCode.ALL_SLOTS_TAKEN, ReasonCode.CALLER_HAS_TOO_MANY, ReasonCode.ADDRESS_HAS_TOO_MANY)
_NO_REPORT = (ReasonCode.NOT_A_CALLER, ReasonCode.DRAINING)  # who wanted to send: destinations may report meanwhile


def turned_away_by_us(calls: Iterable[AuditRecord], to: Destination, admission: Admission) -> Reason | None:
    """Why this node has turned a destination's report away, and the setting to change; None when it has not.

    Parameters
    ----------
    calls
        Associations and reports that were refused, newest first.
    """
    addresses = addresses_of(to.host)
    for each in calls:
        fields = each.fields
        by_name, by_address = fields.calling_ae_title == to.ae_title, fields.address in addresses
        if each.event is AuditEvent.FORGED_REPORT and by_name:
            continue  # a report that nobody asked for, under the right name
        if fields.reason in _NO_REPORT:
            continue
        if by_name or by_address:
            whom = " at ".join(each for each in (fields.calling_ae_title, fields.address) if each)
            remedy = _remedy(each, to, admission)
            words = f"{to.name} called back ({whom}) and this node turned it away: {remedy}"
            return Reason(ReasonCode.REPORT_REJECTED, words)
    return None


def _remedy(call: AuditRecord, to: Destination, admission: Admission) -> str:
    """The setting behind the refusal of one call."""
    fields, dicom = call.fields, admission.dicom
    if fields.reason is ReasonCode.CALLED_UNKNOWN:
        return (
            f"it calls us {fields.called_ae_title}; its entry for us must say {dicom.ae_title} "
            "(or set dicom.check_called_ae_title = false)"
        )
    if fields.reason in _TOO_MANY:
        return "too many associations are open: dicom.associations, associations_per_caller, associations_per_address"
    if not admission.allows_address(fields.address):
        return f"add {fields.address} to dicom.networks"
    if fields.reason is ReasonCode.CERTIFICATE_OF_ANOTHER:
        return f"set the certificate of {fields.calling_ae_title} in dicom.certificates"
    if fields.calling_ae_title and fields.calling_ae_title != to.ae_title:
        return f'that is its AE title: set ae_title = "{fields.calling_ae_title}" in {section_of(to)}'
    return "the settings in force allow it now: reload the node"


def awaited_words(to: Destination, dicom: DicomSettings) -> str:
    """What a destination needs in order to report to us."""
    if is_loopback(dicom.host) and not addresses_of(to.host) <= {"127.0.0.1", "::1"}:
        return f'it cannot reach us: dicom.host = "{dicom.host}" is this machine alone; set "0.0.0.0"'
    secured = ", over TLS only" if dicom.certificate else ""
    return (
        f"it reports on an association of its own: it must know AE title {dicom.ae_title} at this machine's address, "
        f"port {dicom.port}{secured}, and no firewall may stand between"
    )


def addresses_of(host: str) -> frozenset[str]:
    """The IP addresses of a host; none when its name is not known."""
    try:
        return frozenset(str(each[4][0]) for each in socket.getaddrinfo(host, None))
    except (OSError, UnicodeError):
        return frozenset()


def check_return_path(settings: Settings, to: Destination, seconds: float = _REPORT_SECONDS) -> Finding:
    """Ask a destination to commit itself to an instance that it does not have, and wait for its report.

    Nothing is left in the destination: its report says that the instance is not there.
    """
    name = f"{to.name}: return"
    try:
        found = _outside_networks(settings, to) or _tried(settings, to, seconds)
    except PeerUnreachable as error:
        hint = remedy_for(error.fault, to, settings.dicom.ae_title)
        if error.fault is PeerFault.CLASS_REFUSED:
            hint = no_commitment_words(to)
        return Finding(_ID, name, FindingLevel.FAILED, str(error), hint, subject=to.name)
    except NotReady as error:
        return Finding(_ID, name, FindingLevel.UNKNOWN, str(error), "free the port, or start the node", subject=to.name)
    level, message, hint = found
    return Finding(_ID, name, level, message, hint, subject=to.name)


def no_commitment_words(to: Destination) -> str:
    """What to do about a destination that does not offer storage commitment."""
    remedy = f"have it enabled there for us, or set commitment = false in {section_of(to)}"
    return f"{to.name} does not offer storage commitment: {remedy}"


_Found = tuple[FindingLevel, str, str]
"""Level, message and hint."""


def _outside_networks(settings: Settings, to: Destination) -> _Found | None:
    """A finding when the settings keep out every address of the destination."""
    addresses, admission = addresses_of(to.host), Admission(settings.dicom, settings.destinations)
    if not addresses or any(admission.allows_address(each) for each in addresses):
        return None
    shown = ", ".join(sorted(addresses, key=lambda each: ipaddress.ip_address(each).version))
    return FindingLevel.FAILED, f"dicom.networks keeps {to.name} out", f"add {shown} to dicom.networks"


def _tried(settings: Settings, to: Destination, seconds: float) -> _Found:
    """What became of one real request; raises PeerUnreachable and NotReady."""
    ledger, here = Ledger(settings.database_url), settings.dicom
    history, transaction, started = DestinationHistory(ledger.engine), new_transaction_uid(), time.time()
    absent = (str(Kind.SUMMARY.label.sop_class), new_transaction_uid())
    with _someone_listening(settings, ledger):
        history.begin_test(transaction, to.name, started)
        if request_commitment(here.ae_title, to, transaction, [absent]) is not None:
            return FindingLevel.OK, "reports storage commitment on our own association", ""
        report = _awaited_report(history, transaction, seconds)
    if report is not None:
        words = f"reported storage commitment after {report.at - started:.1f} s, as {report.calling_ae_title}"
        return FindingLevel.OK, words, ""
    refused = turned_away_by_us(history.turned_away(started), to, Admission(here, settings.destinations))
    if refused is not None:
        return FindingLevel.FAILED, "its report was turned away by this node", refused.words
    level = FindingLevel.ADVICE if history.has_reported(to.name) else FindingLevel.FAILED
    return level, f"took the request, and has not reported within {seconds:g} s", awaited_words(to, here)


def _awaited_report(history: DestinationHistory, transaction: str, seconds: float) -> ReturnedReport | None:
    """The report on a test, if it comes in time."""
    deadline, pause = time.monotonic() + seconds, _LOOK_SECONDS
    while (report := history.report(transaction)) is None and time.monotonic() < deadline:
        time.sleep(pause)
    return report


def _someone_listening(settings: Settings, ledger: Ledger) -> AbstractContextManager[None]:
    """Nothing while the node itself listens; else a listener for the time of the test. Raises NotReady."""
    return nullcontext() if is_listening(settings) else listening_for_reports(settings, ledger)
