"""What storage commitment is about, read from bytes as pydicom reads it, and written so that pydicom reads the same."""

from __future__ import annotations

from io import BytesIO

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import decode, encode

from dicom_io.network.commitment import MOST_REFERENCES, TooManyReferences, decode_request, encode_report, request_of
from dicom_io.network.references import NotReferences, References, read_references, write_references

PAIRS = [("1.2.840.10008.5.1.4.1.1.4", f"1.2.{n}") for n in range(3)]
IMPLICIT = str(ImplicitVRLittleEndian)


def request(*, explicit: bool, undefined: bool) -> bytes:
    """A request with the procedure step that it belongs to, whose references are none of its instances."""
    made, step = request_of("1.9", PAIRS), Dataset()
    step.ReferencedSOPClassUID, step.ReferencedSOPInstanceUID = "1.2.840.10008.3.1.2.3.3", "1.77"
    step.ReferencedSOPSequence = [request_of("1.8", [("1.5", "1.6")]).ReferencedSOPSequence[0]]
    made.ReferencedPerformedProcedureStepSequence = [step]
    for keyword in ("ReferencedPerformedProcedureStepSequence", "ReferencedSOPSequence"):
        made[keyword].is_undefined_length = undefined
        for each in made[keyword].value:
            each.is_undefined_length_sequence_item = undefined
    step["ReferencedSOPSequence"].is_undefined_length = undefined
    content = encode(made, not explicit, True)
    assert content is not None
    return content


@pytest.mark.parametrize("explicit", [True, False])
@pytest.mark.parametrize("undefined", [True, False])
def test_a_request_is_read_as_pydicom_reads_it(explicit: bool, undefined: bool) -> None:
    content = request(explicit=explicit, undefined=undefined)
    assert read_references(content, explicit=explicit, most=10) == References("1.9", PAIRS)
    assert len(read_references(content, explicit=explicit, most=1).instances) == 2


@pytest.mark.parametrize("syntax", [IMPLICIT, str(ExplicitVRLittleEndian)])
def test_a_report_is_what_pydicom_reads(syntax: str) -> None:
    explicit = syntax != IMPLICIT
    content = write_references(References("1.9", PAIRS[:2]), [(*PAIRS[2], 0x0112)], explicit=explicit)
    read = decode(BytesIO(content), not explicit, True)
    assert read.TransactionUID == "1.9"
    assert isinstance(read.ReferencedSOPSequence, Sequence)
    assert [each.ReferencedSOPInstanceUID for each in read.ReferencedSOPSequence] == ["1.2.0", "1.2.1"]
    (lost,) = read.FailedSOPSequence
    assert (lost.ReferencedSOPInstanceUID, lost.FailureReason) == ("1.2.2", 0x0112)
    assert [each.tag for each in read] == sorted(each.tag for each in read)


@pytest.mark.parametrize("cut", [1, 7, 8, 9, 30, 60])
def test_bytes_that_end_too_early_are_none(cut: int) -> None:
    content = request(explicit=True, undefined=True)[:cut]
    with pytest.raises(NotReferences):
        read_references(content, explicit=True, most=10)


def test_as_many_as_are_looked_up_are_read_and_one_more_is_refused() -> None:
    pairs = [("1.2", f"1.{n}") for n in range(MOST_REFERENCES + 1)]
    for most, refused in ((MOST_REFERENCES, False), (MOST_REFERENCES + 1, True)):
        _, report = encode_report("1.9", pairs[:most], set(), IMPLICIT)
        content = report.replace(b"\x08\x00\x98\x11", b"\x08\x00\x99\x11", 1)  # what failed is asked for
        if refused:
            with pytest.raises(TooManyReferences):
                decode_request(content, IMPLICIT)
        else:
            assert decode_request(content, IMPLICIT) == ("1.9", pairs[:most])
