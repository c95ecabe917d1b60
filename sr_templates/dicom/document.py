"""The templates of PS3.16 that our documents consist of, by highdicom's classes; each function bears its name.

What those classes cannot say is in `repairs`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from highdicom.sr import (
    AlgorithmIdentification,
    CodeContentItem,
    CodedConcept,
    ContainerContentItem,
    ContentItem,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    ImageContentItem,
    LanguageOfContentItemAndDescendants,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    ReferencedSegment,
    Scoord3DContentItem,
    ScoordContentItem,
    SourceImageForMeasurementGroup,
    SourceImageForRegion,
    SourceSeriesForSegmentation,
    TextContentItem,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import UID

from mome_core.case import Modality
from mome_core.results import ModelIdentity
from sr_templates.dicom import codes
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.device import Device, DocumentReference
from sr_templates.dicom.evidence import SourceImage
from sr_templates.dicom.references import evidence_items
from sr_templates.dicom.repairs import add_items, rounded, separate
from sr_templates.dicom.text import CharacterSet, fitted, plain
from sr_templates.languages.words import Language, Wording

MeasurementGroup = MeasurementsAndQualitativeEvaluations | VolumetricROIMeasurementsAndQualitativeEvaluations
_CONTAINS = "CONTAINS"
_ACQUIRED = "HAS ACQ CONTEXT"


def _container(name: Code, children: Sequence[ContentItem]) -> ContentItem:
    """A container below the root; containers are made SEPARATE when the document is finished."""
    item = ContainerContentItem(name, relationship_type=_CONTAINS)
    if children:
        item.ContentSequence = list(children)  # type: ignore[assignment]  # highdicom wraps any sequence of items
    return item


def code(name: Code, value: Code) -> ContentItem:
    return CodeContentItem(name, value, relationship_type=_CONTAINS)


def text(name: Code, words: str) -> ContentItem:
    return TextContentItem(name, plain(words), relationship_type=_CONTAINS)


def spoken(name: Code, words: str, wording: Wording, character_set: CharacterSet) -> ContentItem:
    """Words of a language, which the item states (TID 1204) where it is not the document's; signs that fit the set."""
    if wording.language is Language.ENGLISH:
        return text(name, words)
    item = TextContentItem(name, fitted(character_set, words), relationship_type=_CONTAINS)
    item.ContentSequence = _language_of_content(codes.LANGUAGES[wording.language])
    return item


def image(name: Code, source: Dataset, frame: int | None = None) -> ContentItem:
    """A link to an instance, or to one frame of it."""
    frames = None if frame is None else [frame]
    return ImageContentItem(name, source.SOPClassUID, source.SOPInstanceUID, frames, relationship_type=_CONTAINS)


def _acquired(*facts: tuple[Code, Code | str]) -> list[ContentItem]:
    """Acquisition context of an image; a fact without words is left out."""
    items: list[ContentItem] = []
    for name, value in facts:
        if isinstance(value, Code):
            items.append(CodeContentItem(name, value, relationship_type=_ACQUIRED))
        elif value:
            items.append(TextContentItem(name, value, relationship_type=_ACQUIRED))
    return items


# --- context (TID 1001, 1002, 1004, 1204)


def _language_of_content(language: Code = codes.ENGLISH) -> LanguageOfContentItemAndDescendants:
    """TID 1204."""
    return LanguageOfContentItemAndDescendants(CodedConcept.from_code(language))


def device_observer_context(device: Device) -> ObserverContext:
    """TID 1002 and 1004: a device made this, and which one."""
    identifying = DeviceObserverIdentifyingAttributes(
        device.uid, device.model_name, device.manufacturer, device.model_name, device.serial_number
    )
    return ObserverContext(CodedConcept.from_code(codes.DEVICE), identifying)


# --- measurement groups (TID 1501, TID 1411)


def tracking_identifier(name: str, uid: UID) -> TrackingIdentifier:
    """TID 4108."""
    return TrackingIdentifier(uid, plain(name))


def algorithm_identification(
    model: ModelIdentity, device: Device, parameters: Sequence[str]
) -> AlgorithmIdentification:
    """TID 4019: which weights, in which software, answered."""
    return AlgorithmIdentification(
        plain(model.name),
        plain(f"{model.version} ({device.model_name} {device.software_version})"),
        [plain(each) for each in parameters if each],
        codes.ARTIFICIAL_INTELLIGENCE,
        plain(device.manufacturer),
    )


def finding_site(laterality: Code) -> FindingSite:
    """The breast, and which."""
    return FindingSite(codes.BREAST, laterality)


def percentage(name: Code, share: float, *, decimals: int = 1, method: Code | None = None) -> Measurement:
    """TID 300: a share of one in %, rounded for the reader, in full for machines (Floating Point Value)."""
    return rounded(Measurement(name, float(100 * share), codes.PERCENT, method=method), decimals)


def evaluation(name: Code, value: Code) -> QualitativeEvaluation:
    """A coded answer beside the measurements."""
    return QualitativeEvaluation(name, value)


def source_of_measurement(modality: Modality, source: SourceImage) -> SourceImageForMeasurementGroup:
    """The image, and its frame, that the group was measured on, and which sequence it is of."""
    item = SourceImageForMeasurementGroup(source.header.SOPClassUID, source.header.SOPInstanceUID, _frames(source))
    item.ContentSequence = _acquired((codes.SEQUENCE_OF, codes.SEQUENCE[modality]))  # type: ignore[assignment]
    return item


