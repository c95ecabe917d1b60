"""A DICOM file that arrives in pieces: its file meta information first, then its data set, nothing kept whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from pydicom import dcmread

from dicom_io.encoding.tables import BIG_ENDIAN, DEFLATED, PREAMBLE_BYTES
from dicom_io.errors import NotAnInstance

_HEAD = PREAMBLE_BYTES + 16  # up to the end of the group length
_LONGEST_META = 64 * 1024
_REFUSED = frozenset((DEFLATED, BIG_ENDIAN, ""))


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What the file meta information says of the data set behind it."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


class Part10Stream:
    """Takes a file in pieces; once its meta information is here, hands on the data set."""

    def __init__(self, opened: Callable[[FileMeta], Callable[[memoryview], None]]) -> None:
        """`opened`: called once with the meta information; gives what takes the bytes of the data set."""
        self.opened = opened
        self.head = bytearray()
        self.write: Callable[[memoryview], None] | None = None

    def feed(self, fragment: memoryview) -> None:
        """The next bytes; raises NotAnInstance when they are no DICOM file, and whatever the taker raises."""
        if self.write is not None:
            self.write(fragment)
            return
        self.head += fragment
        length = self._meta_length()
        if length is None or len(self.head) < length:
            return
        rest = memoryview(bytes(self.head[length:]))
        self.write = self.opened(_meta_of(bytes(self.head[:length])))
        self.head.clear()
        if rest:
            self.write(rest)

    def close(self) -> None:
        """The file ends here; raises NotAnInstance when not even its meta information was whole."""
        if self.write is None:
            raise NotAnInstance("the file ends in its meta information")

    def _meta_length(self) -> int | None:
        """Bytes before the data set; None while too few are here."""
        if len(self.head) < _HEAD:
            return None
        if self.head[PREAMBLE_BYTES : PREAMBLE_BYTES + 8] != b"DICM\x02\x00\x00\x00":
            raise NotAnInstance("no DICOM file: the preamble or the group length is missing")
        length = int.from_bytes(self.head[_HEAD - 4 : _HEAD], "little")
        if length > _LONGEST_META:
            raise NotAnInstance("the file meta information is too long")
        return _HEAD + length


def _meta_of(head: bytes) -> FileMeta:
    """The meta information of a file's head; raises NotAnInstance."""
    try:
        meta = dcmread(BytesIO(head)).file_meta
    except Exception:  # noqa: BLE001 - pydicom raises many kinds for bytes that are no meta information
        raise NotAnInstance("the file meta information cannot be read") from None
    found = FileMeta(
        str(meta.get("MediaStorageSOPClassUID", "")),
        str(meta.get("MediaStorageSOPInstanceUID", "")),
        str(meta.get("TransferSyntaxUID", "")),
    )
    if found.transfer_syntax_uid in _REFUSED:
        raise NotAnInstance("the transfer syntax is deflated, big endian or unknown")
    return found
