"""Reads the numbers of a report back, to compare one run with another."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset

from sr_templates.dicom import codes
from sr_templates.errors import EvidenceRefused
from sr_templates.reading.content_items import content_items, tracking_identifier_of


@dataclass(frozen=True, slots=True)
class ReportedNumbers:
    """What a report states.

    Parameters
    ----------
    numbers
        Path of concept names down to the number -> the number as written.
    evidence
        SOP Instance UIDs of everything it refers to.
    weights
        SHA-256 of the weights of every model that gave a score, in the order of the report.
    """

    study_instance_uid: str
    numbers: dict[str, str]
    evidence: frozenset[str]
    weights: tuple[str, ...]


def read_numbers(file: bytes) -> ReportedNumbers:
    """Every numeric content item of an SR document; raises EvidenceRefused for something else."""
    document = dcmread(BytesIO(file), force=True)
    if str(document.get("Modality", "")) != "SR" or "ContentSequence" not in document:
        raise EvidenceRefused("this is no structured report")
    numbers: dict[str, str] = {}
    weights: dict[str, None] = {}
    for path, item in content_items(document, _label):
        if item.ValueType == "TEXT" and str(item.TextValue).startswith(codes.WEIGHTS):
            weights[str(item.TextValue).removeprefix(codes.WEIGHTS)] = None
        if item.ValueType == "NUM":
            name = " / ".join(path)
            repeats = sum(1 for known in numbers if known.split(" #")[0] == name)
            numbers[f"{name} #{repeats + 1}" if repeats else name] = str(item.MeasuredValueSequence[0].NumericValue)
    referenced = {str(e.value) for e in document.iterall() if e.keyword == "ReferencedSOPInstanceUID"}
    return ReportedNumbers(str(document.StudyInstanceUID), numbers, frozenset(referenced), tuple(weights))


def _label(item: Dataset) -> str:
    """The tracking identifier of a group that has one, else the concept name."""
    concept = item.get("ConceptNameCodeSequence")
    return tracking_identifier_of(item) or (str(concept[0].CodeMeaning) if concept else "")
