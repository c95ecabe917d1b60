"""An image without its patient: for a cohort that leaves the hospital.

A new file is written from the elements that may leave (`kept`) and the stored values of the pixels; nothing else of the
source is copied. PS3.15 annex E: Basic Application Level Confidentiality Profile with Retain Longitudinal Temporal
Information with Modified Dates; where a series is described, Clean Descriptors; where a private element stays that
readers need, Retain Safe Private.
"""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager
from importlib.metadata import version
from pathlib import Path
from types import TracebackType

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.uid import (
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    LegacyConvertedEnhancedMRImageStorage,
    MRImageStorage,
)

from dicom_io.deidentification.burned_in import TextFinder
from dicom_io.deidentification.cleaning import Cleaning
from dicom_io.deidentification.mask import Mask
from dicom_io.encoding.elements import Elements, tag_of
from dicom_io.encoding.shapes import vocabulary
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
_WRITTEN = frozenset(  # with values of ours
    map(
        tag_of,
        vocabulary(
            "PatientName PatientID Rows Columns SamplesPerPixel BitsAllocated BitsStored HighBit PixelRepresentation"
            " NumberOfFrames"
        ),
    )
)
_PROFILE = (  # PS3.16 CID 7050
    Code("113100", "DCM", "Basic Application Confidentiality Profile"),
    Code("113107", "DCM", "Retain Longitudinal Temporal Information Modified Dates Option"),
)
_DESCRIPTORS = Code("113105", "DCM", "Clean Descriptors Option")
_SAFE_PRIVATE = Code("113111", "DCM", "Retain Safe Private Option")


class NotExportable(DicomError):
    """The object stays here: it is no MR image, cannot be read, or shows text."""


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
        """Write one image. Raises NotExportable for what is no MR image, cannot be read, or has burned-in text."""
        try:
            instance, elements = read_instance(source)
            _require_exportable(instance, elements)
            pixels = self._pixels(instance)
        except (NotAnImage, PixelsUnreadable) as error:
            raise NotExportable(str(error)) from error
        if self._finder and any(map(self._finder.finds_text, pixels)):
            raise NotExportable("text was found in its pixels")
        cleaning = Cleaning(self._mask)
        image = cleaning.copy(elements)
        _add_diffusion(image, elements)
        _add_pixels(image, instance, pixels)
        self._add_claims(image, cleaning.keeps_private)
        image.save_as(target, enforce_file_format=True)
        self.dropped.update(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in cleaning.dropped - _WRITTEN)

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
        except PixelsUnreadable:
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
        if "SeriesDescription" in image or "ProtocolName" in image:
            methods.append(_DESCRIPTORS)
        if keeps_private:
            methods.append(_SAFE_PRIVATE)
        image.DeidentificationMethodCodeSequence = list(map(_coded, methods))
        image.file_meta, image.preamble = FileMetaDataset(), bytes(128)
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _require_exportable(instance: Instance, elements: Elements) -> None:
    """Raise NotExportable for what is no MR image of grey values without text."""
    if instance.sop_class_uid not in _IMAGES:
        raise NotExportable("it is no MR image: text may be burned into others")
    if elements.text("BurnedInAnnotation").upper() == "YES":
        raise NotExportable("its header says that text is burned into its pixels")
    if elements.text("PhotometricInterpretation").upper() not in _GREY:
        raise NotExportable("its pixels are no grey values")


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


def _coded(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item
