"""What a report states of the whole study: status, what scores say and are worth, doubts, inputs, origin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from highdicom.sr import ContentItem

from mome_core.results import QualityFlag, Result, Score
from sr_templates.dicom import codes
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.document import code, text
from sr_templates.dicom.report_wording import ReportWording
from sr_templates.dicom.result_record import result_record
from sr_templates.dicom.score_words import (
    call_words,
    frequency_words,
    population_words,
    validation_words,
    without_words,
)
from sr_templates.dicom.text import capitalised
from sr_templates.dicom.visit_words import visit_sentences
from sr_templates.kinds import Kind
from sr_templates.languages.phrase import Phrase
from sr_templates.languages.words import Wording


def score_sentences(score: Score, words: Wording) -> Iterator[str]:
    """What a score says and is worth, or why it says nothing, for a person who reads the report."""
    name, validation = capitalised(words.endpoint(score.endpoint)), score.calibration.validation
    if score.withheld is not None:
        what = words(Phrase.SCORE_WITHHELD if score.probability is None else Phrase.CALL_WITHHELD)
        call = words(Phrase.WHAT_BECAUSE, what=what, reason=words.withheld(score.withheld))
        yield f"{words(Phrase.ENDPOINT_CALL, endpoint=name, call=call)} ({score.withheld.code})"
    else:
        yield words(Phrase.ENDPOINT_CALL, endpoint=name, call=call_words(score.call, score.threshold, words))
    if score.probability is None:
        return
    if validation is not None:
        coalition = score.calibration.coalition
        yield validation_words(coalition, validation.cases, validation.sensitivity, validation.specificity, words)
        if among := population_words(validation, score.probability, words):
            yield words(Phrase.ENDPOINT_CALL, endpoint=name, call=among)
    if score.at_this_score is not None:
        yield frequency_words(score.endpoint, score.at_this_score, words)
    if score.without:
        yield without_words(score.without, words)


def status(reason: ContentItem | None = None) -> list[ContentItem]:
    """That the study was analysed, or that it was not and why; and what the report may be used for."""
    use = code(codes.INTENDED_USE, codes.RESEARCH_ONLY)
    if reason is None:
        return [code(codes.STATUS, codes.ANALYSED), use]
    return [code(codes.STATUS, codes.NOT_ANALYSED), reason, use]


def inputs(result: Result, wording: ReportWording) -> list[ContentItem]:
    """Sequences used and missing, and the scope of each model."""
    said = (wording.words.term(model.statement) for model in result.models if model.statement)
    return [
        *(code(codes.SEQUENCE_USED, codes.SEQUENCE[each]) for each in result.modalities_used),
        *(code(codes.SEQUENCE_MISSING, codes.SEQUENCE[each]) for each in result.modalities_missing),
        *(wording.item(codes.MODEL_STATEMENT, each) for each in said),
    ]


def visits(common: CommonAttributes, wording: ReportWording) -> list[ContentItem]:
    """The patient's earlier results and this one, by date; none where there are no earlier ones."""
    said = visit_sentences(common.run.visits, wording.words)
    return [wording.item(codes.EARLIER_RESULT, each) for each in said]


def provenance(common: CommonAttributes) -> list[ContentItem]:
    """Revision, digest of the inputs, and when it was made."""
    run = common.run
    items = [text(codes.REVISION, str(run.revision)), text(codes.INPUT_DIGEST, common.input_digest)]
    if run.visit is not None:
        study = str(common.evidence.reference.StudyInstanceUID)
        items.append(text(codes.RESULT_RECORD, result_record(study, run.visit)))
    for name, moment in ((codes.RUN_STARTED, run.started), (codes.RUN_ENDED, run.ended)):
        if moment is not None:
            items.append(text(name, f"{common.local(moment):%Y-%m-%d %H:%M:%S} {common.offset}".rstrip()))
    return items


def caveats(flags: Sequence[QualityFlag], not_written: Mapping[Kind, str], wording: ReportWording) -> list[ContentItem]:
    """Doubts about the input with their codes, and which objects are missing."""
    return [
        *(wording.item(codes.QUALITY_FLAG, _flag_words(flag, wording.words)) for flag in flags),
        *(text(codes.NOT_WRITTEN, f"{kind}: {reason}") for kind, reason in not_written.items()),
    ]


def _flag_words(flag: QualityFlag, words: Wording) -> str:
    """Severity, sentence and code; beside a translated sentence the English one, which has the numbers."""
    said = words.flag(flag)
    detail = flag.code if said == flag.message else f"{flag.code}: {flag.message}"
    return f"{flag.severity}: {said} ({detail})"
