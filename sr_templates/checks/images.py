"""Where the frames of an image lie, and what its pixels hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ParametricMapStorage

from sr_templates.checks.refusal import refusal
from sr_templates.dicom.evidence import Evidence, SourceImage
from sr_templates.dicom.grid import DIRECTION_TOLERANCE, PLANE_TOLERANCE_MM
from sr_templates.dicom.streamed import pixel_chunks


def check_frames(instance: Dataset, evidence: Evidence) -> None:
    """Every frame has the plane, matrix and frame of reference of the source image that it names."""
    frames = instance.PerFrameFunctionalGroupsSequence
    if len(frames) != int(instance.NumberOfFrames):
        raise refusal(instance, f"Number of Frames is {instance.NumberOfFrames}, but {len(frames)} are described")
    allowed = _grid_images(evidence)
    shared = instance.SharedFunctionalGroupsSequence[0]
    series = set()
    for number, groups in enumerate(frames, start=1):
        source = _source_of(instance, number, groups, allowed)
        series.add(source.header.SeriesInstanceUID)
        position = groups.PlanePositionSequence[0].ImagePositionPatient
        _check_plane(instance, f"frame {number}", position, shared, source)
    if len(series) > 1:
        raise refusal(instance, "its frames come from more than one source series")
    if instance.SOPClassUID == ParametricMapStorage:
        _check_map(instance, shared)
    elif len(instance.PixelData) != (size := -(-_voxels(instance) // 8)) + size % 2:
        raise refusal(instance, "the pixel data has the wrong length")


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
        raise refusal(instance, f"frame {number} names a source image that results are not placed on")
    return source


def _check_plane(instance: Dataset, what: str, position: Sequence[float], planes: Dataset, source: SourceImage) -> None:
    orientation = planes.PlaneOrientationSequence[0].ImageOrientationPatient
    spacing = planes.PixelMeasuresSequence[0].PixelSpacing
    off_mm = _off(position, source.position_mm)
    if off_mm > PLANE_TOLERANCE_MM:
        raise refusal(instance, f"{what} lies {off_mm:.2f} mm from its source image")
    if _off(orientation, source.orientation) > DIRECTION_TOLERANCE:
        raise refusal(instance, f"{what} is oriented differently from its source image")
    if _off(spacing, source.spacing_mm) > DIRECTION_TOLERANCE:
        raise refusal(instance, f"{what} has another pixel spacing than its source image")
    if (int(instance.Rows), int(instance.Columns)) != (int(source.header.Rows), int(source.header.Columns)):
        raise refusal(instance, f"{what} has another matrix than its source image")
    if instance.FrameOfReferenceUID != source.header.FrameOfReferenceUID:
        raise refusal(instance, f"{what} is in another frame of reference than its source image")


def _off(ours: Sequence[float], theirs: NDArray[np.float64]) -> float:
    return float(np.abs(np.asarray(ours, dtype=float) - theirs).max())


def _check_map(instance: Dataset, shared: Dataset) -> None:
    """A parametric map's numbers, their meaning and their mandatory macros."""
    for macro in ("FrameAnatomySequence", "RealWorldValueMappingSequence", "ParametricMapFrameTypeSequence",
                  "PixelValueTransformationSequence", "FrameVOILUTSequence"):  # fmt: skip
        if macro not in shared:
            raise refusal(instance, f"{macro} is missing")
    if instance.get("ContentQualification") != "RESEARCH":
        raise refusal(instance, "Content Qualification must be RESEARCH")
    floats = "FloatPixelData" in instance
    length, low, high = 0, np.inf, -np.inf
    for chunk in pixel_chunks(instance, "FloatPixelData" if floats else "PixelData"):
        length += len(chunk)
        if floats and len(chunk) % 4 == 0:
            numbers = np.frombuffer(chunk, dtype="<f4")
            low, high = float(np.minimum(low, numbers.min())), float(np.maximum(high, numbers.max()))  # NaN survives
    if length != (4 if floats else 2) * _voxels(instance):
        raise refusal(instance, "the pixel data has the wrong length")
    if not floats:
        return
    if not (np.isfinite(low) and np.isfinite(high)):
        raise refusal(instance, "a pixel is not finite")
    meaning = shared.RealWorldValueMappingSequence[0]
    declared = (meaning.DoubleFloatRealWorldValueFirstValueMapped, meaning.DoubleFloatRealWorldValueLastValueMapped)
    if low < declared[0] or high > declared[1]:
        raise refusal(instance, "a pixel lies outside the declared range of real world values")


