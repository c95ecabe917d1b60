"""An image without its patient: for a cohort that leaves the hospital.

A new file is written from the elements that may leave (`kept`) and the stored values of the pixels; nothing else of the
source is copied. PS3.15 annex E: Basic Application Level Confidentiality Profile with Retain Longitudinal Temporal
Information with Modified Dates; where a series is described, Clean Descriptors; where a private element stays that
readers need, Retain Safe Private.
"""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager
from enum import StrEnum
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from types import TracebackType
from warnings import catch_warnings, simplefilter

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    LegacyConvertedEnhancedMRImageStorage,
    MRImageStorage,
)

from dicom_io.deidentification.burned_in import TextFinder
from dicom_io.deidentification.cleaning import Cleaning
from dicom_io.deidentification.mask import Mask
from dicom_io.encoding.codes import code_item
from dicom_io.encoding.elements import Elements, tag_of
from dicom_io.errors import DicomError, NotAnImage, PixelsUnreadable
from dicom_io.headers.enhanced import is_enhanced
from dicom_io.headers.read import read_instance
from dicom_io.headers.records import Instance
from dicom_io.pixels.compressed import DecoderProcess
from dicom_io.pixels.frames import Array
from dicom_io.pixels.stored import read_stored
from dicom_io.vendors.base import B_VALUES
from dicom_io.vendors.registry import vendor_of

