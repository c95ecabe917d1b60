"""Where each vendor hides b-values, directions, clocks, tiles and derivation; the facts are from spec/series.md.

Every function reads one data set and knows no other: a habit of a vendor has one place in this package.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from csa_header import CsaHeader
from csa_header.exceptions import CsaReadError

from dicom_io.encoding.elements import Elements

GE_B_VALUE_OFFSET = 1_000_000_000  # some GE software adds 1e9 to (0043,1039) on multi-b and synthetic DWI
SIEMENS_DIFFUSION_NAME = re.compile(r"^\*?ep_b(\d+)(?:t|#\d+)?$")  # ep_b1000#6, ep_b1000t; not the ADC ep_b0_1000
CANON_COMMENT_B = re.compile(r"\bb=(\d+(?:\.\d+)?)")
SIEMENS_HEADER = "SIEMENS MR HEADER"


class Vendor(StrEnum):
    """Who made the scanner; OTHER is read by the standard's rules alone."""

    SIEMENS = "Siemens"
    GE = "GE"
    PHILIPS = "Philips"
    UIH = "UIH"
    CANON = "Canon"
    HITACHI = "Hitachi"
    OTHER = "other"


def vendor_of(manufacturer: str) -> Vendor:
    """The vendor by Manufacturer (0008,0070) as any of its software versions spells it."""
    name = manufacturer.upper()
    known = {
        "SIEMENS": Vendor.SIEMENS,
        "GE ": Vendor.GE,
        "GENERAL ELECTRIC": Vendor.GE,
        "PHILIPS": Vendor.PHILIPS,
        "UIH": Vendor.UIH,
        "UNITED IMAGING": Vendor.UIH,
        "CANON": Vendor.CANON,
        "TOSHIBA": Vendor.CANON,
        "HITACHI": Vendor.HITACHI,
        "FUJIFILM": Vendor.HITACHI,
    }
    return next((vendor for word, vendor in known.items() if word in f"{name} "), Vendor.OTHER)


class Direction(StrEnum):
    """Diffusion Directionality (0018,9075); BMATRIX (Siemens XA60) is a direction too."""

    UNKNOWN = ""
    NONE = "NONE"
    DIRECTIONAL = "DIRECTIONAL"
    ISOTROPIC = "ISOTROPIC"


@dataclass(frozen=True, slots=True)
class Diffusion:
    """Diffusion weighting of one image.

    b_value : s/mm2, None when the image names none (a b0 of GE or Toshiba, or no diffusion image at all). Philips
        writes 0 and GE 0 on images that are no diffusion images: only the series as a whole tells.
    gradient : unit vector of the direction where the standard attribute gives one.
    """

    b_value: float | None = None
    direction: Direction = Direction.UNKNOWN
    gradient: tuple[float, ...] = ()


def diffusion_of(elements: Elements, vendor: Vendor) -> Diffusion:
    """b-value and direction kind of a classic single-frame image or a mosaic."""
    readers = {
        Vendor.SIEMENS: _siemens_diffusion,
        Vendor.GE: _ge_diffusion,
        Vendor.PHILIPS: _philips_diffusion,
        Vendor.UIH: _uih_diffusion,
        Vendor.CANON: _canon_diffusion,
    }
    return readers.get(vendor, _standard_diffusion)(elements)


def frame_diffusion(macro: Elements) -> Diffusion:
    """b-value and direction kind of an Enhanced frame, from an item of MR Diffusion Sequence (0018,9117)."""
    return Diffusion(
        macro.number("DiffusionBValue"),
        _direction(macro.text("DiffusionDirectionality")),
        macro.item("DiffusionGradientDirectionSequence").numbers("DiffusionGradientOrientation"),
    )


def _standard_diffusion(elements: Elements) -> Diffusion:
    return Diffusion(
        elements.number("DiffusionBValue", "FD"),
        _direction(elements.text("DiffusionDirectionality")),
        elements.numbers("DiffusionGradientOrientation", "FD"),
    )


