"""References from an object to other instances of the study (PS3.3 Tables 10-3, 10-11, C.12-8, C.17-3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydicom.dataset import Dataset
from pydicom.uid import UID

from sr_templates.dicom import codes
from sr_templates.dicom.evidence import SourceImage


def _instance_item(header: Dataset) -> Dataset:
    """Reference to an instance by its SOP class and UID."""
    item = Dataset()
    item.ReferencedSOPClassUID = header.SOPClassUID
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    return item


def source_item(image: SourceImage) -> Dataset:
    """Reference to the image, and its frame, that was processed."""
    item = _instance_item(image.header)
    if image.frame is not None:
        item.ReferencedFrameNumber = image.frame
    item.SpatialLocationsPreserved = "YES"
    item.PurposeOfReferenceCodeSequence = [codes.code_item(codes.SOURCE_FOR_PROCESSING)]
    return item


def referenced_series(headers: Iterable[Dataset]) -> list[Dataset]:
    """Items of the Common Instance Reference module: series in order of appearance, each instance once."""
    return [_series_item(uid, "ReferencedInstanceSequence", members) for uid, members in _by_series(headers).items()]


def evidence_items(study_uid: UID, headers: Iterable[Dataset]) -> list[Dataset]:
    """Hierarchical SOP Instance Reference of these instances of one study, in ascending order of their UIDs."""
    study = Dataset()
    study.StudyInstanceUID = study_uid
    study.ReferencedSeriesSequence = [
        _series_item(uid, "ReferencedSOPSequence", dict(sorted(members.items())))
        for uid, members in sorted(_by_series(headers).items())
    ]
    return [study]


def _by_series(headers: Iterable[Dataset]) -> dict[str, dict[str, Dataset]]:
    """Series Instance UID -> SOP Instance UID -> header, in order of appearance."""
    by_series: dict[str, dict[str, Dataset]] = {}
    for header in headers:
        by_series.setdefault(str(header.SeriesInstanceUID), {})[str(header.SOPInstanceUID)] = header
    return by_series


def _series_item(series_uid: str, keyword: str, members: Mapping[str, Dataset]) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = series_uid
    setattr(item, keyword, [_instance_item(header) for header in members.values()])
    return item
