"""The report: a TID 1500 document that machines parse and viewers print, and the root of all result objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from io import BytesIO

import numpy as np
from highdicom.sr import ContentItem, Measurement, MeasurementsAndQualitativeEvaluations
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID

from mome_core.calibration import Call
from mome_core.case import Modality
from mome_core.results import Laterality, QualityFlag, Result, Saliency, Score
from sr_templates.context import BuildContext, Instances
from sr_templates.dicom import codes
from sr_templates.dicom.common_attributes import CommonAttributes, derived_uid
from sr_templates.dicom.document import (
    MeasurementGroup,
    algorithm_identification,
    code,
    evaluation,
    finding_site,
    finished,
    image,
    measurement_report,
    percentage,
    source_of_measurement,
    text,
    tracking_identifier,
    with_items,
)
from sr_templates.dicom.evidence import SourceImage
from sr_templates.dicom.score_words import (
    call_words,
    explanation_words,
    frequency_words,
    population_words,
    validation_words,
    without_words,
)
from sr_templates.kinds import REPORT_CLASSES, Kind
from sr_templates.saliency.impression import impression, impression_of_refusal
from sr_templates.saliency.placed import key_sources

_WHOSE = {Laterality.BOTH: "Bilateral", Laterality.LEFT: "Left", Laterality.RIGHT: "Right"}


def build(context: BuildContext) -> Instances:
    """One document; it comes last, because it lists what was not written."""
    common, result, links = context.common, context.result, context.links
    instance = common.new_instance(Kind.REPORT, *links)
    keys = _keys(context)
    placed = (context.saliency, *context.further) if context.saliency else ()
    saliencies = {each.saliency.endpoint: each.saliency for each in placed}
    shown = {score.endpoint: context.links_of(score.endpoint) for score in result.scores}
    groups = [
        _measurement_group(
            common, result, score, keys, saliency=saliencies.get(score.endpoint), links=shown[score.endpoint]
        )
        for score in result.scores
    ]
    statements = [
        *_status(result.withheld),
        *(text(codes.CALL_WORDS, words) for score in result.scores for words in _words_of(score)),
        *_caveats(result.flags, context.not_written),
        *_inputs(result),
        *_provenance(common),
    ]
    first = impression(result, context.saliency)
    root = measurement_report(codes.ONCOLOGY_MEASUREMENT_REPORT, common.device, groups, keys, statements, first=first)
    referenced = {each.SOPInstanceUID: each for some in (links, *shown.values()) for each in some.values()}
    return (finished(instance, common, root, referenced.values()),)


def build_refusal(
    common: CommonAttributes,
    reason: str,
    flags: Sequence[QualityFlag],
    links: Mapping[Kind, Dataset],
    not_written: Mapping[Kind, str],
) -> Dataset:
    """The SR document that states why no score was given; it must never be read as a negative."""
    instance = common.new_instance(Kind.REPORT, "refusal", *links)
    statements = [*_status(reason), *_caveats(flags, not_written), *_provenance(common)]
    title, first = codes.ONCOLOGY_MEASUREMENT_REPORT, impression_of_refusal(reason)
    root = measurement_report(title, common.device, (), None, statements, first=first)
    return finished(instance, common, root, links.values())


def _keys(context: BuildContext) -> dict[Modality, SourceImage]:
    """The image of each sequence to look at first."""
    evidence = context.common.evidence
    shown = [modality for modality in context.result.modalities_used if evidence.images(modality)]
    return dict(zip(shown, key_sources(evidence, shown, context.saliency), strict=True))


# --- one group for each endpoint


def _measurement_group(
    common: CommonAttributes,
    result: Result,
    score: Score,
    keys: Mapping[Modality, SourceImage],
    *,
    saliency: Saliency | None,
    links: Mapping[Kind, Dataset],
) -> MeasurementGroup:
    """TID 1501 for one endpoint; the score is the patient's, so the site is both breasts, or the only one there is.

    Parameters
    ----------
    saliency
        The one that explains this score and that the linked images show; None if there is none.
    """
    parameters = _parameters(result, score, saliency)
    laterality = Laterality.BOTH if result.breasts is None else result.breasts.laterality
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier(
            f"{_WHOSE[laterality]} breast {score.endpoint.words}", common.tracking_uid(f"bilateral {score.endpoint}")
        ),
        finding_sites=[finding_site(codes.LATERALITIES[laterality])],
        algorithm_id=algorithm_identification(score.model, common.device, parameters),
        measurements=[*_measurements(score), *_completeness(saliency)],
        qualitative_evaluations=[
            evaluation(codes.READING, codes.READINGS[score.call]),
            evaluation(codes.INTENDED_USE, codes.RESEARCH_ONLY),
        ],
        source_images=[source_of_measurement(modality, key) for modality, key in keys.items()],
    )
    return with_items(group, [] if saliency is None else _explanation(links))


def _parameters(result: Result, score: Score, saliency: Saliency | None) -> list[str]:
    parameters = [
        f"{codes.WEIGHTS}{score.model.sha256}",
        result.policy,
        f"estimator {score.estimator.name}: {score.estimator}",
    ]
    if saliency is None:
        return parameters
    how = explanation_words(saliency)
    return [*parameters, f"saliency of {saliency.modality}: {how}, {saliency.steps} gradients"]


def _measurements(score: Score) -> list[Measurement]:
    """The score, its operating point with proof, and Shapley values in points, which add up from base to score."""
    if score.probability is None:
        return []
    items = [
        percentage(codes.PROBABILITY[score.endpoint], score.probability),
        *_proof(score),
        percentage(codes.SPREAD, score.spread),
        *(percentage(codes.WITHOUT[m], value) for m, value in score.without.items() if value is not None),
    ]
    if not score.contributions or score.base_probability is None:
        return items
    items.append(percentage(codes.BASE_PROBABILITY, score.base_probability, decimals=2))
    for share in score.contributions:
        name = codes.CONTRIBUTION[share.modality]
        items.append(percentage(name, share.value, decimals=2, method=codes.SHAPLEY))
    return items


def _proof(score: Score) -> list[Measurement]:
    """Operating point with sensitivity and specificity as validated, and how many like this were positive."""
    items: list[Measurement] = []
    validation, nearby = score.calibration.validation, score.at_this_score
    if score.call is not Call.WITHHELD and validation is not None:
        items.append(percentage(codes.OPERATING_POINT, score.threshold))
        for name, share in ((codes.SENSITIVITY, validation.sensitivity), (codes.SPECIFICITY, validation.specificity)):
            items += [percentage(each, v) for each, v in zip(name, (share.value, share.low, share.high), strict=True)]
    if nearby is not None:
        values = (nearby.value, nearby.low, nearby.high)
        items += [percentage(each, value) for each, value in zip(codes.AT_THIS_SCORE, values, strict=True)]
    return items


def _completeness(saliency: Saliency | None) -> list[Measurement]:
    if saliency is None or not np.isfinite(saliency.completeness_error):
        return []
    return [percentage(codes.COMPLETENESS_ERROR, saliency.completeness_error, decimals=2)]


def _explanation(links: Mapping[Kind, Dataset]) -> list[ContentItem]:
    """The images that show where the score came from."""
    named = {
        Kind.SALIENCY_MAP: codes.VISUAL_EXPLANATION,
        Kind.OVERLAY: codes.VISUAL_EXPLANATION,
        Kind.SUMMARY: codes.VISUAL_EXPLANATION,
        Kind.SEGMENTATION: codes.REGION_OF_HIGHEST_SALIENCY,
    }
    return [image(name, links[kind]) for kind, name in named.items() if kind in links]


# --- statements on the whole study


def _words_of(score: Score) -> Iterator[str]:
    """What a score says and is worth, or why it says nothing, for a person who reads the report."""
    name, validation = score.endpoint.words.capitalize(), score.calibration.validation
    if score.withheld is not None:
        what = "score withheld" if score.probability is None else "call withheld"
        yield f"{name}: {what}, because {score.withheld.words} ({score.withheld.code})"
    else:
        yield f"{name}: {call_words(score.call, score.threshold)}"
    if score.probability is None:
        return
    if validation is not None:
        coalition = score.calibration.coalition
        yield validation_words(coalition, validation.cases, validation.sensitivity, validation.specificity)
        if among := population_words(validation, score.probability):
            yield f"{name}: {among}"
    if score.at_this_score is not None:
        yield frequency_words(score.endpoint, score.at_this_score)
    if score.without:
        yield without_words(score.without)


def _status(withheld: str) -> list[ContentItem]:
    items = [code(codes.INTENDED_USE, codes.RESEARCH_ONLY)]
    if not withheld:
        return [code(codes.STATUS, codes.ANALYSED), *items]
    return [code(codes.STATUS, codes.NOT_ANALYSED), text(codes.NOT_ANALYSED_REASON, withheld), *items]


def _inputs(result: Result) -> list[ContentItem]:
    """Sequences used and missing, and the scope of each model."""
    models = {score.model.sha256: score.model for score in result.scores}
    return [
        *(code(codes.SEQUENCE_USED, codes.SEQUENCE[each]) for each in result.modalities_used),
        *(code(codes.SEQUENCE_MISSING, codes.SEQUENCE[each]) for each in result.modalities_missing),
        *(text(codes.MODEL_STATEMENT, model.statement) for model in models.values() if model.statement),
    ]


def _provenance(common: CommonAttributes) -> list[ContentItem]:
    run = common.run
    items = [text(codes.REVISION, str(run.revision)), text(codes.INPUT_DIGEST, common.input_digest)]
    for name, moment in ((codes.RUN_STARTED, run.started), (codes.RUN_ENDED, run.ended)):
        if moment is not None:
            items.append(text(name, f"{common.local(moment):%Y-%m-%d %H:%M:%S} {common.offset}".rstrip()))
    return items


def _caveats(flags: Sequence[QualityFlag], not_written: Mapping[Kind, str]) -> list[ContentItem]:
    return [
        *(text(codes.QUALITY_FLAG, f"{flag.severity}: {flag.message} ({flag.code})") for flag in flags),
        *(text(codes.NOT_WRITTEN, f"{kind}: {reason}") for kind, reason in not_written.items()),
    ]


# --- for destinations that know older classes only


def downgraded(report: Dataset, sop_class: UID) -> Dataset:
    """The document in an older SR class, for a destination that refuses the newer one.

    Raises ValueError for a class that cannot hold the tree. The content is equal; the UIDs are of its own.
    """
    if sop_class not in REPORT_CLASSES:
        raise ValueError(f"a report can be {', '.join(UID(each).name for each in REPORT_CLASSES)}; not {sop_class}")
    older = deepcopy(report)
    older.SOPClassUID = sop_class
    older.SOPInstanceUID = derived_uid(report.SOPInstanceUID, sop_class)
    older.SeriesInstanceUID = derived_uid(report.SeriesInstanceUID, sop_class)
    older.file_meta.MediaStorageSOPClassUID = older.SOPClassUID
    older.file_meta.MediaStorageSOPInstanceUID = older.SOPInstanceUID
    return older


def in_older_classes(content: bytes) -> Iterator[tuple[str, str, bytes]]:
    """A report's file in each older SR class, the richest first: SOP class UID, SOP Instance UID, file."""
    report = dcmread(BytesIO(content))
    if report.SOPClassUID not in REPORT_CLASSES:
        return
    for sop_class in REPORT_CLASSES[REPORT_CLASSES.index(report.SOPClassUID) + 1 :]:
        older, file = downgraded(report, sop_class), BytesIO()
        older.save_as(file, enforce_file_format=True)
        yield str(older.SOPClassUID), str(older.SOPInstanceUID), file.getvalue()
