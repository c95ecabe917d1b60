"""What a document of somebody else says of a result of ours: a key object selection, or a report that refers to it."""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.sr.coding import Code
from pydicom.uid import KeyObjectSelectionDocumentStorage

from mome_core.assessment import MOST_CHARACTERS, Verdict
from mome_core.calibration import Call
from mome_core.results import Endpoint
from sr_templates.dicom import codes
from sr_templates.errors import EvidenceRefused
from sr_templates.reading.content_items import CodedName, concept_of, content_items, tracking_identifier_of, value_of

BROKEN = (
    ArithmeticError,
    AttributeError,
    EOFError,
    InvalidDicomError,
    LookupError,
    NotImplementedError,
    RecursionError,
    struct.error,
    TypeError,
    ValueError,
    zlib.error,
)
"""What pydicom raises for documents that are damaged or lack what PS3.3 asks of them."""

_REJECTIONS = (
    codes.REJECTED_FOR_QUALITY,
    codes.REJECTED_FOR_PATIENT_SAFETY,
    codes.INCORRECT_WORKLIST_ENTRY,
)
_VERDICTS: Mapping[CodedName, Verdict] = {
    (code.value, code.scheme_designator): verdict
    for verdict, code in (*codes.VERDICTS.items(), *((Verdict.NOT_USABLE, each) for each in _REJECTIONS))
}
_CALLS = tuple(  # the two that a reader can turn into each other; a withheld call is none
    (codes.READINGS[call].value, codes.READINGS[call].scheme_designator) for call in (Call.POSITIVE, Call.NEGATIVE)
)


@dataclass(frozen=True, slots=True)
class DocumentVerdict:
    """What a document says of one of our results.

    Parameters
    ----------
    about
        SOP Instance UID of the object of ours that it refers to.
    comment
        As its writer put it; it may name the patient.
    endpoint
        Whose call it is about; None: the result as a whole, or several.
    """

    verdict: Verdict
    about: str
    comment: str
    endpoint: Endpoint | None = None


