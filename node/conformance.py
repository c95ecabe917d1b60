"""The DICOM conformance statement, generated from the tables that the code itself uses.

The prose is in conformance_template.md; the result is docs/conformance.md.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from dicom_io.encoding.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_io.network.acceptor import AcceptorLimits
from dicom_io.network.contexts import LOSSLESS, NATIVE, acceptor_contexts
from dicom_io.network.dimse import (
    CANNOT_UNDERSTAND,
    NO_SUCH_OPERATION,
    NOT_AUTHORIZED,
    NOT_SUPPORTED,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    SUCCESS,
    WARNINGS,
)
from dicom_io.network.negotiation import MOST_CONTEXTS, MOST_TRANSFER_SYNTAXES, MOST_USER_ITEMS
from dicom_io.network.remote import Timeouts
from dicom_io.network.service import (
    ADDRESS_HAS_TOO_MANY,
    ADDRESS_UNKNOWN,
    ALL_SLOTS_TAKEN,
    CALLED_UNKNOWN,
    CALLER_HAS_TOO_MANY,
    CALLING_UNKNOWN,
    CERTIFICATE_OF_ANOTHER,
    NOT_DICOM,
)
from dicom_io.network.tls import hardened
from dicom_io.network.upper_layer import LARGEST_REQUEST
from node.dashboard.stow import SYNTAX_NOT_SUPPORTED
from node.dicom_settings import DicomSettings
from node.jobs import RetryPolicy
from node.service.delivery import COMMITMENT_PATIENCE_SECONDS, TRY_LATER
from node.service.storage_service import DUPLICATE_SOP_INSTANCE, NO_SUCH_ACTION
from sr_templates.dicom import codes
from sr_templates.kinds import DEFAULT_KINDS, Kind

_TEMPLATE = Path(__file__).parent / "conformance_template.md"
VERIFICATION, COMMITMENT = "1.2.840.10008.1.1", "1.2.840.10008.1.20.1"
_FIND = ("Study Root Query/Retrieve Information Model - FIND", "1.2.840.10008.5.1.4.1.2.2.1")
_GET = ("Study Root Query/Retrieve Information Model - GET", "1.2.840.10008.5.1.4.1.2.2.3")
_INPUTS = (
    ("MR Image Storage", "1.2.840.10008.5.1.4.1.1.4"),
    ("Enhanced MR Image Storage", "1.2.840.10008.5.1.4.1.1.4.1"),
    ("Legacy Converted Enhanced MR Image Storage", "1.2.840.10008.5.1.4.1.1.4.4"),
)


def statement() -> str:
    """The statement in Markdown."""
    dicom = DicomSettings()
    return _TEMPLATE.read_text("utf-8").format(
        version=version("mome-node"),
        ae_title=dicom.ae_title,
        port=dicom.port,
        host=dicom.host,
        inputs=", ".join(name for name, _ in _INPUTS),
        scheme=f"{codes.PRIVATE_SCHEME} version {codes.PRIVATE_SCHEME_VERSION}",
        services=_table(("Service", "SOP class UID", "SCU", "SCP"), _services()),
        web_services=_table(("Web service", "User agent", "Origin server"), _web_services()),
        web_statuses=_table(("Reason", "Meaning"), _web_statuses()),
        transfer_syntaxes=_table(("Transfer syntax", "UID", "Receives", "Creates"), _transfer_syntaxes()),
        ciphers="\n".join(f"- {each}" for each in _ciphers()),
        acceptor=_table(("Property", "Value"), _acceptor(dicom)),
        rejections=_table(("Result", "Source", "Reason", "Meaning"), _rejections()),
        store_statuses=_table(("Status", "Meaning", "Sender's action"), _store_statuses()),
        commitment_statuses=_table(("Status", "Meaning"), _commitment_statuses()),
        contexts=_table(("SOP class", "UID", "Role"), _contexts()),
        initiator=_table(("Property", "Value"), _initiator()),
        answers=_table(("Status", "What the node does"), _answers()),
        objects=_table(("Series", "Kind", "Series description", "Modality", "SOP class", "UID", "When"), _objects()),
        private_codes=_table(("Code", "Meaning"), _private_codes()),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)]) + "\n"


def _services() -> list[tuple[str, str, str, str]]:
    """Services and roles."""
    received = len(acceptor_contexts()) - 2  # beside Verification and Storage Commitment
    created = len({kind.label.sop_class for kind in Kind})
    return [
        ("Verification", VERIFICATION, "yes", "yes"),
        (f"Storage ({received} classes received, {created} created)", "sections 4.4 and 7", "yes", "yes"),
        ("Storage Commitment Push Model", COMMITMENT, "yes", "yes"),
        (*_FIND, "by `mome-node doctor --phantom`, and with `results.priors_from`", "no"),
        (*_GET, "with `results.priors_from` only: reports and key objects", "no"),
    ]


def _web_services() -> list[tuple[str, str, str]]:
    """Web services and roles."""
    return [
        ("Studies service, store (STOW-RS)", "yes, configurable", "yes, configurable"),
        ("Worklist service (UPS-RS)", "yes, configurable, as performer by polling", "no"),
    ]


def _web_statuses() -> list[tuple[str, str]]:
    """Failure reasons of STOW-RS."""
    return [
        (f"{DUPLICATE_SOP_INSTANCE:04X}", "UID known with other content: both kept, study not analysed"),
        (f"{OUT_OF_RESOURCES:04X}", "disk nearly full, object too large, or database unavailable"),
        (f"{CANNOT_UNDERSTAND:04X}", "not a whole DICOM file, or not of the study in the address"),
        (f"{SYNTAX_NOT_SUPPORTED:04X}", "transfer syntax is not accepted"),
    ]


def _transfer_syntaxes() -> list[tuple[str, str, str, str]]:
    """Transfer syntaxes that are received and created."""
    return [(each.name, str(each), "yes", "yes" if each in NATIVE else "no") for each in (*NATIVE, *LOSSLESS)]


def _acceptor(dicom: DicomSettings) -> list[tuple[str, str]]:
    """Properties of the association acceptor."""
    limits = AcceptorLimits()
    return [
        ("Application context", "1.2.840.10008.3.1.1.1"),
        ("Implementation class UID", IMPLEMENTATION_CLASS_UID),
        ("Implementation version name", IMPLEMENTATION_VERSION_NAME),
        ("Largest PDU received", f"{limits.pdu.largest_p_data} bytes, enforced"),
        ("Largest association request", f"{LARGEST_REQUEST} bytes"),
        (
            "Presentation contexts of a request",
            f"{MOST_CONTEXTS}, together {MOST_TRANSFER_SYNTAXES} transfer syntaxes",
        ),
        ("User items of a request", f"{MOST_USER_ITEMS}"),
        ("Associations at once", f"{dicom.associations}, configurable"),
        ("Associations of one calling AE title", f"{dicom.associations_per_caller}, configurable"),
        ("Associations of one address", f"{dicom.associations_per_address}, configurable"),
        ("TLS", "BCP 195 profile, configurable; section 10"),
        ("Asynchronous operations", "not supported"),
        ("First PDU within", f"{limits.pdu.first_pdu_seconds:g} s"),
        ("A PDU within", f"{limits.pdu.pdu_seconds:g} s from its first byte"),
        ("Idle association ended after", f"{limits.pdu.idle_seconds:g} s"),
        ("Least rate of a message", f"{limits.pdu.least_rate} bytes a second, over {limits.pdu.rate_seconds:g} s"),
        ("Largest object", f"{dicom.max_object_mib} MiB, configurable"),
    ]


def _ciphers() -> list[str]:
    """Cipher suites of TLS 1.2, by OpenSSL's names."""
    offered = hardened(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)).get_ciphers()
    return [each["name"] for each in offered if each["protocol"] == "TLSv1.2"]


