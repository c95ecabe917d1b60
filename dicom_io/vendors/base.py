"""What one image says about diffusion, time and tiles, and the shape of a vendor: how its scanners write that.

A vendor is one file of this package that builds a `VendorProfile`, and one row of `dicom_io.vendors.registry`. What
its profile does not say is read by the standard alone. Every reader is given one data set and knows no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from dicom_io.encoding.elements import Elements
from dicom_io.encoding.shapes import Numbers, PrivateTag, SafePrivate

B_VALUES = Numbers(0, 20_000)  # s/mm2
_FAT_SUPPRESSION_OPTIONS = frozenset({"FS", "WE", "SPECIAL", "WATER_EXC"})  # of Scan Options (0018,0022)


class Vendor(StrEnum):
    """Names of vendors, for those who write as one of them or look for one."""

    SIEMENS = "Siemens"
    GE = "GE"
    PHILIPS = "Philips"
    UIH = "UIH"
    CANON = "Canon"
    HITACHI = "Hitachi"


class Direction(StrEnum):
    """Diffusion Directionality (0018,9075); BMATRIX (Siemens XA60) is a direction too."""

    UNKNOWN = ""
    NONE = "NONE"
    DIRECTIONAL = "DIRECTIONAL"
    ISOTROPIC = "ISOTROPIC"


@dataclass(frozen=True, slots=True)
class Diffusion:
    """Diffusion weighting of one image.

    Parameters
    ----------
    b_value
        s/mm2; None when the image names none (a b0 of GE or Toshiba, or no diffusion image at all). Philips writes 0
        and GE 0 on images that are no diffusion images: only the series as a whole tells.
    gradient
        Unit vector of the direction where the standard attribute gives one, else empty.
    """

    b_value: float | None = None
    direction: Direction = Direction.UNKNOWN
    gradient: tuple[float, ...] = ()


class Clue(StrEnum):
    """What may say in which order images were taken."""

    TEMPORAL_POSITION = "temporal position"
    ACQUISITION_NUMBER = "acquisition number"
    TRIGGER_TIME = "trigger time"
    ACQUISITION_TIME = "acquisition time"
    CONTENT_TIME = "content time"
    INSTANCE_NUMBER = "instance number"
    DIFFUSION = "b-value and direction"
    NAME = "phase number in the series name"


LABELS = (Clue.TEMPORAL_POSITION, Clue.ACQUISITION_NUMBER)
CLOCKS = (Clue.ACQUISITION_TIME, Clue.TRIGGER_TIME, Clue.CONTENT_TIME)


@dataclass(frozen=True, slots=True)
class Clocks:
    """Everything in one image that may say when it was taken; None where it says nothing.

    Parameters
    ----------
    trigger_s, acquisition_s, content_s
        Seconds; the last two of the day.
    order
        Instance number, with the frame number behind it in an Enhanced object.
    contrast_start_s
        Contrast/Bolus Start Time (0018,1042), seconds of the day.
    """

    temporal_position: float | None = None
    acquisition_number: float | None = None
    trigger_s: float | None = None
    acquisition_s: float | None = None
    content_s: float | None = None
    order: float | None = None
    contrast_start_s: float | None = None

    def value(self, clue: Clue) -> float | None:
        """What the image says for one clue; None for those that no single image can tell."""
        name = _CLOCK_OF.get(clue)
        value: float | None = getattr(self, name) if name else None
        return value


_CLOCK_OF = {
    Clue.TEMPORAL_POSITION: "temporal_position",
    Clue.ACQUISITION_NUMBER: "acquisition_number",
    Clue.TRIGGER_TIME: "trigger_s",
    Clue.ACQUISITION_TIME: "acquisition_s",
    Clue.CONTENT_TIME: "content_s",
    Clue.INSTANCE_NUMBER: "order",
}


@dataclass(frozen=True, slots=True)
class Tile:
    """One slice inside an image that holds many (Siemens mosaic, UIH VFRAME).

    Parameters
    ----------
    top, left
        First row and column of the slice in the stored image.
    position_mm
        LPS position of the centre of the slice's first voxel.
    acquisition_s
        When the slice was taken, seconds of the day; None where only the image as a whole says that.
    """

    top: int
    left: int
    position_mm: tuple[float, ...]
    acquisition_s: float | None = None


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a stored image divides into slices of `rows` x `columns`."""

    rows: int
    columns: int
    tiles: tuple[Tile, ...]


# --- what the standard says of a classic image


def standard_diffusion(elements: Elements) -> Diffusion:
    """Diffusion by the attributes of the MR Diffusion macro, as recent software writes them into classic images."""
    return Diffusion(
        elements.number("DiffusionBValue", "FD"),
        direction_of(elements.text("DiffusionDirectionality")),
        elements.numbers("DiffusionGradientOrientation", "FD"),
    )


def direction_of(text: str) -> Direction:
    """The direction kind that a word means; UNKNOWN for a word that the standard does not have."""
    word = text.upper()
    if word == "BMATRIX":
        return Direction.DIRECTIONAL
    return Direction(word) if word in set(Direction) else Direction.UNKNOWN


