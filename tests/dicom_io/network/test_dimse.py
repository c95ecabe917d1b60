"""Command sets as bytes, against pynetdicom's and against what a peer may get wrong."""

from __future__ import annotations

import struct

import pytest
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode as library_encode

from dicom_io.network.dimse import (
    NO_DATA_SET,
    CommandElement,
    CommandField,
    InvalidCommandSet,
    decode,
    encode,
    is_kept,
    response,
)

STORE = {
    CommandElement.AFFECTED_SOP_CLASS_UID: "1.2.840.10008.5.1.4.1.1.4",
    CommandElement.COMMAND_FIELD: int(CommandField.C_STORE_RQ),
    CommandElement.MESSAGE_ID: 7,
    CommandElement.DATA_SET_TYPE: 1,
    CommandElement.AFFECTED_SOP_INSTANCE_UID: "1.2.3",
}


def test_what_was_encoded_is_decoded() -> None:
    assert decode(encode(STORE)) == STORE


def test_a_command_set_of_pynetdicom_says_the_same() -> None:
    primitive = C_STORE()
    primitive.MessageID, primitive.Priority = 7, 2
    primitive.AffectedSOPClassUID = STORE[CommandElement.AFFECTED_SOP_CLASS_UID]
    primitive.AffectedSOPInstanceUID = STORE[CommandElement.AFFECTED_SOP_INSTANCE_UID]
    message = C_STORE_RQ()
    message.primitive_to_message(primitive)
    encoded = library_encode(message.command_set, True, True)
    assert encoded is not None
    found = decode(encoded)
    assert {key: found[key] for key in STORE if key != CommandElement.DATA_SET_TYPE} == {
        key: value for key, value in STORE.items() if key != CommandElement.DATA_SET_TYPE
    }


def test_the_group_length_counts_what_follows_it() -> None:
    encoded = encode(STORE)
    assert struct.unpack_from("<I", encoded, 8)[0] == len(encoded) - 12
    assert len(encoded) % 2 == 0


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (encode(STORE)[:-3], "wrong group or length"),
        (encode(STORE) + b"\0\0\1", "ends inside an element"),
        (struct.pack("<HHI", 8, 0x16, 0), "wrong group or length"),
        (encode({CommandElement.MESSAGE_ID: 1}), "without Command Field"),
        (encode(STORE).replace(b"1.2.3", b"1\xff2.3"), "not ASCII"),
        (b"", "without Command Field"),
    ],
)
def test_what_is_no_command_set_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(InvalidCommandSet, match=why):
        decode(content)


def test_a_response_echoes_the_request_and_says_more_only_where_there_is_something_to_say() -> None:
    answer = response(STORE, 0)
    assert answer[CommandElement.COMMAND_FIELD] == CommandField.C_STORE_RSP
    assert answer[CommandElement.MESSAGE_ID_RESPONDED_TO] == 7
    assert answer[CommandElement.DATA_SET_TYPE] == NO_DATA_SET
    assert answer[CommandElement.AFFECTED_SOP_INSTANCE_UID] == "1.2.3"
    assert CommandElement.ERROR_COMMENT not in answer
    assert response(STORE, 0xA700, "x" * 100)[CommandElement.ERROR_COMMENT] == "x" * 64


def test_the_requested_instance_of_an_n_action_is_the_affected_one_of_its_response() -> None:
    action = {
        CommandElement.COMMAND_FIELD: int(CommandField.N_ACTION_RQ),
        CommandElement.MESSAGE_ID: 1,
        CommandElement.REQUESTED_SOP_INSTANCE_UID: "1.2.840.10008.1.20.1.1",
        CommandElement.ACTION_TYPE_ID: 1,
    }
    answer = response(action, 0)
    assert answer[CommandElement.AFFECTED_SOP_INSTANCE_UID] == "1.2.840.10008.1.20.1.1"
    assert answer[CommandElement.ACTION_TYPE_ID] == 1


@pytest.mark.parametrize(("status", "kept"), [(0, True), (0xB000, True), (0xB007, True), (0xA700, False), (1, False)])
def test_warnings_mean_kept(status: int, kept: bool) -> None:
    assert is_kept(status) is kept
