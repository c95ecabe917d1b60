"""Association negotiation (PS3.8 section 7.1) by pynetdicom's codecs, as acceptor and as requestor."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydicom.uid import UID
from pynetdicom import build_role
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import PresentationContext, negotiate_as_acceptor

from dicom_io.encoding.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_io.network.service import AssociationRejection
from dicom_io.network.upper_layer import PDV_HEADER, PduType, ProtocolError

_APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
_REJECTION_BYTES = 4
_ITEM = struct.Struct(">BxH")  # type, length of what follows (PS3.8 9.3.2)
_FIXED_BYTES = 68  # of an association request, before its items
_CONTEXT, _TRANSFER_SYNTAX, _USER_INFORMATION = 0x20, 0x40, 0x50
MOST_CONTEXTS, MOST_TRANSFER_SYNTAXES, MOST_USER_ITEMS = 128, 4096, 256
"""Items of one association request. 128 contexts are as many as have a number; a role for each is a user item."""


_REJECTIONS = {  # (source, reason): PS3.8 table 9-21
    (1, 1): "no reason given",
    (1, 2): "application context not supported",
    (1, 3): "calling AE title not recognised",
    (1, 7): "called AE title not recognised",
    (2, 1): "no reason given",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "local limit exceeded",
}


@dataclass(frozen=True, slots=True)
class AgreedContexts:
    """What was agreed on: abstract and transfer syntax of each presentation context by its ID.

    Parameters
    ----------
    largest_pdu
        Bytes of a PDU that the peer receives; 0: no limit.
    """

    abstract_syntax: Mapping[int, str]
    transfer_syntax: Mapping[int, str]
    largest_pdu: int


def decode_request(content: memoryview) -> A_ASSOCIATE:
    """The association request; raises ProtocolError for bytes that are none."""
    _require_few_items(content)  # a decoder makes an object of each: 150 kB of small items cost 0.35 s
    pdu = A_ASSOCIATE_RQ()
    header = bytes((PduType.ASSOCIATE_RQ, 0)) + len(content).to_bytes(4, "big")
    try:
        pdu.decode(header + content)
        request = pdu.to_primitive()
    except Exception:  # noqa: BLE001 - pynetdicom's decoder raises whatever a malformed item makes it trip over
        raise ProtocolError("the association request cannot be read") from None
    if str(request.application_context_name) != _APPLICATION_CONTEXT:
        raise ProtocolError("the association request is not for DICOM")
    if not request.presentation_context_definition_list:
        raise ProtocolError("the association request holds no presentation context")
    return request


def _require_few_items(content: memoryview) -> None:
    """Raise ProtocolError for a request with more items than an honest one can have."""
    found: Counter[int] = Counter()
    for kind, inner in _items(content[_FIXED_BYTES:]):
        found[kind] += 1
        if kind == _CONTEXT:
            found[_TRANSFER_SYNTAX] += sum(each == _TRANSFER_SYNTAX for each, _ in _items(inner[4:]))
        elif kind == _USER_INFORMATION:
            found[_USER_INFORMATION] += sum(1 for _ in _items(inner))
        limits = ((_CONTEXT, MOST_CONTEXTS), (_TRANSFER_SYNTAX, MOST_TRANSFER_SYNTAXES))
        if any(found[each] > most for each, most in (*limits, (_USER_INFORMATION, MOST_USER_ITEMS))):
            raise ProtocolError("the association request holds more items than are read")
        if found.total() > MOST_CONTEXTS + MOST_TRANSFER_SYNTAXES + MOST_USER_ITEMS:
            raise ProtocolError("the association request holds more items than are read")


def _items(content: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Type and content of items, one after the other; the last may be shorter than it says."""
    offset = 0
    while offset + _ITEM.size <= len(content):
        kind, length = _ITEM.unpack_from(content, offset)
        yield kind, content[offset + _ITEM.size : offset + _ITEM.size + length]
        offset += _ITEM.size + length


def accept_contexts(
    request: A_ASSOCIATE, offered: Sequence[PresentationContext], largest_p_data: int
) -> tuple[AgreedContexts, bytes]:
    """Negotiate presentation contexts and roles; gives what is agreed on, and the A-ASSOCIATE-AC that says so.

    Raises ProtocolError for a peer that receives no PDU of any use.

    Parameters
    ----------
    largest_p_data
        Bytes of a P-DATA PDU that we receive.
    """
    roles_wanted = {
        item.sop_class_uid: (item.scu_role, item.scp_role)
        for item in request.user_information
        if isinstance(item, SCP_SCU_RoleSelectionNegotiation) and item.sop_class_uid is not None  # PS3.7 D.3.3.4
    }
    results, roles = negotiate_as_acceptor(request.presentation_context_definition_list, list(offered), roles_wanted)
    accepted = [(each.context_id, each) for each in results if each.result == 0 and each.context_id is not None]
    largest_pdu = request.maximum_length_received or 0
    if 0 < largest_pdu <= PDV_HEADER.size:
        raise ProtocolError("the peer takes no PDU that could hold anything")
    agreed = AgreedContexts(
        abstract_syntax={number: str(each.abstract_syntax) for number, each in accepted},
        transfer_syntax={number: str(each.transfer_syntax[0]) for number, each in accepted},
        largest_pdu=largest_pdu,
    )
    return agreed, _encode_acceptance(request, results, roles, largest_p_data)


