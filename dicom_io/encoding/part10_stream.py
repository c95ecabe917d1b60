"""A DICOM file that arrives in pieces: its file meta information first, then its data set, nothing kept whole."""

from __future__ import annotations

from collections.abc import Callable

from dicom_io.encoding.file_meta import META_START, FileMeta, data_set_offset, file_meta_of
from dicom_io.encoding.tables import BIG_ENDIAN, DEFLATED
from dicom_io.errors import NotAnInstance


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
        self.write = self.opened(_accepted_meta(bytes(self.head[:length])))
        self.head.clear()
        if rest:
            self.write(rest)

    def close(self) -> None:
        """The file ends here; raises NotAnInstance when not even its meta information was whole."""
        if self.write is None:
            raise NotAnInstance("the file ends in its meta information")

    def _meta_length(self) -> int | None:
        """Bytes before the data set; None while too few are here."""
        return data_set_offset(self.head) if len(self.head) >= META_START else None


def _accepted_meta(head: bytes) -> FileMeta:
    """The meta information of a file's head; raises NotAnInstance, also for what is not taken from a stream."""
    found = file_meta_of(head)
    if found.transfer_syntax_uid in (DEFLATED, BIG_ENDIAN):
        raise NotAnInstance("the transfer syntax is deflated or big endian")
    return found
