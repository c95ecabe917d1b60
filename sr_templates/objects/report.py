"""The report: a TID 1500 document that machines parse and viewers print, and the root of all result objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from functools import partial
from io import BytesIO

import numpy as np
from highdicom.sr.value_types import ContentItem
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import UID, Comprehensive3DSRStorage, ComprehensiveSRStorage, EnhancedSRStorage

from mome_core.case import Modality
from mome_core.results import Endpoint, ModelIdentity, QualityFlag, Result, Saliency, Score
from sr_templates.dicom import codes
from sr_templates.dicom.common_attributes import CommonAttributes, derived_uid, file_meta
from sr_templates.dicom.device import Device, DocumentReference
from sr_templates.dicom.document import (
    CONTEXT,
    MODIFIER,
    code,
    container,
    evidence_items,
    image,
    modified,
    observer,
    percentage,
    set_content,
    source_image,
    text,
    uid_reference,
)
from sr_templates.dicom.evidence import Evidence, SourceImage, Vector
from sr_templates.highlight import Highlight
from sr_templates.kinds import Kind

REPORT_CLASSES = (Comprehensive3DSRStorage, ComprehensiveSRStorage, EnhancedSRStorage)
ENDPOINT_WORDS = {
    Endpoint.MALIGNANCY: "malignancy",
    Endpoint.TRIPLE_NEGATIVE: "triple-negative subtype",
    Endpoint.PATHOLOGICAL_COMPLETE_RESPONSE: "pathologic complete response",
}


def build_report(
    edition: CommonAttributes,
    result: Result,
    shown: Highlight | None,
    links: Mapping[Kind, Dataset],
    not_written: Mapping[Kind, str],
) -> Dataset:
    """The SR results document of one study.

    links : the objects of this edition that the report points to, at most one instance of each kind.
    not_written : why an object that was asked for could not be made, for the reader.
    """
    instance = edition.new_instance(Kind.REPORT, *links)
    keys = key_images(edition.evidence, result.modalities_used, shown)
    explained = {shown.score.endpoint: _explanation(shown.saliency, links)} if shown else {}
    groups = [_score_group(edition, result, score, keys, explained.get(score.endpoint, ())) for score in result.scores]
    statements = [*_status(result.withheld), *_inputs(edition, result), *_caveats(result.flags, not_written)]
    root = _document(edition.device, keys, groups, statements)
    return finished(instance, edition, root, links)


def build_refusal(
    edition: CommonAttributes, reason: str, flags: Sequence[QualityFlag], links: Mapping[Kind, Dataset]
) -> Dataset:
    """The SR document that says that no score was given, and why; never to be read as a negative."""
    instance = edition.new_instance(Kind.REPORT, "refusal", *links)
    statements = [*_status(reason), *_provenance(edition), *_caveats(flags, {})]
    return finished(instance, edition, _document(edition.device, (), (), statements), links)


def key_images(evidence: Evidence, modalities: Sequence[Modality], shown: Highlight | None) -> tuple[SourceImage, ...]:
    """One image of each modality: the slice at the peak of the saliency, or the middle one."""
    peak_mm = None if shown is None or shown.region is None else shown.region.peak_mm
    grids = [(evidence.images(each), evidence.is_tiled(each)) for each in modalities if evidence.images(each)]
    return tuple(
        images[len(images) // 2] if peak_mm is None or tiled else min(images, key=partial(_off_plane_mm, peak_mm))
        for images, tiled in grids
    )


def _off_plane_mm(point_mm: Vector, source: SourceImage) -> float:
    normal = np.cross(source.orientation[:3], source.orientation[3:])
    return abs(float((point_mm - source.position_mm) @ normal))


def _document(
    device: Device, keys: Sequence[SourceImage], groups: Sequence[ContentItem], statements: Sequence[ContentItem]
) -> ContentItem:
    """TID 1500, rows in the template's order."""
    library = [container(codes.IMAGE_LIBRARY_GROUP, [_library_entry(key) for key in keys])] if keys else []
    return container(
        codes.ONCOLOGY_MEASUREMENT_REPORT,
        [
            code(codes.LANGUAGE, codes.ENGLISH, MODIFIER),
            *observer(device),
            code(codes.PROCEDURE_REPORTED, codes.MULTIPARAMETRIC_MRI, MODIFIER),
            container(codes.IMAGE_LIBRARY, library),
            container(codes.IMAGING_MEASUREMENTS, groups),
            container(codes.QUALITATIVE_EVALUATIONS, statements),
        ],
        relation=None,
        template="1500",
    )