def standard_clocks(elements: Elements) -> Clocks:
    """The clocks of a classic single-frame image or a mosaic."""
    trigger_ms = elements.number("TriggerTime")
    return Clocks(
        temporal_position=elements.number("TemporalPositionIdentifier"),
        acquisition_number=elements.number("AcquisitionNumber"),
        trigger_s=None if trigger_ms is None else trigger_ms / 1000,
        acquisition_s=acquired_s(elements),
        content_s=elements.seconds("ContentTime"),
        order=elements.number("InstanceNumber"),
        contrast_start_s=elements.seconds("ContrastBolusStartTime"),
    )


def acquired_s(elements: Elements) -> float | None:
    """When the acquisition of an image, or of a tile inside one, began: seconds of the day."""
    time = elements.seconds("AcquisitionTime")
    return elements.seconds("AcquisitionDateTime") if time is None else time


def _untold_fat_suppression(elements: Elements, options: frozenset[str]) -> bool | None:
    """Nothing: without a word about fat suppression an image may have it or not."""
    del elements, options
    return None


def unsuppressed_when_options_are_listed(elements: Elements, options: frozenset[str]) -> bool | None:
    """Not fat suppressed when the scanner lists its options and fat suppression is not among them."""
    del elements
    return False if options else None


def _no_tiling(elements: Elements, image_type: tuple[str, ...]) -> Tiling | None:
    """The image is one slice."""
    del elements, image_type
    return None


# What orders repeats where nothing is known about the vendor, the most reliable first.
_GENERAL_PHASE_ORDER = (*LABELS, Clue.ACQUISITION_TIME, Clue.CONTENT_TIME, Clue.TRIGGER_TIME, Clue.INSTANCE_NUMBER)


@dataclass(frozen=True, slots=True, eq=False)
class VendorProfile:
    """How one vendor's scanners write what the standard leaves open; what is not given is read by the standard.

    Parameters
    ----------
    manufacturers
        Words, upper case, of which one stands in Manufacturer (0008,0070) whatever the software version.
    diffusion
        b-value and direction kind of a classic image.
    fat_suppression
        Whether the fat was suppressed when neither the options nor the standard attribute say so, from the data set
        and the words of Scan Options.
    clocks
        The clocks of a classic image.
    tiling
        The slices inside an image, from the data set and its ImageType; None for an ordinary image or one whose tiles
        nothing describes.
    image_type_copy, scan_options_copy
        Private texts that repeat ImageType and Scan Options in the vendor's own words, divided by slashes.
    phase_order
        The clues that may order the repeats of a slice, the most reliable first.
    timing_clues
        The clocks whose differences are times between phases.
    safe_private
        Private elements that readers here need, and the shape in which de-identification keeps them.
    """

    name: str
    manufacturers: tuple[str, ...] = ()
    diffusion: Callable[[Elements], Diffusion] = standard_diffusion
    fat_suppression: Callable[[Elements, frozenset[str]], bool | None] = _untold_fat_suppression
    clocks: Callable[[Elements], Clocks] = standard_clocks
    tiling: Callable[[Elements, tuple[str, ...]], Tiling | None] = _no_tiling
    image_type_copy: PrivateTag | None = None
    scan_options_copy: PrivateTag | None = None
    phase_order: tuple[Clue, ...] = _GENERAL_PHASE_ORDER
    timing_clues: tuple[Clue, ...] = CLOCKS
    safe_private: tuple[SafePrivate, ...] = ()

    def __str__(self) -> str:
        return str(self.name)

    def fat_suppressed(self, elements: Elements) -> bool | None:
        """Whether the fat was suppressed, or water alone excited; None when the tags do not tell."""
        options = frozenset(elements.text("ScanOptions").upper().split("\\")) - {"", "NONE"}
        if options & _FAT_SUPPRESSION_OPTIONS or "FS" in _words_of(elements, self.scan_options_copy):
            return True
        kind = elements.text("SpectrallySelectedSuppression").upper()
        if kind:
            return kind in ("FAT", "FAT_AND_WATER") or elements.text("SpectrallySelectedExcitation").upper() == "WATER"
        return self.fat_suppression(elements, options)

    def derivation_words(self, elements: Elements, image_type: tuple[str, ...]) -> frozenset[str]:
        """Every word by which the scanner or a workstation says that an image was computed, upper case.

        ImageType, the vendor's own copy of it, Volume Based Calculation Technique (0008,9207), and derivation codes.
        """
        words = set(image_type_words(image_type))
        words |= _words_of(elements, self.image_type_copy)
        words |= set(elements.text("VolumeBasedCalculationTechnique").upper().split("\\")) - {"", "NONE"}
        words |= {f"DCM{item.text('CodeValue')}" for item in elements.items("DerivationCodeSequence")}
        return frozenset(words)


def _words_of(elements: Elements, copy: PrivateTag | None) -> set[str]:
    if copy is None:
        return set()
    return set(elements.text(copy.within(elements)).upper().split("/")) - {""}


@lru_cache(256)
def image_type_words(image_type: tuple[str, ...]) -> frozenset[str]:
    """The values of an ImageType and the words that they are made of, upper case."""
    parts = {word for value in image_type for word in value.upper().replace(" ", "_").split("_") if word}
    return frozenset(parts | {value.upper() for value in image_type})
