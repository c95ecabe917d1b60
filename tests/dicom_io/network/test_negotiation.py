"""What an association request may say, and what is accepted of it."""

from __future__ import annotations

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGExtended12Bit
from pynetdicom import build_context, build_role
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.sop_class import CTImageStorage, MRImageStorage, StorageCommitmentPushModel

from dicom_io.encoding.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_io.network.contexts import acceptor_contexts
from dicom_io.network.dimse import printable
from dicom_io.network.negotiation import (
    accept_contexts,
    decode_acceptance,
    decode_rejection,
    decode_request,
    encode_rejection,
    encode_request,
)
from dicom_io.network.service import CALLING_UNKNOWN
from dicom_io.network.upper_layer import HEADER, ProtocolError
from raw_peer import association_request


def request(**more: object) -> A_ASSOCIATE:
    """A decoded request; more as for association_request."""
    return decode_request(memoryview(association_request(**more)[HEADER.size :]))  # type: ignore[arg-type]


def acceptance(pdu: bytes) -> A_ASSOCIATE:
    """The A-ASSOCIATE-AC as the peer reads it."""
    decoded = A_ASSOCIATE_AC()
    decoded.decode(pdu)
    return decoded.to_primitive()


def test_a_context_is_accepted_with_the_syntax_that_both_know() -> None:
    accepted, _ = accept_contexts(request(syntax=str(ImplicitVRLittleEndian)), acceptor_contexts(), 131_072)
    assert accepted.abstract_syntax == {1: str(MRImageStorage)}
    assert accepted.transfer_syntax == {1: str(ImplicitVRLittleEndian)}
    assert accepted.largest_pdu == 16384


def test_a_lossy_syntax_or_an_unknown_class_is_not_accepted() -> None:
    lossy, _ = accept_contexts(request(syntax=str(JPEGExtended12Bit)), acceptor_contexts(), 131_072)
    other, _ = accept_contexts(request(), [build_context(CTImageStorage)], 131_072)
    assert lossy.transfer_syntax == other.transfer_syntax == {}


def test_the_acceptance_names_the_product_and_the_largest_pdu() -> None:
    answer = acceptance(accept_contexts(request(), acceptor_contexts(), 131_072)[1])
    assert answer.implementation_class_uid == IMPLEMENTATION_CLASS_UID
    names = [getattr(item, "implementation_version_name", None) for item in answer.user_information]
    assert IMPLEMENTATION_VERSION_NAME in names
    assert answer.maximum_length_received == 131_072


def test_a_peer_that_reports_commitment_may_be_the_scp() -> None:
    asked = request(abstract=str(StorageCommitmentPushModel), syntax=str(ExplicitVRLittleEndian))
    asked.user_information += [build_role(StorageCommitmentPushModel, scp_role=True)]
    answer = acceptance(accept_contexts(asked, acceptor_contexts(), 131_072)[1])
    (role,) = [item for item in answer.user_information if hasattr(item, "scp_role")]
    assert role.scp_role


@pytest.mark.parametrize("largest", [1, 6])
def test_a_peer_that_receives_no_pdu_of_any_use_is_refused(largest: int) -> None:
    with pytest.raises(ProtocolError, match="takes no PDU"):
        accept_contexts(request(largest=largest), acceptor_contexts(), 131_072)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda pdu: pdu[:90], "cannot be read|no presentation context|not for DICOM"),
        (lambda pdu: pdu.replace(b"1.2.840.10008.3.1.1.1", b"1.2.840.10008.3.1.1.9"), "not for DICOM"),
        (lambda pdu: bytes(len(pdu)), "cannot be read|not for DICOM"),
    ],
)
def test_bytes_that_are_no_request_are_refused(spoil, why: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ProtocolError, match=why):
        decode_request(memoryview(spoil(association_request()[HEADER.size :])))


def test_a_rejection_carries_result_source_and_reason() -> None:
    decoded = A_ASSOCIATE_RJ()
    decoded.decode(encode_rejection(CALLING_UNKNOWN))
    assert (decoded.result, decoded.source, decoded.reason_diagnostic) == (1, 1, 3)


@pytest.mark.parametrize(
    ("title", "shown"), [(" MR1 ", "MR1"), ("A\x1b[31m", "A?[31m"), ("Ä", "?"), (None, ""), ("<b>", "<b>")]
)
def test_an_ae_title_is_shown_without_control_characters(title: str | None, shown: str) -> None:
    assert printable(title) == shown


def test_what_we_propose_is_read_and_what_is_accepted_of_it_is_understood() -> None:
    proposed = [build_context(MRImageStorage, ExplicitVRLittleEndian), build_context("1.2.3.4")]
    pdu = encode_request("NODE", "PACS", proposed, 131_072)
    asked = decode_request(memoryview(pdu)[HEADER.size :])
    assert (asked.calling_ae_title, asked.called_ae_title) == ("NODE", "PACS")
    _, answer = accept_contexts(asked, acceptor_contexts(), 16_384)
    agreed = decode_acceptance(memoryview(answer)[HEADER.size :], proposed)
    assert agreed.abstract_syntax == {1: str(MRImageStorage)}
    assert agreed.transfer_syntax == {1: str(ExplicitVRLittleEndian)}
    assert agreed.largest_pdu == 16_384


@pytest.mark.parametrize("content", [b"", b"garbage", bytes(200)])
def test_bytes_that_are_no_acceptance_are_refused(content: bytes) -> None:
    with pytest.raises(ProtocolError, match="cannot be read"):
        decode_acceptance(memoryview(content), [build_context(MRImageStorage)])


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        ((1, 1, 7), "called AE title not recognised"),
        ((1, 1, 3), "calling AE title not recognised"),
        ((2, 3, 2), "local limit exceeded"),
        ((1, 9, 9), "a reason that is not standard"),
    ],
)
def test_a_rejection_is_read_with_its_meaning(codes: tuple[int, int, int], words: str) -> None:
    why = decode_rejection(memoryview(bytes((0, *codes))))
    assert ((why.result, why.source, why.reason), why.words) == (codes, words)
    with pytest.raises(ProtocolError, match="cannot be read"):
        decode_rejection(memoryview(b"123"))