def outline(corners: np.ndarray, source: SourceImage) -> ContentItem:
    """A closed polyline on one image.

    Parameters
    ----------
    corners
        (n, 2) columns and rows in pixels; (0, 0) is the outer corner of the first pixel (PS3.3 C.18.6.1.2).
    """
    drawn_on = SourceImageForRegion(source.header.SOPClassUID, source.header.SOPInstanceUID, _frames(source))
    item = ScoordContentItem(codes.OUTLINE, "POLYLINE", corners, relationship_type=_CONTAINS)
    item.ContentSequence = [drawn_on]  # type: ignore[assignment]  # highdicom wraps any sequence of items
    return item


def outline_in_space(corners_mm: np.ndarray, frame_of_reference_uid: str) -> ContentItem:
    """The same in the patient.

    Parameters
    ----------
    corners_mm
        (n, 3) LPS mm in one plane; the last one repeats the first (PS3.3 C.18.9.1.2).
    """
    return Scoord3DContentItem(
        codes.OUTLINE, "POLYGON", corners_mm, frame_of_reference_uid, relationship_type=_CONTAINS
    )


def _frames(source: SourceImage) -> list[int] | None:
    return None if source.frame is None else [source.frame]


def referenced_segment(segmentation: Dataset, source_series_uid: str) -> ReferencedSegment:
    """The first segment of a segmentation, and the series that it was made on."""
    source = SourceSeriesForSegmentation(source_series_uid)
    return ReferencedSegment(segmentation.SOPClassUID, segmentation.SOPInstanceUID, 1, source_series=source)


def with_items(group: MeasurementGroup, items: Sequence[ContentItem]) -> MeasurementGroup:
    """The group with what its template allows beside its rows: images that explain it, an outline."""
    add_items(group[0], items)
    return group


# --- documents (TID 1500)


def measurement_report(
    title: Code,
    device: Device,
    groups: Sequence[MeasurementGroup],
    keys: Mapping[Modality, SourceImage] | None = None,
    statements: Sequence[ContentItem] = (),
    *,
    first: ContentItem | None = None,
) -> Dataset:
    """TID 1500, rows in the template's order; the root of the tree.

    Parameters
    ----------
    keys
        Images of the Image Library. highdicom's ImageLibrary would write 18 descriptors for each, from attributes that
        not every source has.
    statements
        Qualitative Evaluations of the whole study.
    first
        The impression, which stands before the template's rows (it is extensible): viewers print in this order.
    """
    entries = [_library_entry(modality, key) for modality, key in (keys or {}).items()]
    library = [_container(codes.IMAGE_LIBRARY_GROUP, entries)] if entries else []
    impression = [] if first is None else [first]
    context = ObservationContext(observer_device_context=device_observer_context(device))
    if groups:
        root = MeasurementReport(context, codes.MULTIPARAMETRIC_MRI, groups, title, _language_of_content())[0]
        *front, measurements = root.ContentSequence
    else:  # highdicom refuses a report without a measurement group, which is what "not analysed" is
        root = ContainerContentItem(title, template_id="1500")
        procedure = CodeContentItem(
            codes.PROCEDURE_REPORTED, codes.MULTIPARAMETRIC_MRI, relationship_type="HAS CONCEPT MOD"
        )
        front, measurements = [*_language_of_content(), *context, procedure], _container(codes.IMAGING_MEASUREMENTS, ())
    root.ContentSequence = [*impression, *front, _container(codes.IMAGE_LIBRARY, library), measurements]
    if statements:
        add_items(root, [_container(codes.QUALITATIVE_EVALUATIONS, statements)])
    return separate(root)


def _library_entry(modality: Modality, key: SourceImage) -> ContentItem:
    """TID 1601, named by its sequence, with the numbers that viewers show."""
    item = image(codes.SEQUENCE[modality], key.header, key.frame)
    instance = key.number if key.frame is None else ""
    numbers = ((codes.SERIES_NUMBER, key.series_number), (codes.INSTANCE_NUMBER, instance))
    facts = _acquired((codes.MODALITY, codes.MAGNETIC_RESONANCE), *numbers)
    item.ContentSequence = facts  # type: ignore[assignment]  # highdicom wraps any sequence of items
    return item


def finished(instance: Dataset, common: CommonAttributes, root: Dataset, links: Iterable[Dataset]) -> Dataset:
    """Status flags, evidence and predecessor around the tree.

    Parameters
    ----------
    links
        Result objects that the document points to, beside the source images.
    """
    instance.CompletionFlag = "COMPLETE"
    instance.VerificationFlag = "UNVERIFIED"
    instance.PreliminaryFlag = "PRELIMINARY"
    instance.PerformedProcedureCodeSequence = []
    instance.ReferencedPerformedProcedureStepSequence = []
    instance.CurrentRequestedProcedureEvidenceSequence = evidence_items(
        common.study_uid, [*common.evidence.instances, *links]
    )
    if common.run.predecessor is not None:
        instance.PredecessorDocumentsSequence = [predecessor_item(common.run.predecessor)]
    set_content(instance, root)
    return instance


def predecessor_item(document: DocumentReference) -> Dataset:
    """The superseded document, as an item of Predecessor Documents Sequence."""
    header = Dataset()
    header.SeriesInstanceUID = document.series_instance_uid
    header.SOPClassUID = document.sop_class_uid
    header.SOPInstanceUID = document.sop_instance_uid
    return evidence_items(UID(document.study_instance_uid), [header])[0]


def set_content(instance: Dataset, root: Dataset) -> None:
    """Make the tree below `root` the content of the document."""
    for element in root:
        instance[element.tag] = element