def _siemens_diffusion(elements: Elements) -> Diffusion:
    standard = _standard_diffusion(elements)
    b_value = elements.number(elements.private(0x0019, SIEMENS_HEADER, 0x0C))
    direction = _direction(elements.text(elements.private(0x0019, SIEMENS_HEADER, 0x0D)))
    if b_value is None:
        b_value = standard.b_value
    if b_value is None and "EP" in elements.text("ScanningSequence"):
        b_value = _siemens_hidden_b(elements)
    return Diffusion(b_value, direction or standard.direction, standard.gradient)


def _siemens_hidden_b(elements: Elements) -> float | None:
    named = SIEMENS_DIFFUSION_NAME.match(elements.text("SequenceName"))
    value = csa_image_header(elements).get("B_value", ())
    return value[0] if value else (float(named.group(1)) if named else None)


def _ge_diffusion(elements: Elements) -> Diffusion:
    """(0043,1039) is right on b0 images too, where (0018,9087) is missing; it may arrive as UN text."""
    standard = _standard_diffusion(elements)
    b_value = elements.number(elements.private(0x0043, "GEMS_PARM_01", 0x39))
    if b_value is None:
        b_value = standard.b_value
    kind = elements.integer(elements.private(0x0043, "GEMS_PARM_01", 0x30))  # 14 = b0, 16 = a diffusion direction
    if b_value is None and kind == 14:
        b_value = 0.0
    if b_value is not None and b_value >= GE_B_VALUE_OFFSET:
        b_value %= GE_B_VALUE_OFFSET
    direction = {14: Direction.NONE, 15: Direction.ISOTROPIC, 16: Direction.DIRECTIONAL}.get(kind or 0)
    return Diffusion(b_value, direction or standard.direction, standard.gradient)


def _philips_diffusion(elements: Elements) -> Diffusion:
    """Software 2.5 has only the private b-value; the trace volume is marked by the direction label I alone."""
    standard = _standard_diffusion(elements)
    b_value = standard.b_value
    if b_value is None:
        b_value = elements.number(elements.private(0x2001, "PHILIPS IMAGING DD 001", 0x03), "FL")
    label = elements.text(elements.private(0x2001, "PHILIPS IMAGING DD 001", 0x04)).upper()
    direction = Direction.ISOTROPIC if label.startswith("I") else standard.direction
    return Diffusion(b_value, direction, standard.gradient)


def _uih_diffusion(elements: Elements) -> Diffusion:
    """The protocol's nominal b-value; the actual one (929.75 for 1000) only where no nominal is kept."""
    standard = _standard_diffusion(elements)
    actual = elements.number(elements.private(0x0065, "IMAGE PRIVATE HEADER", 0x09), "FD")
    nominal = elements.number(elements.private(0x0065, "IMAGE PRIVATE HEADER", 0x0A), "FD")
    if nominal is not None and actual is not None and actual < nominal / 10:
        nominal = 0.0  # the b0 of a series may carry the series' nominal value
    b_value = next((value for value in (nominal, actual, standard.b_value) if value is not None), None)
    return Diffusion(b_value, standard.direction, standard.gradient)


def _canon_diffusion(elements: Elements) -> Diffusion:
    standard = _standard_diffusion(elements)
    comment = CANON_COMMENT_B.search(elements.text("ImageComments"))
    if standard.b_value is None and comment:
        return Diffusion(float(comment.group(1)), standard.direction, standard.gradient)
    return standard


def _direction(text: str) -> Direction:
    word = text.upper()
    if word == "BMATRIX":
        return Direction.DIRECTIONAL
    return Direction(word) if word in set(Direction) else Direction.UNKNOWN


def fat_suppression_of(elements: Elements, vendor: Vendor) -> bool | None:
    """Whether the fat was suppressed, or water alone excited; None when the tags do not tell."""
    options = set(elements.text("ScanOptions").upper().split("\\")) - {"", "NONE"}
    siemens = set(elements.text(elements.private(0x0051, SIEMENS_HEADER, 0x19)).upper().split("/")) - {""}
    if options & {"FS", "WE", "SPECIAL", "WATER_EXC"} or "FS" in siemens:
        return True
    kind = elements.text("SpectrallySelectedSuppression").upper()
    if kind:
        return kind in ("FAT", "FAT_AND_WATER") or elements.text("SpectrallySelectedExcitation").upper() == "WATER"
    if vendor is Vendor.PHILIPS:
        philips_spir = elements.text(elements.private(0x2001, "PHILIPS IMAGING DD 001", 0x21)).upper()
        water = elements.text(elements.private(0x2005, "PHILIPS MR IMAGING DD 001", 0x2F)).upper()
        return True if "Y" in (philips_spir, water) else None
    return False if options and vendor in (Vendor.SIEMENS, Vendor.GE) else None


