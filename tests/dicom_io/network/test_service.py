"""What an association is rejected for, and what a C-STORE request announces."""

from __future__ import annotations

import pytest

from dicom_io.network.negotiation import decode_rejection, encode_rejection
from dicom_io.network.service import (
    ALL_SLOTS_TAKEN,
    CALLED_UNKNOWN,
    CALLER_HAS_TOO_MANY,
    CALLING_UNKNOWN,
    NOT_DICOM,
    AssociationRejection,
    StoreRequest,
)
from dicom_io.network.upper_layer import HEADER


@pytest.mark.parametrize(
    "why", [CALLING_UNKNOWN, CALLED_UNKNOWN, ALL_SLOTS_TAKEN, CALLER_HAS_TOO_MANY, NOT_DICOM], ids=lambda why: why.words
)
def test_a_peer_reads_the_codes_that_we_reject_it_with(why: AssociationRejection) -> None:
    read = decode_rejection(memoryview(encode_rejection(why))[HEADER.size :])
    assert (read.result, read.source, read.reason) == (why.result, why.source, why.reason)


def test_only_limits_are_transient() -> None:
    transient = 2
    assert {ALL_SLOTS_TAKEN.result, CALLER_HAS_TOO_MANY.result} == {transient}
    assert transient not in {CALLING_UNKNOWN.result, CALLED_UNKNOWN.result, NOT_DICOM.result}


def test_an_instance_is_no_part_of_a_retrieval_unless_its_request_says_so() -> None:
    assert StoreRequest("1.2", "1.3", "1.4").move_originator == ""
