"""What a document of somebody else says of a result of ours: a key object selection, or a report that refers to it."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.sr.coding import Code
from pydicom.uid import KeyObjectSelectionDocumentStorage

from mome_core.assessment import Verdict
from sr_templates.dicom import codes
from sr_templates.errors import EvidenceRefused

MOST_CHARACTERS = 1000  # of a comment
_BROKEN = (
    AttributeError,
    EOFError,
    InvalidDicomError,
    LookupError,
    NotImplementedError,
    OverflowError,
    RecursionError,
    struct.error,
    TypeError,
    ValueError,
)
"""What pydicom raises for documents that are damaged or lack what PS3.3 asks of them."""

_Code = tuple[str, str]  # value, scheme
_REJECTIONS = (
    codes.REJECTED_FOR_QUALITY,
    codes.REJECTED_FOR_PATIENT_SAFETY,
    codes.INCORRECT_WORKLIST_ENTRY,
)
_VERDICTS: Mapping[_Code, Verdict] = {
    (code.value, code.scheme_designator): verdict
    for verdict, code in (*codes.VERDICTS.items(), *((Verdict.NOT_USABLE, each) for each in _REJECTIONS))
}

_LATERALITY = (codes.LATERALITY.value, codes.LATERALITY.scheme_designator)


@dataclass(frozen=True, slots=True)
class DocumentVerdict:
    """What a document says of one of our results.

    Parameters
    ----------
    about
        SOP Instance UID of the object of ours that it refers to.
    comment
        As its writer put it; it may name the patient.
    """

    verdict: Verdict
    about: str
    comment: str


def read_verdict(file: bytes, ours: Collection[str], report: Callable[[str], bytes]) -> DocumentVerdict | None:
    """What the document says; None where it refers to nothing of ours, or does not judge.

    A key object selection judges by its title or a modifier of it (PS3.16 TID 2010): a rejection (CID 7031), agreement
    or disagreement (CID 3217), or a code of ours. A report judges by such a code under our concept "Reader's verdict".
    Without it, a verified report (PS3.3 C.17.2) that names ours as its predecessor agrees when it states the same
    numbers and codes, says "wrong side" when a laterality differs, and disagrees when something else does.

    Parameters
    ----------
    ours
        SOP Instance UIDs of the objects of this study that state a score.
    report
        Gives the file of our report that this object belongs to.

    Raises EvidenceRefused for a file that cannot be read.
    """
    try:
        document = dcmread(BytesIO(file), force=True)
        if document.SOPClassUID == KeyObjectSelectionDocumentStorage:
            return _selected(document, ours)
        return _reported(document, ours, report)
    except _BROKEN as error:
        raise EvidenceRefused(f"a document cannot be read: {type(error).__name__}") from None


def _selected(document: Dataset, ours: Collection[str]) -> DocumentVerdict | None:
    about = _first(_referenced(document), ours)
    modifiers = [each for each in document.ContentSequence if _concept(each) == _pair(codes.DOCUMENT_TITLE_MODIFIER)]
    said = [*(_value(each) for each in modifiers), _concept(document)]
    verdict = next((_VERDICTS[each] for each in said if each in _VERDICTS), None)
    return DocumentVerdict(verdict, about, _comment(document)) if verdict and about else None


def _reported(document: Dataset, ours: Collection[str], report: Callable[[str], bytes]) -> DocumentVerdict | None:
    before = _first(_predecessors(document), ours)
    about = before or _first(_referenced(document), ours)
    if not about:
        return None
    coded = (_value(each) for _, each in _content_items(document, ()) if _concept(each) == _pair(codes.VERDICT))
    verdict = next((_VERDICTS[each] for each in coded if each in _VERDICTS), None)
    if verdict is None and before and _is_verified(document):
        verdict = _compared(dcmread(BytesIO(report(before))), document)
    return DocumentVerdict(verdict, about, _comment(document)) if verdict else None


def _is_verified(document: Dataset) -> bool:
    """Whether somebody vouches for the whole of it."""
    return bool(document.get("VerificationFlag") == "VERIFIED" and document.get("CompletionFlag") == "COMPLETE")


def _compared(ours: Dataset, theirs: Dataset) -> Verdict:
    """What a corrected report says by what it changed; what was added to it says nothing."""
    stated, kept = _statements(ours), _statements(theirs)
    changed = [path for path, value in stated.items() if kept.get(path) != value]
    if any(path[-1][0] == _LATERALITY for path in changed):
        return Verdict.WRONG_SIDE
    return Verdict.DISAGREE if changed else Verdict.AGREE


_Path = tuple[tuple[_Code, int], ...]  # of each item down to the statement: its concept, and the how manieth it is


def _statements(document: Dataset) -> dict[_Path, object]:
    """Numbers and codes of a report, but for who observed; keyed by the concepts that lead to them."""
    found: dict[_Path, object] = {}
    for path, item in _content_items(document, ()):
        if item.ValueType == "NUM":
            measured = item.MeasuredValueSequence
            found[path] = Decimal(str(measured[0].NumericValue)) if measured else None
        elif item.ValueType == "CODE" and item.RelationshipType != "HAS OBS CONTEXT":
            found[path] = _value(item)
    return found


def _content_items(parent: Dataset, path: _Path) -> Iterator[tuple[_Path, Dataset]]:
    """Every content item below, with its path."""
    seen = Counter[_Code]()
    for item in parent.get("ContentSequence", []):
        concept = _concept(item)
        seen[concept] += 1
        here = (*path, (concept, seen[concept]))
        yield here, item
        yield from _content_items(item, here)


def _comment(document: Dataset) -> str:
    """The first comment, or what a selection says in words."""
    wanted = (_pair(codes.COMMENT), _pair(codes.KEY_OBJECT_DESCRIPTION))
    texts = (item for _, item in _content_items(document, ()) if item.ValueType == "TEXT")
    return next((str(each.TextValue)[:MOST_CHARACTERS] for each in texts if _concept(each) in wanted), "")


def _first(uids: Iterator[str], ours: Collection[str]) -> str:
    return next((each for each in uids if each in ours), "")


def _predecessors(document: Dataset) -> Iterator[str]:
    """SOP Instance UIDs of the documents that it takes the place of (PS3.3 C.17.2)."""
    for study in document.get("PredecessorDocumentsSequence", []):
        for series in study.ReferencedSeriesSequence:
            yield from (str(each.ReferencedSOPInstanceUID) for each in series.ReferencedSOPSequence)


def _referenced(document: Dataset) -> Iterator[str]:
    """SOP Instance UIDs that its content refers to."""
    for _, item in _content_items(document, ()):
        for each in item.get("ReferencedSOPSequence", []):
            yield str(each.ReferencedSOPInstanceUID)


def _concept(item: Dataset) -> _Code:
    return _code(item.get("ConceptNameCodeSequence"))


def _value(item: Dataset) -> _Code:
    return _code(item.get("ConceptCodeSequence"))


def _code(sequence: Sequence[Dataset] | None) -> _Code:
    """Value and scheme of a code sequence's first item."""
    for each in sequence or ():
        return str(each.get("CodeValue", "")), str(each.get("CodingSchemeDesignator", ""))
    return "", ""


def _pair(code: Code) -> _Code:
    return code.value, code.scheme_designator