def _encode_acceptance(
    request: A_ASSOCIATE,
    results: Sequence[PresentationContext],
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation],
    largest_p_data: int,
) -> bytes:
    """A-ASSOCIATE-AC."""
    primitive = A_ASSOCIATE()
    primitive.application_context_name = UID(_APPLICATION_CONTEXT)
    primitive.calling_ae_title = request.calling_ae_title
    primitive.called_ae_title = request.called_ae_title
    primitive.result, primitive.result_source = 0, 1
    primitive.presentation_context_definition_results_list = list(results)
    primitive.user_information = [*_introduction(largest_p_data), *roles]
    pdu = A_ASSOCIATE_AC()
    pdu.from_primitive(primitive)
    return pdu.encode()


def _introduction(
    largest_p_data: int,
) -> list[MaximumLengthNotification | ImplementationClassUIDNotification | ImplementationVersionNameNotification]:
    """Who we are, and how many bytes of a P-DATA PDU we receive."""
    maximum = MaximumLengthNotification()
    maximum.maximum_length_received = largest_p_data
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    return [maximum, implementation, version]


def encode_rejection(why: AssociationRejection) -> bytes:
    """A-ASSOCIATE-RJ."""
    primitive = A_ASSOCIATE()
    primitive.result, primitive.result_source, primitive.diagnostic = why.result, why.source, why.reason
    pdu = A_ASSOCIATE_RJ()
    pdu.from_primitive(primitive)
    return pdu.encode()


def encode_request(
    calling_ae_title: str, called_ae_title: str, contexts: Sequence[PresentationContext], largest_p_data: int
) -> bytes:
    """A-ASSOCIATE-RQ; the contexts are numbered 1, 3, 5 ... in their order.

    Of one with `scp_role` we are the SCP: the peer sends us its instances on this association (PS3.7 D.3.3.4).
    """
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    primitive = A_ASSOCIATE()
    primitive.application_context_name = UID(_APPLICATION_CONTEXT)
    primitive.calling_ae_title, primitive.called_ae_title = calling_ae_title, called_ae_title
    primitive.presentation_context_definition_list = list(contexts)
    taken = [str(each.abstract_syntax) for each in contexts if each.scp_role]
    roles = [build_role(each, scp_role=True) for each in taken]
    primitive.user_information = [*_introduction(largest_p_data), *roles]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(primitive)
    return pdu.encode()


def decode_acceptance(content: memoryview, proposed: Sequence[PresentationContext]) -> AgreedContexts:
    """What A-ASSOCIATE-AC says about the contexts that were proposed; raises ProtocolError for bytes that are none."""
    pdu = A_ASSOCIATE_AC()
    header = bytes((PduType.ASSOCIATE_AC, 0)) + len(content).to_bytes(4, "big")
    try:
        pdu.decode(header + content)
        primitive = pdu.to_primitive()
        results = {each.context_id: each for each in primitive.presentation_context_definition_results_list}
        accepted = {
            context.context_id: (str(context.abstract_syntax), str(results[context.context_id].transfer_syntax[0]))
            for context in proposed
            if context.context_id in results and results[context.context_id].result == 0
        }
        largest_pdu = primitive.maximum_length_received or 0
    except Exception:  # noqa: BLE001 - pynetdicom's decoder raises whatever a malformed item makes it trip over
        raise ProtocolError("the answer to the association request cannot be read") from None
    if not results:
        raise ProtocolError("the answer to the association request cannot be read")
    if 0 < largest_pdu <= PDV_HEADER.size:
        raise ProtocolError("the peer takes no PDU that could hold anything")
    return AgreedContexts(
        abstract_syntax={number: names[0] for number, names in accepted.items() if number is not None},
        transfer_syntax={number: names[1] for number, names in accepted.items() if number is not None},
        largest_pdu=largest_pdu,
    )


def decode_rejection(content: memoryview) -> AssociationRejection:
    """What A-ASSOCIATE-RJ says (PS3.8 section 9.3.4); raises ProtocolError for bytes that are none."""
    if len(content) != _REJECTION_BYTES:
        raise ProtocolError("the rejection of the association cannot be read")
    _, result, source, reason = content
    return AssociationRejection(
        result, source, reason, _REJECTIONS.get((source, reason), "a reason that is not standard")
    )
