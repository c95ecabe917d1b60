"""What to change when the way to a destination ends: the line of the settings, or a word to its administrator."""

from __future__ import annotations

import shlex

from dicom_io.errors import PeerFault, PeerUnreachable
from node.audit import AuditFields
from node.reasons import Reason, ReasonCode
from node.settings_sections import Destination

_STATUS_WORDS = {  # statuses of a C-STORE, or their high byte (PS3.4 B.2.3, PS3.7 annex C)
    0xA7: "out of resources",
    0xA9: "data set does not match the SOP class",
    0x0110: "processing failure",
    0x0111: "duplicate SOP instance",
    0x0117: "invalid SOP instance",
    0x0122: "SOP class not supported",
    0x0124: "not authorised",
    0x0213: "resource limitation",
}
_CANNOT_UNDERSTAND = 0xC
_REMEDIES = {
    PeerFault.HOST_UNKNOWN: "check {place} of {section}, and the name service (DNS) of this machine",
    PeerFault.HOST_SILENT: "check {place} of {section}, and the firewalls between; is it switched on?",
    PeerFault.PORT_CLOSED: "check {place} of {section}; is {name} running?",
    PeerFault.TLS_FILES: "check authorities, certificate and key of {section}",
    PeerFault.TLS_UNTRUSTED: "authorities of {section} must hold who signed its certificate, and that must name its "
    "host (check_name)",
    PeerFault.TLS_FAILED: "does {name} speak TLS on that port (if not: tls = false in {section}), and does it trust "
    "our certificate?",
    PeerFault.TLS_EXPECTED: "set tls = true and authorities in {section}",
    PeerFault.CALLED_TITLE: '{name} goes by another name than ae_title = "{title}" of {section}: ask its administrator',
    PeerFault.CALLING_TITLE: "{name} does not know us: its administrator must add AE title {ours} with this machine's "
    "address; if it knows us by another name, that is dicom.ae_title",
    PeerFault.BUSY: "{name} has as many associations open as it allows; it is tried again",
    PeerFault.REJECTED: "ask the administrator of {name} why it rejects {ours}",
    PeerFault.NO_ANSWER: "is {name} overloaded, and is {place} of {section} its DICOM port?",
    PeerFault.NOT_DICOM: "check {place} of {section}: what answers there is no DICOM service",
    PeerFault.ENDED: "the log of {name} says why; does its port want TLS (tls = true in {section})?",
    PeerFault.CLASS_REFUSED: "its administrator must allow that service for {ours}",
    PeerFault.REQUEST_FAILED: "the log of {name} says why",
    PeerFault.WEB_UNAUTHORIZED: "check web_token_file of {section}: {name} wants a token that it knows",
    PeerFault.WEB_NOT_FOUND: 'check web = "{web}" of {section}: it is what stands before /studies',
    PeerFault.WEB_FAILED: "the log of {name} says why",
}


def remedy_for(fault: PeerFault, to: Destination, our_ae_title: str) -> str:
    """What to change for this fault on the way to a destination."""
    return _REMEDIES[fault].format(
        name=to.name,
        section=section_of(to),
        place=f'web = "{to.web}"' if to.web else f'host = "{to.host}" and port = {to.port}',
        title=to.ae_title,
        ours=our_ae_title,
        web=to.web,
    )


_CALLER_NOT_ALLOWED = frozenset((ReasonCode.CALLING_UNKNOWN, ReasonCode.ADDRESS_UNKNOWN, ReasonCode.NOT_A_CALLER))


def reason_for(error: PeerUnreachable, to: Destination, our_ae_title: str) -> Reason:
    """Why a destination is not reached, and what to change, in one sentence."""
    return Reason(error.fault, f"{error}; {remedy_for(error.fault, to, our_ae_title)}")


def section_of(to: Destination) -> str:
    """Where the settings name a destination."""
    return f'[[destinations]] "{to.name}"'


def command_to_allow(rejected: AuditFields) -> str:
    """The command that lets a rejected caller send to this node; empty when the caller is not what was wrong."""
    if rejected.reason not in _CALLER_NOT_ALLOWED:
        return ""
    caller = f" {shlex.quote(rejected.calling_ae_title)}" if rejected.calling_ae_title else ""
    return f"mome-node peers allow{caller} --address {shlex.quote(rejected.address)}"


def status_words(status: int) -> str:
    """A DIMSE status as messages give it, e.g. "A700: out of resources"."""
    words = _STATUS_WORDS.get(status) or _STATUS_WORDS.get(status >> 8, "")
    if not words:
        words = "cannot understand" if status >> 12 == _CANNOT_UNDERSTAND else "a status that is not standard"
    return f"{status:04X}: {words}"


def refusal_remedy(to: Destination, *, full: bool, classes: bool) -> str:
    """What to do about a destination that answers C-STORE with a failure: for want of room, for the class, or else."""
    if full:
        return (
            f"{to.name} has no room or no other resource left: see its disk and its log; it is tried again until it has"
        )
    if classes:
        return f"its administrator must allow those SOP classes, or kinds of {section_of(to)} must not name them"
    return f"the log of {to.name} says why"