def read_verdict(file: bytes, ours: Collection[str], report: Callable[[str], bytes]) -> DocumentVerdict | None:
    """What the document says; None where it refers to nothing of ours, or does not judge.

    A key object selection judges by its title or a modifier of it (PS3.16 TID 2010): a rejection (CID 7031), agreement
    or disagreement (CID 3217), or a code of ours. A report judges by such a code under our concept "Reader's verdict".
    Without it, a verified report (PS3.3 C.17.2) that names ours as its predecessor judges by what it states again in
    our measurement groups, which their tracking identifiers name: "wrong side" where a laterality differs, disagreement
    where a call became the opposite one, agreement where a call stands and nothing of its group differs. What it left
    out, what it added, and any other number that differs say nothing.

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
    except BROKEN as error:
        raise EvidenceRefused(f"a document cannot be read: {type(error).__name__}") from None


def _selected(document: Dataset, ours: Collection[str]) -> DocumentVerdict | None:
    about = _first(referenced(document), ours)
    modifiers = [each for each in document.ContentSequence if concept_of(each) == _pair(codes.DOCUMENT_TITLE_MODIFIER)]
    said = [*(value_of(each) for each in modifiers), concept_of(document)]
    verdict = next((_VERDICTS[each] for each in said if each in _VERDICTS), None)
    return DocumentVerdict(verdict, about, _comment(document)) if verdict and about else None


def _reported(document: Dataset, ours: Collection[str], report: Callable[[str], bytes]) -> DocumentVerdict | None:
    before = _first(predecessors(document), ours)
    about = before or _first(referenced(document), ours)
    if not about:
        return None
    coded = (value_of(each) for _, each in content_items(document, concept_of) if concept_of(each) == _VERDICT)
    verdict, endpoint = next((_VERDICTS[each] for each in coded if each in _VERDICTS), None), None
    if verdict is None and before and _is_verified(document):
        verdict, endpoint = _compared(dcmread(BytesIO(report(before))), document)
    return DocumentVerdict(verdict, about, _comment(document), endpoint) if verdict else None


def _is_verified(document: Dataset) -> bool:
    """Whether somebody vouches for the whole of it."""
    return bool(document.get("VerificationFlag") == "VERIFIED" and document.get("CompletionFlag") == "COMPLETE")


# --- a corrected report against ours

_Path = tuple[CodedName, ...]  # of concept names, from a group down to a statement
_Statements = Mapping[_Path, list[object]]  # numbers and codes, in their order


def _compared(ours: Dataset, theirs: Dataset) -> tuple[Verdict | None, Endpoint | None]:
    """What a corrected report says by what it changed, and about whose call."""
    before, after = _groups(ours), _groups(theirs)
    both = {name: (before[name], after[name]) for name in before.keys() & after.keys()}
    if any(path[-1] == _LATERALITY for pair in both.values() for path in _differing(*pair)):
        return Verdict.WRONG_SIDE, None
    judged = {endpoint: _judged(*pair) for name, pair in both.items() if (endpoint := _endpoint_of(name))}
    for verdict in (Verdict.DISAGREE, Verdict.AGREE):
        about = [endpoint for endpoint, found in judged.items() if found is verdict]
        if about:
            return verdict, about[0] if len(about) == 1 else None
    return None, None


def _judged(ours: _Statements, theirs: _Statements) -> Verdict | None:
    """What became of the call of one group."""
    call, now = ours.get((_CALL,), []), theirs.get((_CALL,), [])
    if len(call) != 1 or len(now) != 1 or not {*call, *now} <= {*_CALLS}:
        return None
    if call != now:
        return Verdict.DISAGREE
    return None if _differing(ours, theirs) else Verdict.AGREE


def _differing(ours: _Statements, theirs: _Statements) -> list[_Path]:
    """Where both state as many values, and other ones; only these can be compared one by one."""
    return [
        path for path, values in ours.items() if len(theirs.get(path, [])) == len(values) and theirs[path] != values
    ]


def _groups(document: Dataset) -> dict[str, _Statements]:
    """Numbers and codes of every group that has a tracking identifier of its own."""
    items = [each for _, each in content_items(document, concept_of)]
    named = [(name, each) for each in items if (name := tracking_identifier_of(each))]
    names = [name for name, _ in named]
    return {name: _statements(group) for name, group in named if names.count(name) == 1}


def _statements(group: Dataset) -> _Statements:
    found: dict[_Path, list[object]] = defaultdict(list)
    for path, item in content_items(group, concept_of):
        if item.ValueType == "NUM":
            measured = item.MeasuredValueSequence
            found[path].append(Decimal(str(measured[0].NumericValue)) if measured else None)
        elif item.ValueType == "CODE":
            found[path].append(value_of(item))
    return dict(found)


def _endpoint_of(name: str) -> Endpoint | None:
    """Whose score a group of ours states, by its tracking identifier: "Bilateral breast malignancy"."""
    return next((each for each in Endpoint if name.endswith(f" breast {each.words}")), None)


# --- what both kinds of documents hold


def _comment(document: Dataset) -> str:
    """The first comment, or what a selection says in words."""
    wanted = (_pair(codes.COMMENT), _pair(codes.KEY_OBJECT_DESCRIPTION))
    texts = (item for _, item in content_items(document, concept_of) if item.ValueType == "TEXT")
    return next((str(each.TextValue)[:MOST_CHARACTERS] for each in texts if concept_of(each) in wanted), "")


def _first(uids: Iterator[str], ours: Collection[str]) -> str:
    return next((each for each in uids if each in ours), "")


def predecessors(document: Dataset) -> Iterator[str]:
    """SOP Instance UIDs of the documents that it takes the place of (PS3.3 C.17.2)."""
    for study in document.get("PredecessorDocumentsSequence", []):
        for series in study.ReferencedSeriesSequence:
            yield from (str(each.ReferencedSOPInstanceUID) for each in series.ReferencedSOPSequence)


def referenced(document: Dataset) -> Iterator[str]:
    """SOP Instance UIDs that its content refers to."""
    for _, item in content_items(document, concept_of):
        for each in item.get("ReferencedSOPSequence", []):
            yield str(each.ReferencedSOPInstanceUID)


def _pair(code: Code) -> CodedName:
    return code.value, code.scheme_designator


_LATERALITY, _CALL, _VERDICT = _pair(codes.LATERALITY), _pair(codes.READING), _pair(codes.VERDICT)
