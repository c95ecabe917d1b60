"""What headers say, as records: an instance, its slice images, a series, a study, and what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from pydicom.dataset import Dataset

from dicom_io.encoding.elements import Elements
from dicom_io.vendors.base import Clocks, Diffusion, Tile, VendorProfile


@dataclass(frozen=True, slots=True)
class Omission:
    """A file or series that is not used, and why, in words for the person who sent it."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Acquisition:
    """How an image was made: what the repeats of one measurement share.

    Parameters
    ----------
    repetition_ms, echo_ms, inversion_ms, flip_degrees
        None where the header is silent.
    fat_suppressed
        None where the tags do not tell.
    gradient_echo, spin_echo, echo_planar
        Kinds of echo; all False where the header is silent.
    """

    dimensions: str = ""
    repetition_ms: float | None = None
    echo_ms: float | None = None
    inversion_ms: float | None = None
    flip_degrees: float | None = None
    fat_suppressed: bool | None = None
    gradient_echo: bool = False
    spin_echo: bool = False
    echo_planar: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """One stored object: where its pixels lie and what it says for evidence.

    Parameters
    ----------
    public
        Attributes without pixels, private ones and bulk; enough for a reference to the image.
    offset
        Byte at which native pixel data begin in the file, None when they must be decoded.
    length
        Bytes of the native pixel data as the file declares them.
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

    Parameters
    ----------
    frame
        Number from 1 inside an Enhanced instance, None in a classic one.
    tile
        The window of the stored image that is this slice, None when it is the whole image.
    position_mm, orientation, spacing_mm
        As in the Image Plane module, LPS; empty when the image has none.
    thickness_mm
        Slice thickness, the only spacing that a single slice has.
    slope, intercept
        Stored value -> real value; NaN when the header holds an invalid number.
    words
        By which the image says that it was computed (VendorProfile.derivation_words).
    contrast
        Agent, or PRE_CONTRAST and its like of an Enhanced object; empty when none is named.
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

    Texts are as the scanner wrote them: escape them before showing them.

    Parameters
    ----------
    announced_phases
        Number of Temporal Positions (0020,0105), None when the header does not give it.
    instances
        Also those that hold no image which could be placed.
    """

    series_uid: str
    study_uid: str
    vendor: VendorProfile
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
    excluded: tuple[Omission, ...] = ()

    @overload
    def __getitem__(self, index: int) -> SeriesHeader: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[SeriesHeader, ...]: ...
    def __getitem__(self, index: int | slice) -> SeriesHeader | tuple[SeriesHeader, ...]:
        return self.series[index]

    def __len__(self) -> int:
        return len(self.series)
