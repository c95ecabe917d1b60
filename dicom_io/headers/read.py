"""The headers of a study, read once: what every image says about itself, grouped by series."""

from __future__ import annotations

import gc
import math
import os
import struct
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, overload

from pydicom import dcmread
from pydicom.dataset import Dataset
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
from dicom_io.vendors.base import (
    Clocks,
    Diffusion,
    Tile,
    Tiling,
    Vendor,
    clocks_of,
    derivation_words,
    diffusion_of,
    fat_suppression_of,
    frame_clocks,
    frame_diffusion,
    frame_fat_suppression,
    tiling_of,
    vendor_of,
)

NATIVE = frozenset({ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian})
MAX_INFLATED_BYTES = 1 << 30
MAX_PLANES = 1 << 16
USUAL_HEADER_BYTES = (1 << 15, 1 << 20)  # headers with the Siemens CSA blocks reach 150 KB
PIXEL_TAGS = frozenset({0x7FE00010, 0x7FE00009, 0x7FE00008})


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A file or series that takes no part, and why, in words for the person who sent it."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Acquisition:
    """How the images were made: what repeats of one measurement share.

    scanning, variant, options : words of Scanning Sequence, Sequence Variant and Scan Options, upper case.
    repetition_ms, echo_ms, inversion_ms, flip_degrees : None where unsaid.
    fat_suppressed : None where the tags do not tell.
    gradient_echo, spin_echo, echo_planar : kinds of echo; all False when unsaid.
    """

    dimensions: str = ""
    sequence_name: str = ""
    scanning: frozenset[str] = frozenset()
    variant: frozenset[str] = frozenset()
    options: frozenset[str] = frozenset()
    repetition_ms: float | None = None
    echo_ms: float | None = None
    inversion_ms: float | None = None
    inverted: bool = False
    flip_degrees: float | None = None
    fat_suppressed: bool | None = None
    gradient_echo: bool = False
    spin_echo: bool = False
    echo_planar: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """One stored object: where its pixels lie and what it says for evidence.

    public : attributes without pixels, private ones and bulk; enough for a reference to the image.
    offset : byte at which native pixel data begin in the file, None when they must be decoded.
    length : bytes of the native pixel data as the file declares them.
    """

    path: Path
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    public: Elements
    offset: int | None
    length: int
    rows: int
    columns: int
    frames: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    samples: int

    @property
    def header(self) -> Dataset:
        """The public attributes for pydicom, put together when they are first asked for."""
        return self.public.dataset

    @property
    def frame_bytes(self) -> int:
        """Bytes of one decoded frame."""
        return self.rows * self.columns * self.samples * ((self.bits_allocated + 7) // 8)


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """One slice image: a classic instance, a frame of an Enhanced one, or a tile of a mosaic.

    frame : number from 1 inside an Enhanced instance, None in a classic one.
    tile : the window of the stored image that is this slice, None when it is the whole image.
    position_mm, orientation, spacing_mm : as in the Image Plane module, LPS; empty when the image has none.
    thickness_mm : slice thickness, the only spacing that a single slice has.
    slope, intercept : stored value -> real value; NaN when the image says something senseless.
    words : by which the image says that it was computed (see vendors.derivation_words).
    contrast : agent, or PRE_CONTRAST and its like of the Enhanced object; empty when none is named.
    """

    instance: Instance
    frame: int | None
    tile: Tile | None
    rows: int
    columns: int
    position_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, ...]
    thickness_mm: float | None
    slope: float
    intercept: float
    image_type: tuple[str, ...]
    words: frozenset[str]
    stack_id: str
    contrast: str
    diffusion: Diffusion
    clocks: Clocks
    acquisition: Acquisition


@dataclass(frozen=True, slots=True, eq=False)
class SeriesHeader:
    """What one series says about itself before any pixel is read.

    announced_phases : Number of Temporal Positions (0020,0105), None when it is not told.
    Texts are as the scanner wrote them: escape them before showing them.
    instances : also those that hold no image which could be placed.
    """

    series_uid: str
    study_uid: str
    vendor: Vendor
    modality: str
    description: str
    protocol: str
    number: int | None
    frame_of_reference_uid: str
    announced_phases: int | None
    series_time: str
    planes: tuple[Plane, ...]
    instances: tuple[Instance, ...]

    @property
    def is_enhanced(self) -> bool:
        """Whether its images are frames of Enhanced multi-frame objects."""
        return any(plane.frame is not None for plane in self.planes[:1])

    @property
    def image_type(self) -> tuple[str, ...]:
        """The most frequent ImageType of its images."""
        return most_common(plane.image_type for plane in self.planes) or ()

    @property
    def acquisition(self) -> Acquisition:
        """How most of its images were made."""
        return most_common(plane.acquisition for plane in self.planes) or Acquisition()

    @property
    def words(self) -> frozenset[str]:
        """The derivation words that all its images share."""
        return frozenset.intersection(*(plane.words for plane in self.planes)) if self.planes else frozenset()


