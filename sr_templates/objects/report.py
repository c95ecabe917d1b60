"""The report: a TID 1500 document that machines parse and viewers print, and the root of all result objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from io import BytesIO

import numpy as np
from highdicom.sr import ContentItem, Measurement, MeasurementsAndQualitativeEvaluations
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID

from mome_core.calibration import Call
from mome_core.case import Modality
from mome_core.results import Laterality, Result, Saliency, Score
from sr_templates.context import BuildContext, Instances
from sr_templates.dicom import codes
from sr_templates.dicom.common_attributes import CommonAttributes, derived_uid
from sr_templates.dicom.document import (
    MeasurementGroup,
    algorithm_identification,
    evaluation,
    finding_site,
    finished,
    image,
    measurement_report,
    percentage,
    source_of_measurement,
    tracking_identifier,
    with_items,
)
from sr_templates.dicom.evidence import SourceImage
from sr_templates.dicom.report_wording import ReportWording
from sr_templates.dicom.score_words import explanation_words
from sr_templates.dicom.statements import caveats, inputs, provenance, score_sentences, status, visits
from sr_templates.kinds import REPORT_CLASSES, Kind
from sr_templates.languages.words import Language
from sr_templates.refusal import Refusal
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
    wording = ReportWording.of(context.options.page.language, common.evidence.reference)
    statements = [
        *status(),
        *(
            wording.item(codes.CALL_WORDS, said)
            for score in result.scores
            for said in score_sentences(score, wording.words)
        ),
        *caveats(result.flags, context.not_written, wording),
        *visits(common, wording),
        *inputs(result, wording),
        *provenance(common),
    ]
    first = wording.item(codes.IMPRESSION, impression(result, context.saliency, wording.words))
    root = measurement_report(codes.ONCOLOGY_MEASUREMENT_REPORT, common.device, groups, keys, statements, first=first)
    referenced = {each.SOPInstanceUID: each for some in (links, *shown.values()) for each in some.values()}
    return (finished(instance, common, root, referenced.values()),)


def build_refusal(
    common: CommonAttributes,
    refusal: Refusal,
    language: Language,
    links: Mapping[Kind, Dataset],
    not_written: Mapping[Kind, str],
) -> Dataset:
    """The SR document that states why no score was given; it must never be read as a negative."""
    instance = common.new_instance(Kind.REPORT, "refusal", *links)
    wording = ReportWording.of(language, common.evidence.reference)
    reason = refusal.said(wording.words)
    whole = reason if reason == refusal.reason else f"{reason} ({refusal.reason})"
    statements = [
        *status(wording.item(codes.NOT_ANALYSED_REASON, whole)),
        *caveats(refusal.flags, not_written, wording),
        *visits(common, wording),
        *provenance(common),
    ]
    first = wording.item(codes.IMPRESSION, impression_of_refusal(reason, wording.words))
    root = measurement_report(codes.ONCOLOGY_MEASUREMENT_REPORT, common.device, (), None, statements, first=first)
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