def _library_entry(key: SourceImage) -> ContentItem:
    return source_image(codes.SOURCE_OF_MEASUREMENT, key)


def _score_group(
    edition: CommonAttributes,
    result: Result,
    score: Score,
    keys: Sequence[SourceImage],
    explanation: Sequence[ContentItem],
) -> ContentItem:
    """TID 1501 for one endpoint; the score is the patient's, so the site is both breasts."""
    words = ENDPOINT_WORDS[score.endpoint]
    items = [
        text(codes.TRACKING_IDENTIFIER, f"Bilateral breast {words}", CONTEXT),
        uid_reference(codes.TRACKING_UID, edition.tracking_uid(f"bilateral {score.endpoint}"), CONTEXT),
        finding_site(codes.BILATERAL),
        *algorithm(score.model, edition.device, _parameters(result, score)),
        percentage(codes.PROBABILITY[score.endpoint], score.probability),
        percentage(codes.OPERATING_POINT, score.threshold),
        code(codes.READING, codes.ABOVE if score.positive else codes.NOT_ABOVE),
        percentage(codes.SPREAD, score.spread),
        *_contributions(score),
        code(codes.INTENDED_USE, codes.RESEARCH_ONLY),
        *(source_image(codes.SOURCE_OF_MEASUREMENT, key) for key in keys),
        *explanation,
    ]
    return container(codes.MEASUREMENT_GROUP, items, template="1501")


def finding_site(laterality: Code) -> ContentItem:
    return modified(code(codes.FINDING_SITE, codes.BREAST, MODIFIER), code(codes.LATERALITY, laterality, MODIFIER))


def algorithm(model: ModelIdentity, device: Device, parameters: Sequence[str]) -> list[ContentItem]:
    """TID 4019: which weights, in which software, answered."""
    version = f"{model.version} ({device.model_name} {device.software_version})"
    return [
        text(codes.ALGORITHM_NAME, model.name, MODIFIER),
        text(codes.ALGORITHM_VERSION, version, MODIFIER),
        text(codes.ALGORITHM_MANUFACTURER, device.manufacturer, MODIFIER),
        *(text(codes.ALGORITHM_PARAMETERS, each, MODIFIER) for each in parameters if each),
        code(codes.ALGORITHM_FAMILY, codes.ARTIFICIAL_INTELLIGENCE, MODIFIER),
    ]


def _parameters(result: Result, score: Score) -> list[str]:
    return [
        f"{codes.WEIGHTS}{score.model.sha256}",
        result.policy,
        f"mean over {score.augmentations} augmented versions",
    ]


def _contributions(score: Score) -> list[ContentItem]:
    """Shapley values in percentage points; base + their sum = the score that was explained."""
    if not score.contributions:
        return []
    items = [percentage(codes.BASE_PROBABILITY, score.base_probability, decimals=2)]
    for share in score.contributions:
        method = code(codes.MEASUREMENT_METHOD, codes.SHAPLEY, MODIFIER)
        items.append(modified(percentage(codes.CONTRIBUTION[share.modality], share.value, decimals=2), method))
    if score.explained_probability is not None:
        items.append(percentage(codes.EXPLAINED_PROBABILITY, score.explained_probability, decimals=2))
    return items


def _explanation(saliency: Saliency, links: Mapping[Kind, Dataset]) -> list[ContentItem]:
    how = f"saliency of {saliency.modality}: {saliency.method}, baseline {saliency.baseline}, {saliency.steps} steps"
    items = [text(codes.ALGORITHM_PARAMETERS, how, MODIFIER)]
    if np.isfinite(saliency.completeness_error):
        items.append(percentage(codes.COMPLETENESS_ERROR, saliency.completeness_error, decimals=2))
    for kind in (Kind.SALIENCY_MAP, Kind.OVERLAY, Kind.SUMMARY):
        if kind in links:
            items.append(image(codes.VISUAL_EXPLANATION, links[kind]))
    if Kind.SEGMENTATION in links:
        items.append(image(codes.REGION_OF_HIGHEST_SALIENCY, links[Kind.SEGMENTATION]))
    return items


