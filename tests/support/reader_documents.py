"""What a PACS sends when its reader judges a result: key object selections, and reports that take ours' place."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from highdicom.sr import CodeContentItem
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from mome_core.results import Endpoint

REJECTED_FOR_QUALITY = Code("113001", "DCM", "Rejected for Quality Reasons")
AGREEMENT = Code("122775", "DCM", "Agreement with prior findings")
DISAGREEMENT = Code("122776", "DCM", "Disagreement with prior findings")
OF_INTEREST = Code("113000", "DCM", "Of Interest")
_TYPE_2 = [
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "PatientBirthDate",
    "PatientSex",
]
WRONG_SIDE = Code("WRONG_SIDE", "99MOMENODE", "The side that the AI result names is wrong")


def key_objects(title: Code, selected: Dataset, words: str = "", modifier: Code | None = None) -> Dataset:
    """A selection of one object, as highdicom writes it for a PACS."""
    selected = deepcopy(selected)
    for keyword in (*_TYPE_2, "PatientBirthDate", "PatientSex"):
        if keyword not in selected:
            setattr(selected, keyword, "")
    content = KeyObjectSelection(title, [selected], description=words or None)
    if modifier is not None:
        name = Code("113011", "DCM", "Document Title Modifier")
        content[0].ContentSequence.insert(0, CodeContentItem(name, modifier, "HAS CONCEPT MOD"))
    document = KeyObjectSelectionDocument(
        [selected],
        content,
        series_instance_uid=generate_uid(prefix="2.25."),
        series_number=77,
        sop_instance_uid=generate_uid(prefix="2.25."),
        instance_number=1,
        manufacturer="A PACS",
        institution_name="Hospital",
    )
    if "IssuerOfPatientID" in selected:
        document.IssuerOfPatientID = selected.IssuerOfPatientID
    return document


def successor(report: Dataset, *, verified: bool = True, names: str = "") -> Dataset:
    """A copy of a report that says whose place it takes (PS3.3 C.17.2); `names`: another predecessor than that one."""
    made = deepcopy(report)
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid(prefix="2.25.")
    made.SeriesInstanceUID = generate_uid(prefix="2.25.")
    before = Dataset()
    before.ReferencedSOPClassUID = report.SOPClassUID
    before.ReferencedSOPInstanceUID = names or report.SOPInstanceUID
    series, study = Dataset(), Dataset()
    series.SeriesInstanceUID, series.ReferencedSOPSequence = report.SeriesInstanceUID, [before]
    study.StudyInstanceUID, study.ReferencedSeriesSequence = report.StudyInstanceUID, [series]
    made.PredecessorDocumentsSequence = [study]
    if verified:
        observer = Dataset()
        observer.VerifyingObserverName, observer.VerifyingOrganization = "Reader^Rita", "Hospital"
        observer.VerificationDateTime, observer.VerifyingObserverIdentificationCodeSequence = "20261130120000", []
        made.CompletionFlag, made.VerificationFlag, made.VerifyingObserverSequence = "COMPLETE", "VERIFIED", [observer]
    return made


def change_call(report: Dataset, number: int = 0) -> None:
    """Turn the call of one group, in their order, into the opposite."""
    opposite = {"ABOVE": "NOT_ABOVE", "NOT_ABOVE": "ABOVE"}
    said = [each for each in _items(report) if each.ConceptNameCodeSequence[0].CodeValue == "READING"][number]
    code = said.ConceptCodeSequence[0]
    code.CodeValue = opposite[code.CodeValue]


def change_side(report: Dataset) -> None:
    """Correct the side of the first finding site."""
    for item in _items(report):
        for each in item.get("ContentSequence", []):
            if each.ConceptNameCodeSequence[0].CodeValue == "272741003":
                each.ConceptCodeSequence[0].CodeValue = "7771000"
                each.ConceptCodeSequence[0].CodeMeaning = "Left"
                return


def add_comment(report: Dataset, words: str) -> None:
    """Write a comment below everything else."""
    item = Dataset()
    item.RelationshipType, item.ValueType, item.TextValue = "CONTAINS", "TEXT", words
    item.ConceptNameCodeSequence = [_code(Code("121106", "DCM", "Comment"))]
    report.ContentSequence.append(item)


def add_verdict(report: Dataset, verdict: Code) -> None:
    """Write a coded verdict below everything else."""
    report.ContentSequence.append(_coded("VERDICT", "99MOMENODE", "Reader's verdict on the AI result", verdict))


def add_empty_group(report: Dataset) -> None:
    """Write a measurement group without content before all others."""
    group = Dataset()
    group.RelationshipType, group.ValueType, group.ContinuityOfContent = "CONTAINS", "CONTAINER", "SEPARATE"
    group.ConceptNameCodeSequence = [_code(Code("125007", "DCM", "Measurement Group"))]
    measurements = next(each for each in _items(report) if each.ConceptNameCodeSequence[0].CodeValue == "126010")
    measurements.ContentSequence.insert(0, group)


def add_score_group(report: Dataset, endpoint: Endpoint, call: str = "ABOVE") -> None:
    """Write the group that states one score: its tracking identifier, a number, a finding site, the call."""
    name, number, value, group = (Dataset() for _ in range(4))
    name.RelationshipType, name.ValueType, name.TextValue = (
        "HAS OBS CONTEXT",
        "TEXT",
        f"Bilateral breast {endpoint.words}",
    )
    name.ConceptNameCodeSequence = [_code(Code("112039", "DCM", "Tracking Identifier"))]
    value.NumericValue = "73.1"
    number.RelationshipType, number.ValueType, number.MeasuredValueSequence = "CONTAINS", "NUM", [value]
    number.ConceptNameCodeSequence = [_code(Code("PROBABILITY", "99MOMENODE", "Probability"))]
    site = _coded("363698007", "SCT", "Finding site", Code("76752008", "SCT", "Breast"))
    side = _coded("272741003", "SCT", "Laterality", Code("51440002", "SCT", "Right and left"))
    site.ContentSequence = [side]
    said = _coded("READING", "99MOMENODE", "Score against operating point", Code(call, "99MOMENODE", "The call"))
    group.RelationshipType, group.ValueType, group.ContinuityOfContent = "CONTAINS", "CONTAINER", "SEPARATE"
    group.ConceptNameCodeSequence = [_code(Code("125007", "DCM", "Measurement Group"))]
    group.ContentSequence = [name, site, number, said]
    report.ContentSequence = [*report.get("ContentSequence", []), group]


def groups_of(report: Dataset) -> list[Dataset]:
    """Its measurement groups."""
    return [each for each in _items(report) if each.ConceptNameCodeSequence[0].CodeValue == "125007"]


def keep_one_group(report: Dataset) -> None:
    """Leave out every measurement group but the first."""
    measurements = next(each for each in _items(report) if each.ConceptNameCodeSequence[0].CodeValue == "126010")
    measurements.ContentSequence = [groups_of(report)[0]]


def numbers_of(report: Dataset) -> list[Dataset]:
    """What holds the value of each number, in their order."""
    return [each.MeasuredValueSequence[0] for each in _items(report) if each.ValueType == "NUM"]


def _items(parent: Dataset) -> Iterator[Dataset]:
    for item in parent.get("ContentSequence", []):
        yield item
        yield from _items(item)


def _coded(value: str, scheme: str, meaning: str, coded: Code) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "CODE"
    item.ConceptNameCodeSequence, item.ConceptCodeSequence = [_code(Code(value, scheme, meaning))], [_code(coded)]
    return item


def _code(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item
