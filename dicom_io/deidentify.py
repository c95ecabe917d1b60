"""An image without its patient: for a cohort that leaves the hospital.

PS3.15 annex E: Basic Application Level Confidentiality Profile, by the table of dicom-anonymizer, with Retain
Longitudinal Temporal Information with Modified Dates (every date of a patient moves back by the same number of days,
times of day stay) and Retain Safe Private (the few private elements that the vendors' readers need: numbers and words).
The table is applied to every item of every sequence, and every UID that DICOM has not given out itself is replaced.
"""

from __future__ import annotations

import hashlib
import hmac
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.sr.coding import Code
from pydicom.uid import EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage, MRImageStorage

from dicom_io.errors import DicomError
from dicom_io.vendors.registry import safe_private_elements

_IMAGES = frozenset({MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage})
_STANDARD_UIDS = "1.2.840.10008."
_DATES = frozenset(f"{what}Date" for what in ("Study", "Series", "Acquisition", "Content", "InstanceCreation")) | {
    "AcquisitionDateTime",
    "FrameAcquisitionDateTime",
    "FrameReferenceDateTime",
}
_TIMES = frozenset(f"{what}Time" for what in ("Study", "Series", "Acquisition", "Content", "InstanceCreation")) | {
    "ContrastBolusStartTime",
    "ContrastBolusStopTime",
}
_KEPT_PRIVATE = safe_private_elements()
_LONGEST_WORDS = 64
_KEEP_ITEMS = ((0x0008, 0x1140), (0x0008, 0x2112))  # ReferencedImageSequence, SourceImageSequence: X/Z/U*
AGENT, NO_AGENT = "CONTRAST AGENT", ("", "NONE", "PRE_CONTRAST")
_METHODS = (
    Code("113100", "DCM", "Basic Application Confidentiality Profile"),
    Code("113107", "DCM", "Retain Longitudinal Temporal Information Modified Dates Option"),
    Code("113111", "DCM", "Retain Safe Private Option"),
)

_Action = Callable[[Dataset, tuple[int, int]], None]


class NotExportable(DicomError):
    """The object may show whose it is in a way that no rule for elements removes."""


class _AnonymizerMissing(DicomError):
    """The library that knows what PS3.15 does to each element is not installed."""


@dataclass(frozen=True, slots=True)
class Mask:
    """What one patient becomes; one key, patient and UID always give one pseudonym.

    Parameters
    ----------
    patient
        The name that stands for the patient in the cohort.
    key
        Secret; without it nobody finds the way back.
    """

    patient: str
    key: bytes

    def uid(self, original: str) -> str:
        """The UID that stands for this one; those of the standard stay."""
        if not original or original.startswith(_STANDARD_UIDS):
            return original
        return f"2.25.{self.number(f'uid {original}', 16)}"

    @property
    def days(self) -> timedelta:
        """How far the patient's dates move back: one to eleven years."""
        return timedelta(days=365 + self.number(f"days {self.patient}", 8) % 3650)

    def number(self, words: str, size: int) -> int:
        """The number of so many bytes that stands for these words; without the key nobody finds it."""
        return int.from_bytes(hmac.new(self.key, words.encode(), hashlib.sha256).digest()[:size])

    def date(self, original: str) -> str:
        """A date (DA) or date-time (DT), moved; empty when it is none."""
        try:
            moved = datetime.strptime(original[:8], "%Y%m%d") - self.days
        except ValueError:
            return ""
        return f"{moved:%Y%m%d}{original[8:]}"


