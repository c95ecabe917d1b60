"""What SR and key object documents share: content items, evidence, observer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from highdicom.sr.value_types import (
    CodeContentItem,
    CompositeContentItem,
    ContainerContentItem,
    ContentItem,
    ImageContentItem,
    NumContentItem,
    TextContentItem,
    UIDRefContentItem,
)
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import UID

from sr_templates.dicom import codes
from sr_templates.dicom.device import Device
from sr_templates.dicom.evidence import SourceImage
from sr_templates.dicom.multiframe import instance_item
from sr_templates.dicom.text import plain

CONTAINS, CONTEXT, MODIFIER = "CONTAINS", "HAS OBS CONTEXT", "HAS CONCEPT MOD"


def container(
    name: Code, children: Sequence[ContentItem], *, relation: str | None = CONTAINS, template: str = ""
) -> ContentItem:
    """A container whose items are SEPARATE: viewers print the names of continuous ones away (OHIF, Weasis)."""
    item = ContainerContentItem(
        name, is_content_continuous=False, template_id=template or None, relationship_type=relation
    )
    if children:
        item.ContentSequence = list(children)  # type: ignore[assignment]  # highdicom wraps any sequence of items
    return item


def code(name: Code, value: Code, relation: str = CONTAINS) -> ContentItem:
    return CodeContentItem(name, value, relationship_type=relation)


def text(name: Code, words: str, relation: str = CONTAINS) -> ContentItem:
    return TextContentItem(name, plain(words), relationship_type=relation)


def uid_reference(name: Code, uid: UID, relation: str = CONTAINS) -> ContentItem:
    return UIDRefContentItem(name, uid, relationship_type=relation)


def percentage(name: Code, share: float, *, decimals: int = 1) -> ContentItem:
    """A share of one in %: rounded for the reader, in full for machines (Floating Point Value)."""
    item = NumContentItem(name, float(100 * share), codes.PERCENT, relationship_type=CONTAINS)
    item.MeasuredValueSequence[0].NumericValue = f"{100 * share:.{decimals}f}"
    return item


def image(name: Code, source: Dataset, frame: int | None = None, relation: str = CONTAINS) -> ContentItem:
    """A link to an instance, or to one frame of it."""
    frames = None if frame is None else [frame]
    return ImageContentItem(name, source.SOPClassUID, source.SOPInstanceUID, frames, relationship_type=relation)


def source_image(name: Code, source: SourceImage, relation: str = CONTAINS) -> ContentItem:
    return image(name, source.header, source.frame, relation)


def selection(target: Dataset) -> ContentItem:
    """A link of a key object selection (PS3.16 TID 2010): images are IMAGE, documents COMPOSITE."""
    kind = CompositeContentItem if target.Modality in ("SR", "KO", "DOC") else ImageContentItem
    return kind(codes.SOURCE, target.SOPClassUID, target.SOPInstanceUID, relationship_type=CONTAINS)


def modified(item: ContentItem, *modifiers: ContentItem) -> ContentItem:
    """The item with others below it: concept modifiers, or the image that a region is selected from."""
    item.ContentSequence = list(modifiers)  # type: ignore[assignment]  # as above
    return item


def observer(device: Device) -> list[ContentItem]:
    """Observation context: a device made this, and which one (PS3.16 TID 1001, 1004)."""
    return [
        code(codes.OBSERVER_TYPE, codes.DEVICE, CONTEXT),
        uid_reference(codes.DEVICE_OBSERVER_UID, device.uid, CONTEXT),
        text(codes.DEVICE_OBSERVER_NAME, device.model_name, CONTEXT),
        text(codes.DEVICE_OBSERVER_MANUFACTURER, device.manufacturer, CONTEXT),
        text(codes.DEVICE_OBSERVER_MODEL_NAME, device.model_name, CONTEXT),
        text(codes.DEVICE_OBSERVER_SERIAL_NUMBER, device.serial_number, CONTEXT),
    ]


def set_content(instance: Dataset, root: ContentItem) -> None:
    """Make the tree below `root` the content of the document."""
    for element in root:
        instance[element.tag] = element
    if any(used.CodingSchemeDesignator == codes.PRIVATE_SCHEME for used in _codes_of(instance)):
        instance.CodingSchemeIdentificationSequence = [codes.coding_scheme_identification()]


def _codes_of(instance: Dataset) -> list[Dataset]:
    return [item for element in instance.iterall() if element.VR == "SQ" for item in element.value
            if "CodingSchemeDesignator" in item]  # fmt: skip


def evidence_items(study_uid: UID, instances: Iterable[Dataset]) -> list[Dataset]:
    """Hierarchical SOP Instance Reference of these instances of one study (PS3.3 Table C.17-3)."""
    by_series: dict[str, dict[str, Dataset]] = {}
    for header in instances:
        by_series.setdefault(str(header.SeriesInstanceUID), {})[str(header.SOPInstanceUID)] = header
    study = Dataset()
    study.ReferencedSeriesSequence = []
    for series_uid, members in sorted(by_series.items()):
        series = Dataset()
        series.SeriesInstanceUID = series_uid
        series.ReferencedSOPSequence = [instance_item(header) for _, header in sorted(members.items())]
        study.ReferencedSeriesSequence.append(series)
    study.StudyInstanceUID = study_uid
    return [study]