def _rejections() -> list[tuple[int, int, int, str]]:
    """Rejections of an association."""
    known = (
        *(CALLING_UNKNOWN, ADDRESS_UNKNOWN, CERTIFICATE_OF_ANOTHER, CALLED_UNKNOWN, NOT_DICOM),
        *(ALL_SLOTS_TAKEN, CALLER_HAS_TOO_MANY, ADDRESS_HAS_TOO_MANY),
    )
    return [(each.result, each.source, each.reason, each.words) for each in known]


def _store_statuses() -> list[tuple[str, str, str]]:
    """Status codes of C-STORE responses."""
    return [
        (f"{SUCCESS:04X}", "stored durably, or already stored with the same content", "no action"),
        (f"{OUT_OF_RESOURCES:04X}", "disk nearly full, object too large, or database unavailable", "retry later"),
        (f"{CANNOT_UNDERSTAND:04X}", "data set incomplete, or not the one announced", "correct the object"),
        (
            f"{DUPLICATE_SOP_INSTANCE:04X}",
            "UID known with other content: both kept, study not analysed",
            "correct the UID",
        ),
        (f"{NOT_SUPPORTED:04X}", "SOP class is not that of the presentation context", "correct the context"),
        (
            f"{NOT_AUTHORIZED:04X}",
            "destination that is no caller, outside a C-MOVE of ours",
            "name it in dicom.callers",
        ),
        (f"{NO_SUCH_OPERATION:04X}", "operation not supported by this service", "correct the request"),
    ]