def _voxels(instance: Dataset) -> int:
    return int(instance.Rows) * int(instance.Columns) * int(instance.NumberOfFrames)


def check_encapsulated_pdf(instance: Dataset) -> None:
    """A PDF is one, and says that it names the patient, which it always does."""
    document = bytes(instance.EncapsulatedDocument)
    if not document.startswith(b"%PDF-") or instance.EncapsulatedDocumentLength != len(document.rstrip(b"\0")):
        raise refusal(instance, "the document is no PDF of the length that it states")
    if instance.get("BurnedInAnnotation") != "YES":
        raise refusal(instance, "it names the patient, so Burned In Annotation must be YES")


def check_presentation_state(instance: Dataset, evidence: Evidence) -> None:
    """It marks a source image that results are placed on, within its matrix, and says what for."""
    allowed = _grid_images(evidence)
    for annotation in instance.GraphicAnnotationSequence:
        (reference,) = annotation.ReferencedImageSequence
        frame = reference.get("ReferencedFrameNumber")
        source = allowed.get((str(reference.ReferencedSOPInstanceUID), None if frame is None else int(frame)))
        if source is None:
            raise refusal(instance, "it marks a source image that results are not placed on")
        size = (int(source.header.Columns), int(source.header.Rows))
        for graphic in annotation.GraphicObjectSequence:
            points = np.reshape(graphic.GraphicData, (-1, 2))
            if (points < 0).any() or (points > size).any():
                raise refusal(instance, "its arrow leaves the image")
        if not all(text.UnformattedTextValue for text in annotation.TextObjectSequence):
            raise refusal(instance, "its mark has no words")


def check_capture(instance: Dataset, evidence: Evidence) -> None:
    """A rendered image has its pixels, and lies where its source image lies if it has a place."""
    if instance.get("BurnedInAnnotation") not in ("YES", "NO"):
        raise refusal(instance, "it does not say whether it names the patient (Burned In Annotation)")
    size = int(instance.Rows) * int(instance.Columns) * int(instance.SamplesPerPixel)
    if len(instance.PixelData) != size + size % 2:
        raise refusal(instance, "the pixel data has the wrong length")
    if "ImagePositionPatient" not in instance:
        return
    reference = instance.SourceImageSequence[0]
    frame = reference.get("ReferencedFrameNumber")
    source = _grid_images(evidence).get(
        (str(reference.ReferencedSOPInstanceUID), None if frame is None else int(frame))
    )
    if source is None:
        raise refusal(instance, "it names a source image that results are not placed on")
    factor = int(instance.Rows) // int(source.header.Rows)
    matrix = (factor * int(source.header.Rows), factor * int(source.header.Columns))
    if factor < 1 or (int(instance.Rows), int(instance.Columns)) != matrix:
        raise refusal(instance, "its matrix is no multiple of that of its source image")
    first = source.position_mm - (1 - 1 / factor) / 2 * (
        source.orientation[:3] * source.spacing_mm[1] + source.orientation[3:] * source.spacing_mm[0]
    )
    if (off_mm := _off(instance.ImagePositionPatient, first)) > PLANE_TOLERANCE_MM:
        raise refusal(instance, f"the image lies {off_mm:.2f} mm from its source image")
    if _off(instance.PixelSpacing, source.spacing_mm / factor) > DIRECTION_TOLERANCE:
        raise refusal(instance, "the image has another pixel spacing than its source image spread over its matrix")
    if _off(instance.ImageOrientationPatient, source.orientation) > DIRECTION_TOLERANCE:
        raise refusal(instance, "the image is oriented differently from its source image")
    if instance.FrameOfReferenceUID != source.header.FrameOfReferenceUID:
        raise refusal(instance, "the image is in another frame of reference than its source image")
