"""The headers of a study, read once and grouped by series; and one file up to its pixels."""

from __future__ import annotations

import gc
import os
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_dataset, read_file_meta_info
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from dicom_io.encoding.elements import Elements
from dicom_io.encoding.raw import NeedsFullParser, raw_elements, syntax_and_start
from dicom_io.errors import NotAnImage
from dicom_io.headers.classic import classic_planes
from dicom_io.headers.enhanced import enhanced_planes, is_enhanced
from dicom_io.headers.records import Instance, Omission, Plane, SeriesHeader, StudyHeaders
from dicom_io.vendors.registry import vendor_of

NATIVE = frozenset({ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian})
_MAX_INFLATED_BYTES = 1 << 30
_USUAL_HEADER_BYTES = (1 << 15, 1 << 20)  # headers with the Siemens CSA blocks reach 150 KB
_PIXEL_TAGS = frozenset({0x7FE00010, 0x7FE00009, 0x7FE00008})


def read_series_headers(paths: Iterable[Path]) -> StudyHeaders:
    """Read every header once and group the images by series.

    A file that cannot be read, or duplicates an instance that was already read, is left out with a reason; nothing
    raises. The result does not depend on the order of `paths`.
    """
    groups: dict[tuple[str, bool], list[tuple[Instance, tuple[Plane, ...]]]] = defaultdict(list)
    omitted: list[Omission] = []
    seen: set[tuple[str, str]] = set()
    with no_garbage_collection():
        for path in sorted(paths, key=os.fspath):
            try:
                instance, elements = read_instance(path)
                if (key := (instance.sop_instance_uid, instance.sop_class_uid)) in seen:
                    raise NotAnImage("duplicates an instance that was already read")
                seen.add(key)
                planes = planes_of(instance, elements)
            except NotAnImage as error:
                omitted.append(Omission(path.name, str(error)))
                continue
            # An Enhanced copy can share the UID of its classic series (Canon): it stands apart.
            groups[elements.text("SeriesInstanceUID"), planes[0].frame is not None].append((instance, planes))
    series = [_series_of(uid, members) for (uid, _), members in sorted(groups.items())]
    return StudyHeaders(tuple(series), tuple(omitted))


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Hold garbage collection while a hundred thousand records without cycles are made: a quarter of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _series_of(uid: str, members: list[tuple[Instance, tuple[Plane, ...]]]) -> SeriesHeader:
    """One series from its instances, in the order of their instance numbers."""
    members.sort(key=lambda member: (member[1][0].clocks.order or 0.0, member[0].sop_instance_uid))
    first = members[0][0].public
    return SeriesHeader(
        series_uid=uid,
        study_uid=first.text("StudyInstanceUID"),
        vendor=vendor_of(first.text("Manufacturer")),
        modality=first.text("Modality"),
        description=first.text("SeriesDescription"),
        protocol=first.text("ProtocolName"),
        number=first.integer("SeriesNumber"),
        frame_of_reference_uid=first.text("FrameOfReferenceUID"),
        announced_phases=first.integer("NumberOfTemporalPositions"),
        series_time=first.text("SeriesTime"),
        planes=tuple(plane for _, planes in members for plane in planes),
        instances=tuple(instance for instance, _ in members),
    )


def read_instance(path: Path) -> tuple[Instance, Elements]:
    """Read one file up to its pixels; its elements are those of its header, private and long ones too.

    Raises NotAnImage when the file is no DICOM instance, is cut off, or holds no image.
    """
    try:
        with path.open("rb", buffering=0) as stream:
            elements, syntax = _read_until_pixels(stream, path)
            pixels_at = _native_pixels(stream, syntax)
    except NotAnImage:
        raise
    except OSError as error:
        raise NotAnImage(f"cannot be opened: {error.strerror}") from error
    except InvalidDicomError as error:
        raise NotAnImage("is not a DICOM file") from error
    except Exception as error:  # pydicom raises whatever broken bytes make it raise
        raise NotAnImage(f"is damaged: {type(error).__name__} while reading its header") from error
    return _instance_of(path, elements, syntax, pixels_at), elements


