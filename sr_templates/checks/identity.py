"""Whose object it is: structure, UIDs, patient and study of the source, described coding schemes."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.uid import UID

from sr_templates.checks.refusal import refusal
from sr_templates.dicom.common_attributes import PATIENT_AND_STUDY, TYPE_2
from sr_templates.dicom.evidence import Evidence

_REQUIRED = [
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "InstanceNumber",
    "Modality",
    "Manufacturer",
    "ManufacturerModelName",
    "DeviceSerialNumber",
    "SoftwareVersions",
    "SeriesDescription",
]
_MADE = ("ContentDate", "ContentTime")
_STATE_MADE = ("PresentationCreationDate", "PresentationCreationTime")  # what a presentation state has instead


def check_identity(instance: Dataset, evidence: Evidence) -> None:
    """Structure, UIDs, and the patient and study of the source."""
    made = _STATE_MADE if instance.get("Modality") == "PR" else _MADE
    for keyword in (*_REQUIRED, *made):
        if not str(instance.get(keyword) or ""):
            raise refusal(instance, f"{keyword} is missing")
    for element in instance.iterall():
        if element.VR == "UI":
            for uid in [element.value] if isinstance(element.value, str) else element.value or ():
                if uid and not UID(uid).is_valid:
                    raise refusal(instance, f"{element.keyword} holds {uid}, which is not a UID")
    if instance.file_meta.MediaStorageSOPInstanceUID != instance.SOPInstanceUID:
        raise refusal(instance, "file meta information names another instance")
    for keyword in {*PATIENT_AND_STUDY, *TYPE_2} - {"SpecificCharacterSet", "TimezoneOffsetFromUTC"}:
        if _differs(instance, evidence.reference, keyword):
            raise refusal(instance, f"{keyword} differs from the source study")
    _check_series(instance, evidence)
    if "VERIFIED" in (instance.get("VerificationFlag"),):
        raise refusal(instance, "no person has verified it: Verification Flag must be UNVERIFIED")


def _differs(instance: Dataset, source: Dataset, keyword: str) -> bool:
    ours, theirs = instance.get(keyword), source.get(keyword)
    if not ours and not theirs:
        return False
    return bool(ours != theirs)


def _check_series(instance: Dataset, evidence: Evidence) -> None:
    for header in evidence.instances:
        if header.get("SeriesInstanceUID") == instance.SeriesInstanceUID:
            raise refusal(instance, "it would be filed into a series of the source")
        if str(header.get("SeriesNumber")) == str(instance.SeriesNumber):
            raise refusal(instance, f"Series Number {instance.SeriesNumber} is used by the source")


def check_coding_schemes(instance: Dataset) -> None:
    """Every private coding scheme that is used is described."""
    used = {str(element.value) for element in instance.iterall() if element.keyword == "CodingSchemeDesignator"}
    described = {item.CodingSchemeDesignator for item in instance.get("CodingSchemeIdentificationSequence", ())}
    for scheme in sorted(used - described):
        if scheme.startswith("99"):
            raise refusal(instance, f"the private coding scheme {scheme} is not described")