def most_common(values: Iterable[Any]) -> Any:
    """The most frequent value, of several the one that reads first; None of nothing."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], repr(value)), default=None)


@dataclass(frozen=True, slots=True)
class StudyHeaders(Sequence[SeriesHeader]):
    """All series that were read, in a fixed order whatever the order of arrival, and the files left out."""

    series: tuple[SeriesHeader, ...]
    excluded: tuple[Exclusion, ...] = ()

    @overload
    def __getitem__(self, index: int) -> SeriesHeader: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[SeriesHeader, ...]: ...
    def __getitem__(self, index: int | slice) -> SeriesHeader | tuple[SeriesHeader, ...]:
        return self.series[index]

    def __len__(self) -> int:
        return len(self.series)


def read_series_headers(paths: Iterable[Path]) -> StudyHeaders:
    """Read every header once and group the images by series.

    A file that cannot be read, or repeats an instance that is already there, is left out with a reason; nothing
    raises. The result does not depend on the order of `paths`.
    """
    groups: dict[tuple[str, bool], list[tuple[Instance, tuple[Plane, ...]]]] = defaultdict(list)
    excluded: list[Exclusion] = []
    seen: set[tuple[str, str]] = set()
    with no_garbage_collection():
        for path in sorted(paths, key=os.fspath):
            try:
                instance, elements = read_instance(path)
                if (key := (instance.sop_instance_uid, instance.sop_class_uid)) in seen:
                    raise NotAnImage("repeats an instance that is already there")
                seen.add(key)
                planes = planes_of(instance, elements)
            except NotAnImage as error:
                excluded.append(Exclusion(path.name, str(error)))
                continue
            # An Enhanced copy can share the UID of its classic series (Canon): it stands apart.
            groups[elements.text("SeriesInstanceUID"), planes[0].frame is not None].append((instance, planes))
    series = [series_of(uid, members) for (uid, _), members in sorted(groups.items())]
    return StudyHeaders(tuple(series), tuple(excluded))


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Meanwhile nobody looks for cycles among a hundred thousand new records that have none: a quarter of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def series_of(uid: str, members: list[tuple[Instance, tuple[Plane, ...]]]) -> SeriesHeader:
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
            elements, syntax = read_until_pixels(stream, path)
            offset, length = native_pixels(stream, syntax)
    except NotAnImage:
        raise
    except OSError as error:
        raise NotAnImage(f"cannot be opened: {error.strerror}") from error
    except InvalidDicomError as error:
        raise NotAnImage("is not a DICOM file") from error
    except Exception as error:  # pydicom raises whatever broken bytes make it raise
        raise NotAnImage(f"is damaged: {type(error).__name__} while reading its header") from error
    if not elements.text("SOPInstanceUID") or not elements.text("SeriesInstanceUID"):
        raise NotAnImage("has no SOP Instance UID or Series Instance UID")
    rows, columns = elements.integer("Rows") or 0, elements.integer("Columns") or 0
    if rows < 1 or columns < 1:
        raise NotAnImage(f"holds no image ({elements.text('Modality') or 'no modality'})")
    bits = elements.integer("BitsAllocated") or 16
    stored = elements.integer("BitsStored") or bits
    instance = Instance(
        path=path,
        sop_instance_uid=elements.text("SOPInstanceUID"),
        sop_class_uid=elements.text("SOPClassUID"),
        transfer_syntax_uid=syntax,
        public=elements.public(),
        offset=offset,
        length=length,
        rows=rows,
        columns=columns,
        frames=max(elements.integer("NumberOfFrames") or 1, 1),
        bits_allocated=bits,
        bits_stored=stored,
        high_bit=stored - 1 if (high := elements.integer("HighBit")) is None else high,
        signed=elements.integer("PixelRepresentation") == 1,
        samples=elements.integer("SamplesPerPixel") or 1,
    )
    return instance, elements


def read_until_pixels(stream: BinaryIO, path: Path) -> tuple[Elements, str]:
    """The elements of a file up to its pixels, and its transfer syntax; the stream stands there unless deflated."""
    for size in USUAL_HEADER_BYTES:
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
    return inflated(stream, path)


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


def inflated(stream: BinaryIO, path: Path) -> tuple[Elements, str]:
    """The elements of a deflated file.

    Raises NotAnImage when it inflates to more than it may.
    """
    meta = read_file_meta_info(path)
    stream.seek(132 + 12 + int(meta.FileMetaInformationGroupLength))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    content = inflater.decompress(stream.read(), MAX_INFLATED_BYTES)
    if inflater.unconsumed_tail:
        raise NotAnImage(f"inflates to more than {MAX_INFLATED_BYTES >> 20} MiB")
    dataset = read_dataset(BytesIO(content), False, True, stop_when=lambda tag, vr, length: tag in PIXEL_TAGS)
    return Elements(dataset), str(meta.TransferSyntaxUID)


def native_pixels(stream: BinaryIO, syntax: str) -> tuple[int | None, int]:
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
    if "PerFrameFunctionalGroupsSequence" in elements:
        return _frames(instance, elements, vendor)
    tiling = tiling_of(elements, vendor, elements.texts("ImageType"))
    if tiling is None:
        return (_classic_plane(instance, elements, vendor),)
    whole = _classic_plane(instance, elements, vendor)
    return tuple(_tile_plane(whole, tiling, tile) for tile in tiling.tiles)


def _tile_plane(whole: Plane, tiling: Tiling, tile: Tile) -> Plane:
    clocks = whole.clocks if tile.acquisition_s is None else replace(whole.clocks, acquisition_s=tile.acquisition_s)
    return replace(
        whole, tile=tile, position_mm=tile.position_mm, rows=tiling.rows, columns=tiling.columns, clocks=clocks
    )


def _classic_plane(instance: Instance, elements: Elements, vendor: Vendor) -> Plane:
    image_type = elements.texts("ImageType")
    return Plane(
        instance=instance,
        frame=None,
        tile=None,
        rows=instance.rows,
        columns=instance.columns,
        position_mm=elements.numbers("ImagePositionPatient"),
        orientation=elements.numbers("ImageOrientationPatient"),
        spacing_mm=elements.numbers("PixelSpacing"),
        thickness_mm=elements.number("SpacingBetweenSlices") or elements.number("SliceThickness"),
        slope=rescale_of(elements, "RescaleSlope", 1.0),
        intercept=rescale_of(elements, "RescaleIntercept", 0.0),
        image_type=image_type,
        words=derivation_words(elements, image_type),
        stack_id=elements.text("StackID"),
        contrast=elements.text("ContrastBolusAgent"),
        diffusion=diffusion_of(elements, vendor),
        clocks=clocks_of(elements, vendor),
        acquisition=acquisition_of(elements, vendor),
    )


def rescale_of(elements: Elements, keyword: str, absent: float) -> float:
    """Slope or intercept; NaN when there is one that is no number, so that the pixels are refused."""
    value = elements.number(keyword)
    if value is None:
        return math.nan if keyword in elements else absent
    return value


def acquisition_of(elements: Elements, vendor: Vendor) -> Acquisition:
    """How a classic image was made (MR Image module and each vendor's own attributes)."""
    scanning = frozenset(elements.text("ScanningSequence").upper().split("\\")) - {""}
    inversion = elements.number("InversionTime") or None
    return Acquisition(
        dimensions=elements.text("MRAcquisitionType"),
        sequence_name=elements.text("SequenceName") or elements.text(0x0019109C),
        scanning=scanning,
        variant=frozenset(elements.text("SequenceVariant").upper().split("\\")) - {"", "NONE"},
        options=frozenset(elements.text("ScanOptions").upper().split("\\")) - {"", "NONE"},
        repetition_ms=elements.number("RepetitionTime"),
        echo_ms=elements.number("EchoTime"),
        inversion_ms=inversion,
        inverted="IR" in scanning,
        flip_degrees=elements.number("FlipAngle"),
        fat_suppressed=fat_suppression_of(elements, vendor),
        gradient_echo="GR" in scanning,
        spin_echo="SE" in scanning,
        echo_planar="EP" in scanning,
    )


def _frames(instance: Instance, elements: Elements, vendor: Vendor) -> tuple[Plane, ...]:
    per_frame = elements.items("PerFrameFunctionalGroupsSequence")
    if len(per_frame) < instance.frames or len(per_frame) > MAX_PLANES:
        raise NotAnImage(f"holds {instance.frames} frames but describes {len(per_frame)}")
    shared = elements.item("SharedFunctionalGroupsSequence")
    image_words = derivation_words(elements, elements.texts("ImageType"))
    frames = enumerate(per_frame[: instance.frames], start=1)
    return tuple(_frame(instance, elements, Groups(item, shared), number, image_words) for number, item in frames)


@dataclass(frozen=True, slots=True)
class Groups:
    """The functional groups of one frame: its own first, then the shared ones (PS3.3 C.7.6.16)."""

    own: Elements
    shared: Elements

    def macro(self, keyword: str) -> Elements:
        """The item of a macro; an empty one when neither has it."""
        return self.own.item(keyword) if keyword in self.own else self.shared.item(keyword)


def _frame(instance: Instance, elements: Elements, groups: Groups, number: int, words: frozenset[str]) -> Plane:
    measures = groups.macro("PixelMeasuresSequence")
    scaling = groups.macro("PixelValueTransformationSequence")
    content = groups.macro("FrameContentSequence")
    frame_type = groups.macro("MRImageFrameTypeSequence")
    offset_ms = groups.macro("TemporalPositionSequence").number("TemporalPositionTimeOffset")
    trigger_ms = groups.macro("CardiacSynchronizationSequence").number("NominalCardiacTriggerDelayTime")
    image_type = frame_type.texts("FrameType") or elements.texts("ImageType")
    offset_s = offset_ms if offset_ms is not None else None if trigger_ms is None else trigger_ms / 1000
    return Plane(
        instance=instance,
        frame=number,
        tile=None,
        rows=instance.rows,
        columns=instance.columns,
        position_mm=groups.macro("PlanePositionSequence").numbers("ImagePositionPatient"),
        orientation=groups.macro("PlaneOrientationSequence").numbers("ImageOrientationPatient"),
        spacing_mm=measures.numbers("PixelSpacing"),
        thickness_mm=measures.number("SpacingBetweenSlices") or measures.number("SliceThickness"),
        slope=rescale_of(scaling, "RescaleSlope", 1.0),
        intercept=rescale_of(scaling, "RescaleIntercept", 0.0),
        image_type=image_type,
        words=words | derivation_words(frame_type, image_type),
        stack_id=content.text("StackID"),
        contrast=groups.macro("ContrastBolusUsageSequence").text("ContrastBolusAgentPhase")
        or elements.item("ContrastBolusAgentSequence").text("ContrastBolusAgent"),
        diffusion=frame_diffusion(groups.macro("MRDiffusionSequence")),
        clocks=frame_clocks(elements, content, offset_s, number),
        acquisition=frame_acquisition(elements, groups),
    )


def frame_acquisition(elements: Elements, groups: Groups) -> Acquisition:
    """How an Enhanced frame was made (Enhanced MR Image module and its macros; PS3.3 C.8.13)."""
    timing = groups.macro("MRTimingAndRelatedParametersSequence")
    modifier = groups.macro("MRModifierSequence")
    echo = groups.macro("MREchoSequence").number("EffectiveEchoTime")
    scanning = frozenset(elements.text("ScanningSequence").upper().split("\\")) - {""}
    pulse = elements.text("EchoPulseSequence").upper()
    times = modifier.numbers("InversionTimes")
    return Acquisition(
        dimensions=elements.text("MRAcquisitionType"),
        sequence_name=elements.text("PulseSequenceName") or elements.text("SequenceName"),
        scanning=scanning,
        repetition_ms=timing.number("RepetitionTime") or elements.number("RepetitionTime"),
        echo_ms=elements.number("EchoTime") if echo is None else echo,
        inversion_ms=times[0] if times else elements.number("InversionTime"),
        inverted="IR" in scanning or modifier.text("InversionRecovery").upper() == "YES",
        flip_degrees=timing.number("FlipAngle") or elements.number("FlipAngle"),
        fat_suppressed=frame_fat_suppression(modifier),
        gradient_echo=pulse in ("GRADIENT", "BOTH") or "GR" in scanning,
        spin_echo=pulse in ("SPIN", "BOTH") or "SE" in scanning,
        echo_planar=elements.text("EchoPlanarPulseSequence").upper() == "YES" or "EP" in scanning,
    )