def _instance_of(path: Path, elements: Elements, syntax: str, pixels_at: tuple[int | None, int]) -> Instance:
    """The record of one file from its header, and where its pixels lie: offset and length.

    Raises NotAnImage when it has no UID, or holds no image.
    """
    if not elements.text("SOPInstanceUID") or not elements.text("SeriesInstanceUID"):
        raise NotAnImage("has no SOP Instance UID or Series Instance UID")
    rows, columns = elements.integer("Rows") or 0, elements.integer("Columns") or 0
    if rows < 1 or columns < 1:
        raise NotAnImage(f"holds no image ({elements.text('Modality') or 'no modality'})")
    bits = elements.integer("BitsAllocated") or 16
    stored = elements.integer("BitsStored") or bits
    return Instance(
        path=path,
        sop_instance_uid=elements.text("SOPInstanceUID"),
        sop_class_uid=elements.text("SOPClassUID"),
        transfer_syntax_uid=syntax,
        public=elements.public(),
        offset=pixels_at[0],
        length=pixels_at[1],
        rows=rows,
        columns=columns,
        frames=max(elements.integer("NumberOfFrames") or 1, 1),
        bits_allocated=bits,
        bits_stored=stored,
        high_bit=stored - 1 if (high := elements.integer("HighBit")) is None else high,
        signed=elements.integer("PixelRepresentation") == 1,
        samples=elements.integer("SamplesPerPixel") or 1,
    )


def _read_until_pixels(stream: BinaryIO, path: Path) -> tuple[Elements, str]:
    """The elements of a file up to its pixels, and its transfer syntax; the stream stands there unless deflated."""
    for size in _USUAL_HEADER_BYTES:
        stream.seek(0)
        head = stream.read(size)
        try:
            return usual_header(stream, head)
        except NeedsFullParser:
            continue
    stream.seek(0)
    if DeflatedExplicitVRLittleEndian.encode() not in stream.read(1024):
        stream.seek(0)
        whole = dcmread(stream, stop_before_pixels=True)
        return Elements(whole), str(whole.file_meta.get("TransferSyntaxUID", ""))
    return _inflated(stream, path)


def usual_header(stream: BinaryIO, head: bytes) -> tuple[Elements, str]:
    """The elements of a file whose header lies in its first bytes.

    Raises NeedsFullParser when pydicom must read it.
    """
    syntax, start = syntax_and_start(head)
    explicit = syntax != ImplicitVRLittleEndian
    found, pixels_at = raw_elements(head, start, explicit)
    stream.seek(pixels_at)
    elements = Elements.of_bytes(found, implicit=not explicit)
    for groups in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        if elements.items(groups):  # parsed by pydicom: once, for planes and evidence
            elements = Elements(elements.dataset)
    return elements, syntax


def _inflated(stream: BinaryIO, path: Path) -> tuple[Elements, str]:
    """The elements of a deflated file.

    Raises NotAnImage when it inflates to more than it may.
    """
    meta = read_file_meta_info(path)
    stream.seek(132 + 12 + int(meta.FileMetaInformationGroupLength))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    content = inflater.decompress(stream.read(), _MAX_INFLATED_BYTES)
    if inflater.unconsumed_tail:
        raise NotAnImage(f"inflates to more than {_MAX_INFLATED_BYTES >> 20} MiB")
    dataset = read_dataset(BytesIO(content), False, True, stop_when=lambda tag, vr, length: tag in _PIXEL_TAGS)
    return Elements(dataset), str(meta.TransferSyntaxUID)


def _native_pixels(stream: BinaryIO, syntax: str) -> tuple[int | None, int]:
    """Offset and length of native pixel data at which the stream stands; (None, 0) when they must be decoded."""
    if syntax not in NATIVE:
        return None, 0
    head = stream.read(12)
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    if len(head) < 12 or struct.unpack(f"{order}HH", head[:4]) != (0x7FE0, 0x0010):
        return None, 0
    if syntax == ImplicitVRLittleEndian:
        return stream.tell() - 4, struct.unpack("<L", head[4:8])[0]
    return stream.tell(), struct.unpack(f"{order}L", head[8:12])[0]


def planes_of(instance: Instance, elements: Elements) -> tuple[Plane, ...]:
    """Every slice image of one instance, by its elements.

    Raises NotAnImage when an Enhanced object describes fewer frames than it holds, or absurdly many.
    """
    vendor = vendor_of(elements.text("Manufacturer"))
    read_planes = enhanced_planes if is_enhanced(elements) else classic_planes
    return read_planes(instance, elements, vendor)