_VERSION = version("mome-node")
_IMAGES = frozenset({MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage})
_GREY = ("MONOCHROME1", "MONOCHROME2")
_EMPTY = ("PatientBirthDate", "PatientSex", "AccessionNumber", "ReferringPhysicianName", "StudyID")  # of type 2
_OF_PIXELS = (  # written anew, from the pixels that leave
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "NumberOfFrames",
)
_PROFILE = (  # PS3.16 CID 7050
    ("113100", "Basic Application Confidentiality Profile"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
)
_DESCRIPTORS = ("113105", "Clean Descriptors Option")
_SAFE_PRIVATE = ("113111", "Retain Safe Private Option")


class Hindrance(StrEnum):
    """Why an object stays here: a stable code."""

    NO_DICOM = "NO_DICOM"  # a file of another kind
    NO_IMAGE = "NO_IMAGE"  # a document, a damaged file
    NO_MR_IMAGE = "NO_MR_IMAGE"  # text may be burned into others
    TEXT_DECLARED = "TEXT_DECLARED"  # its header says that text is burned into its pixels
    NO_GREY_VALUES = "NO_GREY_VALUES"  # colours, a palette
    PIXELS_UNREADABLE = "PIXELS_UNREADABLE"
    TEXT_FOUND = "TEXT_FOUND"  # the search found some in its pixels
    NOT_WRITABLE = "NOT_WRITABLE"  # a library failed with it


class NotExportable(DicomError):
    """The object stays here; the message is the code of its hindrance, and repeats nothing that it says of itself."""

    def __init__(self, hindrance: Hindrance) -> None:
        super().__init__(hindrance.value)
        self.hindrance = hindrance


class Deidentifier(AbstractContextManager["Deidentifier"]):
    """Writes the images of one patient without the patient.

    Parameters
    ----------
    finder
        Looks for burned-in text; with None nobody looks, and every copy says so.

    Attributes
    ----------
    dropped
        How many images held an element of each tag that stayed here, whole or with one of its values.
    """

    def __init__(self, mask: Mask, finder: TextFinder | None = None) -> None:
        self._mask, self._finder = mask, finder
        self._started: DecoderProcess | None = None
        self.dropped: Counter[str] = Counter()

    def write(self, source: Path, target: Path) -> None:
        """Write one image. Raises NotExportable for whatever is wrong with it, OSError only when the disk fails."""
        try:
            with catch_warnings():
                simplefilter("ignore")  # pydicom's may quote a value
                content, dropped = self._written(source)
        except NotExportable:
            raise
        except NotAnImage as error:
            raise NotExportable(Hindrance.NO_IMAGE) from error
        except PixelsUnreadable as error:
            raise NotExportable(Hindrance.PIXELS_UNREADABLE) from error
        except Exception as error:  # pydicom raises whatever strange values make it raise
            raise NotExportable(Hindrance.NOT_WRITABLE) from error
        target.write_bytes(content)
        self.dropped.update(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in dropped)

    def _written(self, source: Path) -> tuple[bytes, set[int]]:
        """The copy as a file, and the tags of what was dropped."""
        instance, elements = read_instance(source)
        _require_exportable(instance, elements)
        pixels = self._pixels(instance)
        if self._finder and any(map(self._finder.finds_text, pixels)):
            raise NotExportable(Hindrance.TEXT_FOUND)
        cleaning = Cleaning(self._mask)
        image = cleaning.copy(elements)
        _add_diffusion(image, elements)
        _add_pixels(image, instance, pixels)
        self._add_claims(image, cleaning.keeps_private)
        content = BytesIO()
        image.save_as(content, enforce_file_format=True)
        return content.getvalue(), cleaning.dropped - set(map(tag_of, _OF_PIXELS))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._started is not None:
            self._started.__exit__(kind, error, traceback)
        self._started = None

    def _pixels(self, instance: Instance) -> Array:
        """Stored values (frames, rows, columns)."""
        try:
            return read_stored(instance, self._decoder)
        except Exception:
            self.__exit__(None, None, None)  # it may have died, or still be at work
            raise

    def _decoder(self) -> DecoderProcess:
        """The child process that decodes all compressed images; it starts with the first one."""
        self._started = self._started or DecoderProcess()
        return self._started

    def _add_claims(self, image: Dataset, keeps_private: bool) -> None:
        """Who it is now, and what was done: no more than that."""
        image.PatientName = image.PatientID = self._mask.patient
        for keyword in _EMPTY:
            setattr(image, keyword, "")
        image.PatientIdentityRemoved = "YES"
        image.LongitudinalTemporalInformationModified = "MODIFIED"
        image.DeidentificationMethod = [
            f"MOME Node {_VERSION}: listed elements only",
            "pixel data: stored values only",
            f"burned-in text: none found by {self._finder.name}" if self._finder else "burned-in text: nobody looked",
        ]
        methods = [*_PROFILE]
        if image.get("SeriesDescription") or image.get("ProtocolName"):
            methods.append(_DESCRIPTORS)
        if keeps_private:
            methods.append(_SAFE_PRIVATE)
        image.DeidentificationMethodCodeSequence = [code_item(value, "DCM", meaning) for value, meaning in methods]
        image.file_meta, image.preamble = FileMetaDataset(), bytes(128)
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _require_exportable(instance: Instance, elements: Elements) -> None:
    """Raise NotExportable for what is no MR image of grey values without text."""
    if instance.sop_class_uid not in _IMAGES:
        raise NotExportable(Hindrance.NO_MR_IMAGE)
    if elements.text("BurnedInAnnotation").upper() == "YES":
        raise NotExportable(Hindrance.TEXT_DECLARED)
    if elements.text("PhotometricInterpretation").upper() not in _GREY:
        raise NotExportable(Hindrance.NO_GREY_VALUES)


def _add_diffusion(image: Dataset, elements: Elements) -> None:
    """The b-value of a classic image where the standard has it, not in a comment, a name or a CSA header."""
    if is_enhanced(elements):
        return
    found = vendor_of(elements.text("Manufacturer")).diffusion(elements)
    if found.b_value is not None and B_VALUES.holds(found.b_value) and "DiffusionBValue" not in image:
        image.DiffusionBValue = found.b_value


def _add_pixels(image: Dataset, instance: Instance, pixels: Array) -> None:
    """Native pixel data, little-endian, with the attributes that describe them (PS3.3 C.7.6.3)."""
    image.Rows, image.Columns, image.SamplesPerPixel = instance.rows, instance.columns, 1
    image.BitsAllocated, image.BitsStored, image.HighBit = (
        instance.bits_allocated,
        instance.bits_stored,
        instance.bits_stored - 1,
    )
    image.PixelRepresentation = int(instance.signed)
    if is_enhanced(Elements(image)) or len(pixels) > 1:
        image.NumberOfFrames = len(pixels)
    values = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()
    image.add_new("PixelData", "OB" if instance.bits_allocated == 8 else "OW", values + bytes(len(values) % 2))
