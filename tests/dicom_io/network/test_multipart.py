"""multipart/related in pieces of any size gives the same parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_io.network.multipart import MultipartStream, NotMultipart, boundary_of
from web_store import multipart


class Parts:
    def __init__(self) -> None:
        self.whole: list[bytes] = []
        self.open: bytearray | None = None

    def begin(self) -> None:
        self.open = bytearray()

    def data(self, fragment: memoryview) -> None:
        assert self.open is not None
        self.open += fragment

    def end(self) -> None:
        assert self.open is not None
        self.whole.append(bytes(self.open))


def read(body: bytes, size: int, boundary: bytes = b"b0undary") -> list[bytes]:
    parts = Parts()
    stream = MultipartStream(boundary, parts)
    for start in range(0, len(body), size):
        stream.feed(body[start : start + size])
    stream.close()
    return parts.whole


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.integers(1, 300))
def test_parts_come_back_whatever_the_pieces(parts: list[bytes], size: int) -> None:
    body, _ = multipart(parts)
    if any(b"b0undary" not in each for each in parts):
        assert read(body, size) == parts


def test_a_body_that_ends_early_or_is_none_is_refused() -> None:
    body, _ = multipart([b"abc"])
    with pytest.raises(NotMultipart, match="ends before its last boundary"):
        read(body[:-10], 7)
    with pytest.raises(NotMultipart):
        read(b"nothing of the kind", 7)


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ('multipart/related; type="application/dicom"; boundary=abc', b"abc"),
        ('multipart/related; boundary="a b"; type="application/dicom"', b"a b"),
        ("multipart/related; boundary=abc", b"abc"),
        ('multipart/related; type="application/dicom+json"; boundary=abc', None),
        ("multipart/form-data; boundary=abc", None),
        ("multipart/related", None),
        ("application/dicom", None),
        (f"multipart/related; boundary={'a' * 71}", None),
        ("", None),
    ],
)
def test_only_dicom_in_multipart_related_has_a_boundary(content_type: str, boundary: bytes | None) -> None:
    assert boundary_of(content_type) == boundary
