"""The gate before sending: every object is read again with a stranger's eyes; one defect and none is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    KeyObjectSelectionDocumentStorage,
    ParametricMapStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from sr_templates.dicom import codes
from sr_templates.dicom.common_attributes import PATIENT_AND_STUDY, TYPE_2
from sr_templates.dicom.evidence import Evidence, SourceImage
from sr_templates.dicom.grid import DIRECTION_TOLERANCE, PLANE_TOLERANCE_MM
from sr_templates.errors import ObjectRefused
from sr_templates.objects.report import REPORT_CLASSES

MULTIFRAME = (ParametricMapStorage, SegmentationStorage)
REQUIRED = [
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "InstanceNumber",
    "Modality",
    "Manufacturer",
    "ManufacturerModelName",
    "DeviceSerialNumber",
    "SoftwareVersions",
    "ContentDate",
    "ContentTime",
    "SeriesDescription",
]


def check(objects: Iterable[Dataset], evidence: Evidence, *, elsewhere: Sequence[Dataset] = ()) -> None:
    """Raise ObjectRefused at the first defect of these objects of one study.

    elsewhere : objects sent before, to which these may refer.
    """
    instances = list(objects)
    known = {str(header.SOPInstanceUID): header for header in (*evidence.instances, *elsewhere)}
    for instance in instances:
        if str(instance.get("SOPInstanceUID", "")) in known:
            raise _refused(instance, "its SOP Instance UID is used by a source image or another result")
        known[str(instance.get("SOPInstanceUID", ""))] = instance
    for instance in instances:
        _check_identity(instance, evidence)
        _check_coding_schemes(instance)
        if instance.SOPClassUID in (*REPORT_CLASSES, KeyObjectSelectionDocumentStorage):
            _check_document(instance, known)
        elif instance.SOPClassUID in MULTIFRAME:
            _check_frames(instance, evidence)
        elif instance.SOPClassUID == SecondaryCaptureImageStorage:
            _check_capture(instance, evidence)


def _refused(instance: Dataset, defect: str) -> ObjectRefused:
    return ObjectRefused(f"{instance.get('SeriesDescription', 'object without description')}: {defect}")


# --- whose object it is


def _check_identity(instance: Dataset, evidence: Evidence) -> None:
    """Structure, UIDs, and the patient and study of the source."""
    for keyword in REQUIRED:
        if not str(instance.get(keyword) or ""):
            raise _refused(instance, f"{keyword} is missing")
    for element in instance.iterall():
        if element.VR == "UI":
            for uid in [element.value] if isinstance(element.value, str) else element.value or ():
                if uid and not UID(uid).is_valid:
                    raise _refused(instance, f"{element.keyword} holds {uid}, which is not a UID")
    if instance.file_meta.MediaStorageSOPInstanceUID != instance.SOPInstanceUID:
        raise _refused(instance, "file meta information names another instance")
    for keyword in {*PATIENT_AND_STUDY, *TYPE_2} - {"SpecificCharacterSet", "TimezoneOffsetFromUTC"}:
        if _differs(instance, evidence.reference, keyword):
            raise _refused(instance, f"{keyword} differs from the source study")
    _check_series(instance, evidence)
    if "VERIFIED" in (instance.get("VerificationFlag"),):
        raise _refused(instance, "no person has verified it: Verification Flag must be UNVERIFIED")


def _differs(instance: Dataset, source: Dataset, keyword: str) -> bool:
    ours, theirs = instance.get(keyword), source.get(keyword)
    if not ours and not theirs:
        return False
    return bool(ours != theirs)


def _check_series(instance: Dataset, evidence: Evidence) -> None:
    for header in evidence.instances:
        if header.get("SeriesInstanceUID") == instance.SeriesInstanceUID:
            raise _refused(instance, "it would be filed into a series of the source")
        if str(header.get("SeriesNumber")) == str(instance.SeriesNumber):
            raise _refused(instance, f"Series Number {instance.SeriesNumber} is used by the source")


def _check_coding_schemes(instance: Dataset) -> None:
    used = {str(element.value) for element in instance.iterall() if element.keyword == "CodingSchemeDesignator"}
    described = {item.CodingSchemeDesignator for item in instance.get("CodingSchemeIdentificationSequence", ())}
    for scheme in sorted(used - described):
        if scheme.startswith("99"):
            raise _refused(instance, f"the private coding scheme {scheme} is not described")


# --- documents


def _check_document(instance: Dataset, known: Mapping[str, Dataset]) -> None:
    """References resolve and are in evidence; numbers are possible; containers print in every viewer."""
    listed = _listed(instance)
    for uid, sop_class in listed.items():
        if uid not in known:
            raise _refused(instance, f"its evidence names {uid}, which is neither source nor result")
        if known[uid].SOPClassUID != sop_class:
            raise _refused(instance, f"its evidence gives {uid} another SOP class than the instance has")
    is_report = instance.SOPClassUID in REPORT_CLASSES
    for item in _walk(instance):
        for reference in item.get("ReferencedSOPSequence", ()):
            if reference.ReferencedSOPInstanceUID not in listed:
                raise _refused(
                    instance, f"it refers to {reference.ReferencedSOPInstanceUID}, which is not in its evidence"
                )
        if item.get("ValueType") == "NUM":
            _check_number(instance, item)
        if is_report and item.get("ValueType") == "CONTAINER" and item.get("ContinuityOfContent") != "SEPARATE":
            raise _refused(instance, "a container is not SEPARATE, so viewers print values without names")
    if is_report:
        _check_report(instance)


def _listed(instance: Dataset) -> dict[str, str]:
    return {
        str(item.ReferencedSOPInstanceUID): str(item.ReferencedSOPClassUID)
        for study in instance.get("CurrentRequestedProcedureEvidenceSequence", ())
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }


def _walk(item: Dataset) -> Iterator[Dataset]:
    yield item
    for child in item.get("ContentSequence", ()):
        yield from _walk(child)


def _name(item: Dataset) -> tuple[str, str]:
    named = item.get("ConceptNameCodeSequence")
    return (str(named[0].CodeValue), str(named[0].CodingSchemeDesignator)) if named else ("", "")


def _check_number(instance: Dataset, item: Dataset) -> None:
    concept = item.ConceptNameCodeSequence[0].CodeMeaning
    measured = item.get("MeasuredValueSequence")
    if not measured:
        raise _refused(instance, f"{concept} has no value")
    units = measured[0].get("MeasurementUnitsCodeSequence")
    if not units or (units[0].CodeValue, units[0].CodingSchemeDesignator) != (codes.PERCENT.value, "UCUM"):
        raise _refused(instance, f"{concept} is not in %")
    number = float(measured[0].NumericValue)
    exact = float(measured[0].get("FloatingPointValue", number))
    if not (np.isfinite(number) and np.isfinite(exact)):
        raise _refused(instance, f"{concept} is not finite")
    if abs(exact - number) > 0.0501:
        raise _refused(instance, f"{concept} reads {number} but its exact value is {exact}")
    probabilities = {(code.value, code.scheme_designator) for code in codes.PROBABILITY.values()}
    if _name(item) in probabilities and not 0 <= number <= 100:
        raise _refused(instance, f"{concept} = {number} % is impossible")


def _check_report(instance: Dataset) -> None:
    """What TID 1500 leaves optional and we do not."""
    top = {_name(item) for item in instance.get("ContentSequence", ())}
    for code in (codes.LANGUAGE, codes.OBSERVER_TYPE, codes.PROCEDURE_REPORTED, codes.IMAGING_MEASUREMENTS):
        if (code.value, code.scheme_designator) not in top:
            raise _refused(instance, f"{code.meaning} is missing")
    for group in _walk(instance):
        if _name(group) != (codes.MEASUREMENT_GROUP.value, "DCM"):
            continue
        held = {_name(item): item for item in group.get("ContentSequence", ())}
        for code in (codes.TRACKING_IDENTIFIER, codes.TRACKING_UID, codes.ALGORITHM_NAME, codes.ALGORITHM_VERSION,
                     codes.FINDING_SITE):  # fmt: skip
            if (code.value, code.scheme_designator) not in held:
                raise _refused(instance, f"a measurement group has no {code.meaning}")
        site = held[(codes.FINDING_SITE.value, "SCT")]
        if (codes.LATERALITY.value, "SCT") not in {_name(item) for item in site.get("ContentSequence", ())}:
            raise _refused(instance, "a finding site has no laterality")


# --- images


def _check_frames(instance: Dataset, evidence: Evidence) -> None:
    """Every frame has the plane, matrix and frame of reference of the source image that it names."""
    frames = instance.PerFrameFunctionalGroupsSequence
    if len(frames) != int(instance.NumberOfFrames):
        raise _refused(instance, f"Number of Frames is {instance.NumberOfFrames}, but {len(frames)} are described")
    allowed = _grid_images(evidence)
    shared = instance.SharedFunctionalGroupsSequence[0]
    series = set()
    for number, groups in enumerate(frames, start=1):
        source = _source_of(instance, number, groups, allowed)
        series.add(source.header.SeriesInstanceUID)
        position = groups.PlanePositionSequence[0].ImagePositionPatient
        _check_plane(instance, f"frame {number}", position, shared, source)
    if len(series) > 1:
        raise _refused(instance, "its frames come from more than one source series")
    if instance.SOPClassUID == ParametricMapStorage:
        _check_map(instance, shared)
    elif len(instance.PixelData) != (size := -(-_voxels(instance) // 8)) + size % 2:
        raise _refused(instance, "the pixel data has the wrong length")


def _grid_images(evidence: Evidence) -> dict[tuple[str, int | None], SourceImage]:
    grids = (evidence.dce[evidence.reference_phase] if evidence.dce else (), evidence.t2, evidence.dwi)
    return {(str(image.header.SOPInstanceUID), image.frame): image for grid in grids for image in grid}


def _source_of(
    instance: Dataset, number: int, groups: Dataset, allowed: Mapping[tuple[str, int | None], SourceImage]
) -> SourceImage:
    reference = groups.DerivationImageSequence[0].SourceImageSequence[0]
    frame = reference.get("ReferencedFrameNumber")
    source = allowed.get((str(reference.ReferencedSOPInstanceUID), None if frame is None else int(frame)))
    if source is None:
        raise _refused(instance, f"frame {number} names a source image that results are not placed on")
    return source


def _check_plane(instance: Dataset, what: str, position: Sequence[float], planes: Dataset, source: SourceImage) -> None:
    orientation = planes.PlaneOrientationSequence[0].ImageOrientationPatient
    spacing = planes.PixelMeasuresSequence[0].PixelSpacing
    off_mm = _off(position, source.position_mm)
    if off_mm > PLANE_TOLERANCE_MM:
        raise _refused(instance, f"{what} lies {off_mm:.2f} mm from its source image")
    if _off(orientation, source.orientation) > DIRECTION_TOLERANCE:
        raise _refused(instance, f"{what} is oriented differently from its source image")
    if _off(spacing, source.spacing_mm) > DIRECTION_TOLERANCE:
        raise _refused(instance, f"{what} has another pixel spacing than its source image")
    if (int(instance.Rows), int(instance.Columns)) != (int(source.header.Rows), int(source.header.Columns)):
        raise _refused(instance, f"{what} has another matrix than its source image")
    if instance.FrameOfReferenceUID != source.header.FrameOfReferenceUID:
        raise _refused(instance, f"{what} is in another frame of reference than its source image")


def _off(ours: Sequence[float], theirs: NDArray[np.float64]) -> float:
    return float(np.abs(np.asarray(ours, dtype=float) - theirs).max())


def _check_map(instance: Dataset, shared: Dataset) -> None:
    """A parametric map's numbers, their meaning and their mandatory macros."""
    for macro in ("FrameAnatomySequence", "RealWorldValueMappingSequence", "ParametricMapFrameTypeSequence",
                  "PixelValueTransformationSequence", "FrameVOILUTSequence"):  # fmt: skip
        if macro not in shared:
            raise _refused(instance, f"{macro} is missing")
    if instance.get("ContentQualification") != "RESEARCH":
        raise _refused(instance, "Content Qualification must be RESEARCH")
    if "FloatPixelData" not in instance:
        if len(instance.PixelData) != 2 * _voxels(instance):
            raise _refused(instance, "the pixel data has the wrong length")
        return
    if len(instance.FloatPixelData) != 4 * _voxels(instance):
        raise _refused(instance, "the pixel data has the wrong length")
    numbers = np.frombuffer(instance.FloatPixelData, dtype="<f4")
    low, high = float(numbers.min()), float(numbers.max())  # NaN survives both
    if not (np.isfinite(low) and np.isfinite(high)):
        raise _refused(instance, "a pixel is not finite")
    meaning = shared.RealWorldValueMappingSequence[0]
    declared = (meaning.DoubleFloatRealWorldValueFirstValueMapped, meaning.DoubleFloatRealWorldValueLastValueMapped)
    if low < declared[0] or high > declared[1]:
        raise _refused(instance, "a pixel lies outside the declared range of real world values")


def _voxels(instance: Dataset) -> int:
    return int(instance.Rows) * int(instance.Columns) * int(instance.NumberOfFrames)


def _check_capture(instance: Dataset, evidence: Evidence) -> None:
    """A rendered image has its pixels, and lies where its source image lies if it has a place."""
    size = int(instance.Rows) * int(instance.Columns) * int(instance.SamplesPerPixel)
    if len(instance.PixelData) != size + size % 2:
        raise _refused(instance, "the pixel data has the wrong length")
    if "ImagePositionPatient" not in instance:
        return
    reference = instance.SourceImageSequence[0]
    frame = reference.get("ReferencedFrameNumber")
    source = _grid_images(evidence).get(
        (str(reference.ReferencedSOPInstanceUID), None if frame is None else int(frame))
    )
    if source is None:
        raise _refused(instance, "it names a source image that results are not placed on")
    planes = Dataset()
    planes.PlaneOrientationSequence = planes.PixelMeasuresSequence = [instance]
    _check_plane(instance, "the image", instance.ImagePositionPatient, planes, source)