def _status(withheld: str) -> list[ContentItem]:
    items = [code(codes.INTENDED_USE, codes.RESEARCH_ONLY)]
    if not withheld:
        return [code(codes.STATUS, codes.ANALYSED), *items]
    return [code(codes.STATUS, codes.NOT_ANALYSED), text(codes.NOT_ANALYSED_REASON, withheld), *items]


def _inputs(edition: CommonAttributes, result: Result) -> list[ContentItem]:
    """What was looked at, and by what; models are named once each."""
    models = {score.model.sha256: score.model for score in result.scores}
    return [
        *(code(codes.SEQUENCE_USED, codes.SEQUENCE[each]) for each in result.modalities_used),
        *(code(codes.SEQUENCE_MISSING, codes.SEQUENCE[each]) for each in result.modalities_missing),
        *(text(codes.MODEL_STATEMENT, model.statement) for model in models.values() if model.statement),
        *_provenance(edition),
    ]


def _provenance(edition: CommonAttributes) -> list[ContentItem]:
    run = edition.run
    items = [text(codes.REVISION, str(run.revision)), text(codes.INPUT_DIGEST, edition.input_digest)]
    for name, moment in ((codes.RUN_STARTED, run.started), (codes.RUN_ENDED, run.ended)):
        if moment is not None:
            items.append(text(name, f"{edition.local(moment):%Y-%m-%d %H:%M:%S} {edition.offset}".rstrip()))
    return items


def _caveats(flags: Sequence[QualityFlag], not_written: Mapping[Kind, str]) -> list[ContentItem]:
    return [
        *(text(codes.QUALITY_FLAG, f"{flag.severity}: {flag.message} ({flag.code})") for flag in flags),
        *(text(codes.NOT_WRITTEN, f"{kind}: {reason}") for kind, reason in not_written.items()),
    ]


def finished(instance: Dataset, edition: CommonAttributes, root: ContentItem, links: Mapping[Kind, Dataset]) -> Dataset:
    """Status flags, evidence and predecessor around the tree."""
    instance.CompletionFlag = "COMPLETE"
    instance.VerificationFlag = "UNVERIFIED"
    instance.PreliminaryFlag = "PRELIMINARY"
    instance.PerformedProcedureCodeSequence = []
    instance.ReferencedPerformedProcedureStepSequence = []
    instance.CurrentRequestedProcedureEvidenceSequence = evidence_items(
        edition.study_uid, [*edition.evidence.instances, *links.values()]
    )
    if edition.run.predecessor is not None:
        instance.PredecessorDocumentsSequence = [predecessor_item(edition.run.predecessor)]
    set_content(instance, root)
    return instance


def predecessor_item(document: DocumentReference) -> Dataset:
    """The superseded document, as an item of Predecessor Documents Sequence."""
    header = Dataset()
    header.SeriesInstanceUID = document.series_instance_uid
    header.SOPClassUID = document.sop_class_uid
    header.SOPInstanceUID = document.sop_instance_uid
    return evidence_items(UID(document.study_instance_uid), [header])[0]


def downgraded(report: Dataset, sop_class: UID) -> Dataset:
    """The same document in an older SR class, for a destination that refuses the newer one.

    Raises ValueError for a class that cannot hold the tree. The content is equal; the UIDs are of its own.
    """
    if sop_class not in REPORT_CLASSES:
        raise ValueError(f"a report can be {', '.join(UID(each).name for each in REPORT_CLASSES)}; not {sop_class}")
    older = deepcopy(report)
    older.SOPClassUID = sop_class
    older.SOPInstanceUID = derived_uid(report.SOPInstanceUID, sop_class)
    older.SeriesInstanceUID = derived_uid(report.SeriesInstanceUID, sop_class)
    older.file_meta = file_meta(older)
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
