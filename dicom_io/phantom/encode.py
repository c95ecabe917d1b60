"""DataElements to bytes; elements that the instances of a series share are encoded once.

pydicom encodes every element of every instance anew, which is most of the time that writing 1,500 instances takes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydicom.charset import convert_encodings
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.tag import BaseTag
from pydicom.uid import UID

from dicom_io.phantom.options import TransferSyntax

DataElements = dict[BaseTag, DataElement]
_SPECIFIC_CHARACTER_SET = BaseTag(0x00080005)


@dataclass(slots=True, eq=False)
class Encoder:
    """Bytes of elements in one transfer syntax; remembers the shared ones by identity."""

    transfer_syntax: TransferSyntax
    _shared: dict[int, tuple[DataElement, bytes]] = field(default_factory=dict)

    def share(self, elements: DataElements) -> None:
        """Encode elements that many instances will have."""
        for element in elements.values():
            if id(element) not in self._shared:
                self._shared[id(element)] = (element, self.element(element, _character_sets(elements)))

    def data_set(self, elements: DataElements) -> bytes:
        """All elements in ascending order of tag."""
        encodings = _character_sets(elements)
        return b"".join(
            self._known(elements[tag]) or self.element(elements[tag], encodings) for tag in sorted(elements)
        )

    def _known(self, element: DataElement) -> bytes | None:
        found = self._shared.get(id(element))
        return found[1] if found else None

    def element(self, element: DataElement, encodings: list[str]) -> bytes:
        """One element; text is written in these Python codecs."""
        buffer = DicomBytesIO()
        buffer.is_implicit_VR = self.transfer_syntax is TransferSyntax.IMPLICIT
        buffer.is_little_endian = self.transfer_syntax is not TransferSyntax.BIG_ENDIAN
        write_data_element(buffer, element, encodings)
        return buffer.getvalue()


def _character_sets(elements: Mapping[BaseTag, DataElement]) -> list[str]:
    return convert_encodings(elements[_SPECIFIC_CHARACTER_SET].value)


def part10(meta: Iterable[DataElement], data_set: bytes, transfer_syntax: TransferSyntax) -> bytes:
    """A file: preamble, file meta information (always explicit little endian, PS3.10 7.1), data set."""
    plain = Encoder(TransferSyntax.EXPLICIT)
    group = b"".join(plain.element(element, ["iso8859"]) for element in meta)
    length = plain.element(DataElement(0x00020000, "UL", len(group)), ["iso8859"])
    body = _deflated(data_set) if transfer_syntax is TransferSyntax.DEFLATED else data_set
    return b"".join((bytes(128), b"DICM", length, group, body))


def _deflated(data_set: bytes) -> bytes:
    """RFC 1951 without header, padded to even length (PS3.5 A.5)."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    data = compressor.compress(data_set) + compressor.flush()
    return data + b"\0" * (len(data) % 2)


def compressed_pixels(elements: DataElements, transfer_syntax: TransferSyntax) -> None:
    """Replace the pixel data by its compressed form."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(TransferSyntax.EXPLICIT)
    for element in elements.values():
        dataset[element.tag] = element
    dataset.compress(UID(transfer_syntax), generate_instance_uid=False)
    elements.update({element.tag: element for element in dataset})
