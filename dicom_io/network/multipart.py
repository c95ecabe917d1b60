"""multipart/related as DICOMweb sends it (PS3.18 8.6.1): parts handed on while they arrive, nothing kept whole."""

from __future__ import annotations

from collections.abc import Callable
from email.message import Message
from typing import Protocol

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from dicom_io.errors import DicomError

_LONGEST_BOUNDARY = 70  # RFC 2046 5.1.1


class NotMultipart(DicomError):
    """A body is not what its content type says, or ends in the middle of a part."""


class _PartReceiver(Protocol):
    """What is told of the parts of a body."""

    def begin(self) -> None:
        """A part begins."""

    def data(self, fragment: memoryview) -> None:
        """The next bytes of it."""

    def end(self) -> None:
        """It is whole."""


def boundary_of(content_type: str, media_type: str = "application/dicom") -> bytes | None:
    """The boundary in a content type of multipart/related with parts of this media type; None for any other."""
    header = Message()
    header["Content-Type"] = content_type
    boundary, kind = header.get_param("boundary", ""), header.get_param("type", media_type)
    if header.get_content_type() != "multipart/related" or not isinstance(boundary, str) or not boundary:
        return None
    if kind != media_type or len(boundary) > _LONGEST_BOUNDARY or not boundary.isascii():
        return None
    return boundary.encode()


class MultipartStream:
    """Takes a body in pieces of any size."""

    def __init__(self, boundary: bytes, receiver: _PartReceiver) -> None:
        self.complete = False

        def data(chunk: bytes, start: int, end: int) -> None:
            receiver.data(memoryview(chunk)[start:end])

        callbacks: dict[str, Callable[..., None]] = {
            "on_part_begin": receiver.begin,
            "on_part_data": data,
            "on_part_end": receiver.end,
            "on_end": self._ended,
        }
        self.parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]  # its types know no such dict

    def _ended(self) -> None:
        self.complete = True

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the body; raises NotMultipart."""
        try:
            self.parser.write(chunk)
        except MultipartParseError:
            raise NotMultipart("the body is not multipart/related with that boundary") from None

    def close(self) -> None:
        """The body ends here; raises NotMultipart when its last boundary is missing."""
        if not self.complete:
            raise NotMultipart("the body ends before its last boundary")