def _commitment_statuses() -> list[tuple[str, str]]:
    """Status codes of responses to commitment requests and reports."""
    return [
        (f"{SUCCESS:04X}", "accepted"),
        (f"{PROCESSING_FAILURE:04X}", "not readable, or a report without an open transaction of this peer"),
        (f"{NO_SUCH_ACTION:04X}", "action type other than 1"),
    ]


def _contexts() -> list[tuple[str, str, str]]:
    """Abstract syntaxes that are accepted."""
    inputs = {uid for _, uid in _INPUTS}
    rows = []
    for each in acceptor_contexts():
        uid = each.abstract_syntax
        if uid is not None:
            name = f"**{uid.name}**" if str(uid) in inputs else uid.name
            rows.append((name, str(uid), "SCU and SCP" if str(uid) == COMMITMENT else "SCP"))
    return rows


def _initiator() -> list[tuple[str, str]]:
    """Properties of the association requestor."""
    times = Timeouts()
    return [
        ("Connection within", f"{times.connect:g} s"),
        ("Association within", f"{times.association:g} s"),
        ("Answer to a message within", f"{times.message:g} s"),
        ("Associations at once", "one per destination"),
        (
            "Commitment report awaited",
            f"{COMMITMENT_PATIENCE_SECONDS:g} s, then it is requested again; what is not committed is sent again",
        ),
    ]


def _answers() -> list[tuple[str, str]]:
    """Status codes of C-STORE responses, and what the node does."""
    retry = RetryPolicy()
    later = ", ".join(f"{each:04X}" for each in sorted(TRY_LATER) if each < OUT_OF_RESOURCES)
    return [
        (f"{SUCCESS:04X}", "stored"),
        (", ".join(f"{each:04X}" for each in sorted(WARNINGS)), "stored, with a warning"),
        (f"{later}, A7xx", f"retried indefinitely, after {retry.first_seconds:g} to {retry.longest_seconds:g} s"),
        (f"{NOT_SUPPORTED:04X}, or no context", "this object is not delivered, the others are"),
        ("any other", f"{retry.refusals} attempts, then a failed job for the operator"),
        ("no association", "retried indefinitely"),
    ]


def _objects() -> list[tuple[object, ...]]:
    """Result objects that are created."""
    rows: list[tuple[object, ...]] = []
    for kind in sorted(Kind, key=lambda kind: kind.label.number):
        line, when = kind.label, "default" if kind in DEFAULT_KINDS else "on request"
        rows.append((line.number, kind, line.description, line.modality, line.sop_class.name, line.sop_class, when))
    return rows


def _private_codes() -> list[tuple[str, str]]:
    """Private codes, for concepts that PS3.16 lacks."""
    ours = [each for each in vars(codes).values() if getattr(each, "scheme_designator", "") == codes.PRIVATE_SCHEME]
    return sorted({(each.value, each.meaning) for each in ours})