def write_deidentified(source: Path, target: Path, mask: Mask) -> None:
    """Write an image without its patient.

    Raises NotExportable for what is no MR image, has burned-in text, or holds an element that cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote values
        try:
            image = dcmread(source)
            deidentify(image, mask)
        except NotExportable:
            raise
        except Exception as error:  # noqa: BLE001 - pydicom raises whatever broken bytes make it raise, and quotes them
            raise NotExportable(f"an element cannot be read ({type(error).__name__})") from None
        image.save_as(target, enforce_file_format=True)


def deidentify(image: Dataset, mask: Mask) -> None:
    """Take the patient out of an image, in place. Raises NotExportable."""
    if image.get("SOPClassUID") not in _IMAGES:
        raise NotExportable("only MR images are exported: text may be burned into others")
    if str(image.get("BurnedInAnnotation", "")).upper() == "YES":
        raise NotExportable("text is burned into its pixels")
    _clean(image, mask)
    image.PatientName = image.PatientID = mask.patient
    image.PatientBirthDate = ""
    image.PatientIdentityRemoved = "YES"
    image.LongitudinalTemporalInformationModified = "MODIFIED"
    image.DeidentificationMethodCodeSequence = [_coded(method) for method in _METHODS]
    syntax = image.file_meta.TransferSyntaxUID
    image.file_meta, image.preamble = FileMetaDataset(), bytes(128)
    image.file_meta.TransferSyntaxUID = syntax


def _coded(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item


def _clean(dataset: Dataset, mask: Mask) -> None:
    """Apply the profile to a data set and to everything inside it."""
    kept = _kept_private(dataset)
    for element in list(dataset):
        private = element.tag.is_private
        unknown = element.tag not in kept if private else element.VR == "UN"
        if unknown or _is_overlay_or_curve(element):
            del dataset[element.tag]
        elif not private or element.VR == "SQ":
            _clean_element(dataset, element, mask)


def _clean_element(dataset: Dataset, element: DataElement, mask: Mask) -> None:
    """One element: moved, replaced, emptied, removed, or left, as its kind and the table say."""
    tag = (element.tag.group, element.tag.element)
    if element.VR in ("DA", "DT", "TM"):
        _clean_time(dataset, element, mask)
    elif element.VR == "UI":
        many = isinstance(element.value, MultiValue)
        element.value = [mask.uid(uid) for uid in element.value] if many else mask.uid(str(element.value or ""))
    elif element.VR == "PN":
        element.value = ""
    elif element.VR == "SQ" and tag not in actions():
        for item in element.value:
            _clean(item, mask)
    elif element.VR == "SQ":
        element.value = []
    elif element.keyword == "ContrastBolusAgent":  # whether there was an agent tells the phases apart; which one, no
        element.value = AGENT if str(element.value).upper() not in NO_AGENT else element.value
    elif tag in actions():
        actions()[tag](dataset, tag)


def _clean_time(dataset: Dataset, element: DataElement, mask: Mask) -> None:
    """Dates of the examination move, its times of day stay; all others go."""
    if element.keyword in _DATES:
        element.value = mask.date(str(element.value or ""))
    elif element.keyword not in _TIMES:
        del dataset[element.tag]


def _is_overlay_or_curve(element: DataElement) -> bool:
    """Whether it belongs to a repeating group that draws over the image (60xx, 50xx)."""
    return element.tag.group & 0xFF00 in (0x5000, 0x6000)


def _kept_private(dataset: Dataset) -> frozenset[int]:
    """Tags of the private elements that stay, with those that say whose they are (PS3.5 7.8.1)."""
    kept = set[int]()
    for owner in dataset:
        if owner.tag.is_private_creator:
            wanted = _KEPT_PRIVATE.get((owner.tag.group, str(owner.value).strip().upper()), ())
            tags = [owner.tag.group << 16 | owner.tag.element << 8 | each for each in wanted]
            found = {tag for tag in tags if tag in dataset and _is_harmless(dataset[tag])}
            kept |= {*found, int(owner.tag)} if found else set()
    return frozenset(kept)


def _is_harmless(element: DataElement) -> bool:
    """Whether a private element holds numbers, a few words about the scan, or items that are cleaned themselves."""
    if element.VR in ("SQ", "DS", "FD", "FL", "IS", "SL", "SS", "UL", "US"):
        return True
    return len(element.value if isinstance(element.value, bytes) else str(element.value)) <= _LONGEST_WORDS


@cache
def actions() -> dict[tuple[int, int], _Action]:
    """What PS3.15 table E.1-1 (2026c) does to each element; of two sequences only the UIDs inside are replaced."""
    try:
        from dicomanonymizer.simpledicomanonymizer import initialize_actions
    except ImportError:  # an extra; whoever never exports can do without
        raise _AnonymizerMissing("cohort export needs dicom-anonymizer: pip install 'mome-node[train]'") from None
    found = initialize_actions("dicomfields_2026c")
    return {tag: action for tag, action in found.items() if len(tag) == 2 and tag not in _KEEP_ITEMS}
