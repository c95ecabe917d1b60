"""Association negotiation (PS3.8 section 7.1) by pynetdicom's codecs: the request read, the acceptance written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydicom.uid import UID
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


@dataclass(frozen=True, slots=True)
class _AcceptedContexts:
    """What was agreed on: abstract and transfer syntax of each presentation context by its ID.

    Parameters
    ----------
    largest_pdu
        Bytes of a PDU that the peer receives; 0: no limit.
    acceptance
        The A-ASSOCIATE-AC that tells the peer.
    """

    abstract_syntax: Mapping[int, str]
    transfer_syntax: Mapping[int, str]
    largest_pdu: int
    acceptance: bytes


def decode_request(content: memoryview) -> A_ASSOCIATE:
    """The association request; raises ProtocolError for bytes that are none."""
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


def printable(ae_title: str | None) -> str:
    """An AE title that cannot do harm where it is shown: it goes into logs, the audit trail and web pages."""
    return "".join(c if " " <= c <= "~" else "?" for c in str(ae_title or "")).strip()


def accept_contexts(
    request: A_ASSOCIATE, offered: Sequence[PresentationContext], largest_p_data: int
) -> _AcceptedContexts:
    """Negotiate presentation contexts and roles; raises ProtocolError for a peer that receives no PDU of any use.

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
    return _AcceptedContexts(
        abstract_syntax={number: str(each.abstract_syntax) for number, each in accepted},
        transfer_syntax={number: str(each.transfer_syntax[0]) for number, each in accepted},
        largest_pdu=largest_pdu,
        acceptance=_encode_acceptance(request, results, roles, largest_p_data),
    )


def _encode_acceptance(
    request: A_ASSOCIATE,
    results: Sequence[PresentationContext],
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation],
    largest_p_data: int,
) -> bytes:
    """A-ASSOCIATE-AC."""
    maximum = MaximumLengthNotification()
    maximum.maximum_length_received = largest_p_data
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    primitive = A_ASSOCIATE()
    primitive.application_context_name = UID(_APPLICATION_CONTEXT)
    primitive.calling_ae_title = request.calling_ae_title
    primitive.called_ae_title = request.called_ae_title
    primitive.result, primitive.result_source = 0, 1
    primitive.presentation_context_definition_results_list = list(results)
    primitive.user_information = [maximum, implementation, version, *roles]
    pdu = A_ASSOCIATE_AC()
    pdu.from_primitive(primitive)
    return pdu.encode()


def encode_rejection(why: AssociationRejection) -> bytes:
    """A-ASSOCIATE-RJ."""
    primitive = A_ASSOCIATE()
    primitive.result, primitive.result_source, primitive.diagnostic = why.result, why.source, why.reason
    pdu = A_ASSOCIATE_RJ()
    pdu.from_primitive(primitive)
    return pdu.encode()
