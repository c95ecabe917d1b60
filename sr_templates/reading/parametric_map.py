"""Reads a parametric map that we wrote back into a volume, for the preview beside the images."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset

from mome_core.volume import Volume
from sr_templates.dicom.multiframe import LOGIT_LABEL
from sr_templates.dicom.streamed import pixel_chunks


def read_map(instance: Dataset) -> Volume:
    """The saliency in units of the score's logit, in the place that its frames have in the patient (LPS, mm)."""
    frames = instance.PerFrameFunctionalGroupsSequence
    shared = instance.SharedFunctionalGroupsSequence[0]
    positions = np.array([f.PlanePositionSequence[0].ImagePositionPatient for f in frames], dtype=float)
    orientation = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float)
    measures = shared.PixelMeasuresSequence[0]
    rows, columns = (float(each) for each in measures.PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = orientation[:3] * columns, orientation[3:] * rows
    normal = np.cross(orientation[:3], orientation[3:])
    gap = (positions[-1] - positions[0]) / (len(frames) - 1) if len(frames) > 1 else normal * measures.SliceThickness
    affine[:3, 2], affine[:3, 3] = gap, positions[0]
    return Volume(_voxels_of(instance, len(frames), shared), affine, str(instance.FrameOfReferenceUID))


def _voxels_of(instance: Dataset, frames: int, shared: Dataset) -> np.ndarray:
    """(columns, rows, slices) after the real world value mapping."""
    keyword, kind = ("FloatPixelData", "<f4") if "FloatPixelData" in instance else ("PixelData", "<u2")
    stored = b"".join(pixel_chunks(instance, keyword))
    planes = np.frombuffer(stored, kind, frames * instance.Rows * instance.Columns)
    mapping = next(each for each in shared.RealWorldValueMappingSequence if each.LUTLabel == LOGIT_LABEL)
    values = planes.astype(np.float32) * float(mapping.RealWorldValueSlope) + float(mapping.RealWorldValueIntercept)
    return values.reshape(frames, instance.Rows, instance.Columns).transpose(2, 1, 0).astype(np.float32)
