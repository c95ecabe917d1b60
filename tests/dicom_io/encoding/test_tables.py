"""The one table of encodings against pydicom's."""

from __future__ import annotations

from pydicom.valuerep import EXPLICIT_VR_LENGTH_16, EXPLICIT_VR_LENGTH_32

from dicom_io.encoding import tables


def test_every_vr_of_the_standard_has_a_long_or_a_short_length() -> None:
    assert set(tables.SHORT_VRS.values()) == set(EXPLICIT_VR_LENGTH_16)
    assert set(tables.LONG_VRS.values()) == set(EXPLICIT_VR_LENGTH_32)


def test_headers_are_as_long_as_the_standard_says() -> None:
    assert tables.EXPLICIT_HEADER.size == tables.IMPLICIT_HEADER.size == tables.SHORT_HEADER_BYTES
    assert tables.EXPLICIT_HEADER.size + tables.LONG_LENGTH.size == tables.LONG_HEADER_BYTES
