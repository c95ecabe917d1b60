"""Storage commitment (PS3.4 annex J), both roles: ask a peer for it and read its report; report to a peer that asks."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.uid import UID, ImplicitVRLittleEndian, generate_uid
from pynetdicom import build_context
from pynetdicom.dsutils import decode, encode
from pynetdicom.sop_class import StorageCommitmentPushModel  # type: ignore[attr-defined]  # made at import

from dicom_io.errors import DicomError, PeerFault, PeerUnreachable
from dicom_io.network.dimse import NO_SUCH_OPERATION, PROCESSING_FAILURE, SUCCESS, Command, CommandElement, CommandField
from dicom_io.network.references import NotReferences, References, read_references, write_references
from dicom_io.network.remote import Remote, Timeouts, address_of
from dicom_io.network.requestor import ReceivedMessage, associate

_PUSH_MODEL = str(StorageCommitmentPushModel)
_PUSH_MODEL_INSTANCE = UID("1.2.840.10008.1.20.1.1")
REQUEST_COMMITMENT = 1
MOST_REFERENCES = 10_000  # instances of one request that are looked up
COMMITTED, COMMITTED_WITH_FAILURES = 1, 2
_NO_SUCH_OBJECT_INSTANCE = 0x0112
_SAME_ASSOCIATION_SECONDS = 1.0  # most archives report on a new association; a few at once on this one


class BadReport(DicomError):
    """A commitment report or request that cannot be read."""


class TooManyReferences(BadReport):
    """A request for more instances than are looked up at a time; the peer asks for them in parts."""


@dataclass(frozen=True, slots=True)
class CommitmentReport:
    """What the peer says about one transaction (PS3.4 table J.3-2)."""

    transaction_uid: str
    committed: tuple[str, ...]
    failed: tuple[str, ...]


def new_transaction_uid() -> str:
    """A new, unique transaction UID."""
    return str(generate_uid(prefix=None))


def request_commitment(
    calling_ae_title: str,
    remote: Remote,
    transaction_uid: str,
    instances: Sequence[tuple[str, str]],
    timeouts: Timeouts | None = None,
) -> CommitmentReport | None:
    """Request commitment for (SOP class, SOP instance) pairs; returns the report, or None when it will come later.

    Raises PeerUnreachable when the peer does not offer commitment (CLASS_REFUSED), or does not accept the request.
    """
    reports: list[CommitmentReport] = []

    def answer(message: ReceivedMessage, syntax: str) -> int:
        if message.command[CommandElement.COMMAND_FIELD] != CommandField.N_EVENT_REPORT_RQ:
            return NO_SUCH_OPERATION
        try:
            reports.append(decode_report(message.data_set, syntax))
        except BadReport:
            return PROCESSING_FAILURE
        return SUCCESS

    command: Command = {
        CommandElement.REQUESTED_SOP_CLASS_UID: _PUSH_MODEL,
        CommandElement.REQUESTED_SOP_INSTANCE_UID: str(_PUSH_MODEL_INSTANCE),
        CommandElement.COMMAND_FIELD: int(CommandField.N_ACTION_RQ),
        CommandElement.ACTION_TYPE_ID: REQUEST_COMMITMENT,
    }
    context = build_context(StorageCommitmentPushModel, ImplicitVRLittleEndian)
    with associate(calling_ae_title, remote, [context], timeouts, answer) as association:
        (context_id,) = association.contexts_of(_PUSH_MODEL).values()
        content = encode(request_of(transaction_uid, instances), True, True) or b""
        status = association.request(context_id, command, content).status
        if status != SUCCESS:
            message = f"{address_of(remote)} does not take the request for storage commitment (status {status:04X})"
            raise PeerUnreachable(message, PeerFault.REQUEST_FAILED)
        association.serve(_SAME_ASSOCIATION_SECONDS, lambda: bool(reports))
    return next((each for each in reports if each.transaction_uid == transaction_uid), None)


def request_of(transaction_uid: str, instances: Sequence[tuple[str, str]]) -> Dataset:
    """The action information of the request."""
    request = Dataset()
    request.TransactionUID = transaction_uid
    request.ReferencedSOPSequence = [_reference(*each) for each in instances]
    return request


def _reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    """A Referenced SOP Sequence item."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class_uid, sop_instance_uid
    return item


def decode_report(content: bytes, transfer_syntax_uid: str) -> CommitmentReport:
    """The report in the data set of an N-EVENT-REPORT; raises BadReport."""
    implicit = transfer_syntax_uid == ImplicitVRLittleEndian
    try:
        return _report_of(decode(BytesIO(content), implicit, True))
    except Exception:  # noqa: BLE001 - pydicom raises many kinds for bytes that are no data set
        raise BadReport("the commitment report cannot be read") from None


def decode_request(content: bytes, transfer_syntax_uid: str) -> tuple[str, list[tuple[str, str]]]:
    """Transaction UID and (SOP class, SOP instance) pairs of a peer's request; raises BadReport.

    Raises TooManyReferences before anything is made of them: what pydicom makes of 140,000 costs 36 s and 265 MB.
    """
    try:
        found = read_references(content, explicit=transfer_syntax_uid != ImplicitVRLittleEndian, most=MOST_REFERENCES)
    except NotReferences:
        raise BadReport("the commitment request cannot be read") from None
    if len(found.instances) > MOST_REFERENCES:
        raise TooManyReferences(f"a request for more than {MOST_REFERENCES} instances")
    return found.transaction_uid, found.instances


def encode_report(
    transaction_uid: str,
    requested: Sequence[tuple[str, str]],
    held: Container[tuple[str, str]],
    transfer_syntax_uid: str,
) -> tuple[Command, bytes]:
    """N-EVENT-REPORT on a peer's request (PS3.4 J.3.3), as command set and data set.

    Parameters
    ----------
    requested, held
        (SOP class, SOP instance) pairs that the peer asked about; those that are stored here.
    """
    kept, failed = [each for each in requested if each in held], [each for each in requested if each not in held]
    content = write_references(
        References(transaction_uid, kept),
        [(*each, _NO_SUCH_OBJECT_INSTANCE) for each in failed],
        explicit=transfer_syntax_uid != ImplicitVRLittleEndian,
    )
    command: Command = {
        CommandElement.AFFECTED_SOP_CLASS_UID: str(StorageCommitmentPushModel),
        CommandElement.AFFECTED_SOP_INSTANCE_UID: str(_PUSH_MODEL_INSTANCE),
        CommandElement.COMMAND_FIELD: int(CommandField.N_EVENT_REPORT_RQ),
        CommandElement.MESSAGE_ID: 1,
        CommandElement.EVENT_TYPE_ID: COMMITTED_WITH_FAILURES if failed else COMMITTED,
    }
    return command, content


def _report_of(information: Dataset) -> CommitmentReport:
    """The report in an event information data set."""

    def uids(keyword: str) -> tuple[str, ...]:
        return tuple(str(item.ReferencedSOPInstanceUID) for item in information.get(keyword, []))

    return CommitmentReport(str(information.TransactionUID), uids("ReferencedSOPSequence"), uids("FailedSOPSequence"))
