"""C-ECHO and C-STORE to a peer: with time limits, one response per instance, one association for all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.dsutils import encode
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import

from dicom_io.encoding.raw import NeedsFullParser, syntax_and_start
from dicom_io.errors import PeerFault, PeerUnreachable
from dicom_io.network.dimse import NOT_SUPPORTED, SUCCESS, Command, CommandElement, CommandField, is_kept
from dicom_io.network.remote import Remote, Timeouts, address_of
from dicom_io.network.requestor import RequestedAssociation, associate

_MAX_CONTEXTS = 128
_MEDIUM = 0  # priority of a C-STORE (PS3.7 9.3.1.1)
_HEAD_BYTES = 4096  # preamble and file meta information


@dataclass(frozen=True, slots=True)
class StoreResponse:
    """The peer's response to the C-STORE of one instance (PS3.4 B.2.3)."""

    sop_class_uid: str
    sop_instance_uid: str
    status: int
    comment: str = ""

    @property
    def kept(self) -> bool:
        """Whether the peer stored the instance, with or without a warning."""
        return is_kept(self.status)


def echo(calling_ae_title: str, remote: Remote, timeouts: Timeouts | None = None) -> float:
    """Send a C-ECHO; returns the seconds it took, association included. Raises PeerUnreachable."""
    started = time.monotonic()
    verification = str(Verification)
    with associate(calling_ae_title, remote, [build_context(Verification)], timeouts) as association:
        (context_id,) = association.contexts_of(verification).values()
        command: Command = {
            CommandElement.AFFECTED_SOP_CLASS_UID: verification,
            CommandElement.COMMAND_FIELD: int(CommandField.C_ECHO_RQ),
        }
        status = association.request(context_id, command).status
    if status != SUCCESS:
        message = f"{address_of(remote)} answers the C-ECHO with status {status:04X}"
        raise PeerUnreachable(message, PeerFault.REQUEST_FAILED)
    return time.monotonic() - started


def send(
    calling_ae_title: str, remote: Remote, paths: Sequence[Path], timeouts: Timeouts | None = None
) -> Iterator[StoreResponse]:
    """C-STORE each file and yield the responses; raises PeerUnreachable when the peer is gone or rejects us.

    An instance whose SOP class the peer does not accept yields NOT_SUPPORTED; the others are still sent.
    """
    names = [(path, *syntax_of(path)) for path in paths]
    pairs = sorted({(sop_class, syntax) for _, sop_class, _, syntax in names})
    contexts = [build_context(sop_class, syntax) for sop_class, syntax in pairs]
    contexts += [build_context(each, ImplicitVRLittleEndian) for each in sorted({pair[0] for pair in pairs})]
    try:
        association = associate(calling_ae_title, remote, contexts[:_MAX_CONTEXTS], timeouts)
    except PeerUnreachable as error:
        if error.fault is not PeerFault.CLASS_REFUSED:
            raise
        yield from (_not_supported(sop_class, sop_instance) for _, sop_class, sop_instance, _ in names)
        return
    with association:
        for path, sop_class, sop_instance, syntax in names:
            accepted = association.contexts_of(sop_class)
            if accepted:
                yield _store(association, path, StoreResponse(sop_class, sop_instance, SUCCESS), syntax, accepted)
            else:
                yield _not_supported(sop_class, sop_instance)


def _not_supported(sop_class: str, sop_instance: str) -> StoreResponse:
    """The response that stands for an instance whose SOP class the peer did not accept."""
    return StoreResponse(sop_class, sop_instance, NOT_SUPPORTED, "the peer accepts no such objects")


def _store(
    association: RequestedAssociation, path: Path, named: StoreResponse, syntax: str, accepted: Mapping[str, int]
) -> StoreResponse:
    """Send one C-STORE, in the file's transfer syntax where the peer accepts that; raises PeerUnreachable."""
    sop_class, sop_instance = named.sop_class_uid, named.sop_instance_uid
    native = {str(ImplicitVRLittleEndian), str(ExplicitVRLittleEndian)}
    chosen = syntax if syntax in accepted else next((each for each in accepted if {each, syntax} <= native), None)
    if chosen is None:
        return StoreResponse(sop_class, sop_instance, NOT_SUPPORTED, "no accepted transfer syntax")
    command: Command = {
        CommandElement.AFFECTED_SOP_CLASS_UID: sop_class,
        CommandElement.COMMAND_FIELD: int(CommandField.C_STORE_RQ),
        CommandElement.PRIORITY: _MEDIUM,
        CommandElement.AFFECTED_SOP_INSTANCE_UID: sop_instance,
    }
    response = association.request(accepted[chosen], command, _data_set_of(path, chosen))
    comment = str(response.command.get(CommandElement.ERROR_COMMENT, ""))
    return StoreResponse(sop_class, sop_instance, response.status, comment)


def _data_set_of(path: Path, syntax: str) -> memoryview:
    """The data set of a file in this transfer syntax: the same bytes, where the file is in it already."""
    content = memoryview(path.read_bytes())
    try:
        own_syntax, start = syntax_and_start(bytes(content[:_HEAD_BYTES]))
    except NeedsFullParser:
        own_syntax, start = "", 0
    if own_syntax == syntax:
        return content[start:]
    encoded = encode(dcmread(path), syntax == ImplicitVRLittleEndian, True)
    if encoded is None:
        raise ValueError(f"{path}: cannot be written in another transfer syntax")
    return memoryview(encoded)


def syntax_of(path: Path) -> tuple[str, str, str]:
    """SOP class, SOP instance and transfer syntax of a file."""
    header = dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID", "SOPInstanceUID"])
    return str(header.SOPClassUID), str(header.SOPInstanceUID), str(header.file_meta.TransferSyntaxUID)