def frame_fat_suppression(modifier: Elements) -> bool | None:
    """The same of an Enhanced frame, from an item of MR Modifier Sequence (0018,9115)."""
    kind = modifier.text("SpectrallySelectedSuppression").upper()
    excitation = modifier.text("SpectrallySelectedExcitation").upper()
    if kind in ("FAT", "FAT_AND_WATER") or excitation == "WATER":
        return True
    return False if kind else None


@dataclass(frozen=True, slots=True)
class Clocks:
    """Everything in one image that may say when it was taken; None where it says nothing.

    order : instance number, with the frame number behind it in an Enhanced object.
    trigger_s, acquisition_s, content_s : seconds; the last two of the day.
    contrast_start_s : Contrast/Bolus Start Time (0018,1042), seconds of the day.
    """

    temporal_position: float | None = None
    acquisition_number: float | None = None
    trigger_s: float | None = None
    acquisition_s: float | None = None
    content_s: float | None = None
    order: float | None = None
    contrast_start_s: float | None = None


def clocks_of(elements: Elements, vendor: Vendor) -> Clocks:
    """The clocks of a classic single-frame image or a mosaic."""
    position = elements.number("TemporalPositionIdentifier")
    if position is None and vendor is Vendor.PHILIPS:
        position = elements.number(elements.private(0x2005, "PHILIPS MR IMAGING DD 001", 0xA0), "FL")
    trigger_ms = elements.number("TriggerTime")
    return Clocks(
        temporal_position=position,
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


def frame_clocks(instance: Elements, content: Elements, timing_offset_s: float | None, frame: int) -> Clocks:
    """The clocks of an Enhanced frame; `content` is its item of Frame Content Sequence (0020,9111)."""
    acquired = content.seconds("FrameAcquisitionDateTime")
    number = content.number("FrameAcquisitionNumber")
    return Clocks(
        temporal_position=content.number("TemporalPositionIndex"),
        acquisition_number=instance.number("AcquisitionNumber") if number is None else number,
        trigger_s=timing_offset_s,
        acquisition_s=instance.seconds("AcquisitionDateTime") if acquired is None else acquired,
        content_s=content.seconds("FrameReferenceDateTime"),
        order=(instance.number("InstanceNumber") or 0.0) * 1_000_000 + frame,
        contrast_start_s=instance.item("ContrastBolusAgentSequence")
        .item("ContrastAdministrationProfileSequence")
        .seconds("ContrastBolusStartTime"),
    )


@dataclass(frozen=True, slots=True)
class Tile:
    """One slice inside an image that holds many (Siemens mosaic, UIH VFRAME).

    top, left : first row and column of the slice in the stored image.
    position_mm : LPS position of the slice's first voxel.
    acquisition_s : when the slice was taken, seconds of the day; None where only the image says that.
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


def tiling_of(elements: Elements, vendor: Vendor, image_type: tuple[str, ...]) -> Tiling | None:
    """The slices inside this image, None for an ordinary image or one whose tiles nothing describes."""
    if vendor is Vendor.UIH and "VFRAME" in image_type:
        return _vframe_tiling(elements)
    if "MOSAIC" in image_type:
        return _mosaic_tiling(elements)
    return None


def _tile_grid(elements: Elements, across: int, down: int) -> tuple[int, int]:
    """Rows and columns of one tile, of so many across and down the stored image."""
    return (elements.integer("Rows") or 0) // down, (elements.integer("Columns") or 0) // across


def _vframe_tiling(elements: Elements) -> Tiling | None:
    """UIH gives one item per slice, each with its own Image Position (Patient) and Acquisition Time, in (0065,1051)."""
    items = elements.items(elements.private(0x0065, "IMAGE PRIVATE HEADER", 0x51))
    if not items:
        return None
    across = math.ceil(math.sqrt(len(items)))
    down = math.ceil(len(items) / across)
    if (elements.integer("Rows") or 0) % down:  # then the grid is square, its last rows empty
        down = across
    rows, columns = _tile_grid(elements, across, down)
    tiles = []
    for index, item in enumerate(items):
        row, column = divmod(index, across)
        position_mm = item.numbers("ImagePositionPatient")
        tiles.append(Tile(row * rows, column * columns, position_mm, acquired_s(item)))
    return Tiling(rows, columns, tuple(tiles))


def _mosaic_tiling(elements: Elements) -> Tiling | None:
    """Siemens gives the corner of the whole mosaic as if it were one slice around the same centre.

    Corner of slice 0 = corner of the mosaic + half the surplus of rows and columns; the others follow along the slice
    normal of the CSA header, whose sense (not that of the row and column vectors) is the order of the tiles.
    """
    csa = csa_image_header(elements)
    count = int(
        next(
            iter(csa.get("NumberOfImagesInMosaic", ())),
            elements.number(elements.private(0x0019, SIEMENS_HEADER, 0x0A)) or 0,
        )
    )
    axes = np.array(elements.numbers("ImageOrientationPatient"), dtype=float)
    corner = np.array(elements.numbers("ImagePositionPatient"), dtype=float)
    spacing = elements.numbers("PixelSpacing")
    step_mm = elements.number("SpacingBetweenSlices") or elements.number("SliceThickness")
    if count < 1 or axes.shape != (6,) or corner.shape != (3,) or len(spacing) != 2 or not step_mm:
        return None
    side = math.ceil(math.sqrt(count))
    rows, columns = _tile_grid(elements, side, side)
    surplus = ((elements.integer("Columns") or 0) - columns, (elements.integer("Rows") or 0) - rows)
    first = corner + axes[:3] * spacing[1] * surplus[0] / 2 + axes[3:] * spacing[0] * surplus[1] / 2
    normal = np.array(csa.get("SliceNormalVector", ()), dtype=float)
    if normal.shape != (3,):
        normal = np.cross(axes[:3], axes[3:])
    corners = first + np.outer(np.arange(count), normal * step_mm)
    places = ((*divmod(index, side), tuple(map(float, corners[index]))) for index in range(count))
    return Tiling(rows, columns, tuple(Tile(r * rows, c * columns, position) for r, c, position in places))


def csa_image_header(elements: Elements) -> dict[str, tuple[float, ...]]:
    """The numbers of the Siemens CSA image header (0029,1010), empty when there is none or it is damaged."""
    raw = elements.data(elements.private(0x0029, "SIEMENS CSA HEADER", 0x10))
    if len(raw) < 16:
        return {}
    try:
        parsed = CsaHeader(raw).read()
    except (CsaReadError, ValueError, IndexError, KeyError, OverflowError):
        return {}
    return {name: _csa_numbers(entry.get("value")) for name, entry in parsed.items() if isinstance(entry, dict)}


def _csa_numbers(value: object) -> tuple[float, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(float(v) for v in values if isinstance(v, int | float))


@lru_cache(256)
def image_type_words(image_type: tuple[str, ...]) -> frozenset[str]:
    """The values of an ImageType and the words that they are made of, upper case."""
    parts = {word for value in image_type for word in value.upper().replace(" ", "_").split("_") if word}
    return frozenset(parts | {value.upper() for value in image_type})


def derivation_words(elements: Elements, image_type: tuple[str, ...]) -> frozenset[str]:
    """Every word by which the scanner or a workstation says that an image was computed, upper case.

    ImageType, Siemens' own copy of it (0051,1016), Volume Based Calculation Technique (0008,9207), and the meanings of
    derivation codes.
    """
    words = set(image_type_words(image_type))
    words |= set(elements.text(elements.private(0x0051, SIEMENS_HEADER, 0x16)).upper().split("/")) - {""}
    words |= set(elements.text("VolumeBasedCalculationTechnique").upper().split("\\")) - {"", "NONE"}
    words |= {f"DCM{item.text('CodeValue')}" for item in elements.items("DerivationCodeSequence")}
    return frozenset(words)
