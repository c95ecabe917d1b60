"""Small studies and results made by hand: classic MR images, one bright place, one bright saliency."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from uuid import UUID

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedMRImageStorage, MRImageStorage

from calibrations import a_score, calibration
from mome_core.case import Case, Modality
from mome_core.results import (
    AnalyzedBreasts,
    Contribution,
    Endpoint,
    Laterality,
    ModelIdentity,
    QualityFlag,
    Result,
    Saliency,
    Severity,
)
from mome_core.volume import Dynamic, Volume
from sr_templates.dicom.common_attributes import derived_uid
from sr_templates.dicom.device import Device
from sr_templates.dicom.evidence import Evidence, Slices, SourceImage
from sr_templates.dicom.grid import image_affine
from told_kinetics import with_kinetics

DEVICE = Device(UUID("12345678-1234-4321-8765-123456789abc"), "0.1.0", "2.25.1", "MOME_TEST", station_name="MOME")
MODEL = ModelIdentity("MOME demo", "1.0", "ab" * 32, "Knows phantoms and nothing else.")
AXIAL = (1, 0, 0, 0, 1, 0)
SAGITTAL = (0, 1, 0, 0, 0, -1)
OBLIQUE = (0.9848078, 0.1736482, 0, -0.1736482, 0.9848078, 0)


@dataclass(frozen=True)
class Layout:
    """How the study of a test is made."""

    orientation: tuple[float, ...] = AXIAL
    phases_in_one_series: bool = False
    modalities: tuple[Modality, ...] = tuple(Modality)
    attributes: dict[str, object] = field(default_factory=dict)
    columns: int = 48
    rows: int = 40
    slices: int = 10
    phases: int = 3
    lesion_x_mm: float = 60.0


def header(layout: Layout, series: int, k: int, phase: int, spacing: tuple[float, float]) -> Dataset:
    """One classic MR image of the study, without pixels."""
    image = Dataset()
    image.SpecificCharacterSet = "ISO_IR 192"
    image.SOPClassUID = MRImageStorage
    image.StudyInstanceUID = derived_uid("test study")
    image.SeriesInstanceUID = derived_uid("test series", str(series))
    image.SOPInstanceUID = derived_uid("test image", str(series), str(phase), str(k))
    image.FrameOfReferenceUID = derived_uid("test frame of reference")
    image.Modality = "MR"
    image.PatientName = "Phantom^Anna"
    image.PatientID = "P-1"
    image.PatientBirthDate = "19700101"
    image.PatientSex = "F"
    image.PatientAge = "056Y"
    image.StudyID = "7"
    image.StudyDate = image.SeriesDate = image.ContentDate = "20260901"
    image.StudyTime = image.SeriesTime = "101500"
    image.ContentTime = f"10{20 + phase:02d}{k % 60:02d}"
    image.StudyDescription = "MR breast"
    image.AccessionNumber = "A-1"
    image.ReferringPhysicianName = ""
    image.SeriesNumber = series
    image.InstanceNumber = k + 1 + 1000 * phase
    image.Manufacturer = "Test scanner"
    image.ManufacturerModelName = "T1"
    image.DeviceSerialNumber = "1"
    image.SoftwareVersions = "v1"
    image.ImageType = ["ORIGINAL", "PRIMARY", "M", "NONE"]
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows, image.Columns = layout.rows, layout.columns
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit, image.PixelRepresentation = 15, 0
    row, column = np.array(layout.orientation[:3]), np.array(layout.orientation[3:])
    step = np.cross(row, column) * spacing[1]
    origin = (
        -(row * (layout.columns - 1) + column * (layout.rows - 1)) * spacing[0] / 2 - step * (layout.slices - 1) / 2
    )
    image.ImagePositionPatient = [f"{x:.6f}" for x in origin + k * step]
    image.ImageOrientationPatient = [f"{x:.7f}" for x in layout.orientation]
    image.PixelSpacing = [spacing[0], spacing[0]]
    image.SliceThickness = spacing[1]
    for keyword, value in layout.attributes.items():
        setattr(image, keyword, value)
    return image


def slices(layout: Layout, series: int, phase: int = 0) -> Slices:
    thickness = 28.0 if layout.orientation == SAGITTAL else 6.0
    return tuple(SourceImage(header(layout, series, k, phase, (6.5, thickness))) for k in range(layout.slices))


def enhanced(layout: Layout, series: int, phases: range, spacing: tuple[float, float] = (6.5, 6.0)) -> Dataset:
    """One Enhanced MR instance that holds these phases, phase by phase."""
    image = header(layout, series, 0, phases.start, spacing)
    image.SOPClassUID = EnhancedMRImageStorage
    shared, image.PerFrameFunctionalGroupsSequence = Dataset(), []
    measures, plane = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = image.PixelSpacing, image.SliceThickness
    plane.ImageOrientationPatient = image.ImageOrientationPatient
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    image.SharedFunctionalGroupsSequence = [shared]
    for phase in phases:
        for k in range(layout.slices):
            frame, position = Dataset(), Dataset()
            position.ImagePositionPatient = header(layout, series, k, phase, spacing).ImagePositionPatient
            frame.PlanePositionSequence = [position]
            image.PerFrameFunctionalGroupsSequence.append(frame)
    image.NumberOfFrames = len(image.PerFrameFunctionalGroupsSequence)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        delattr(image, keyword)
    return image


def enhanced_evidence(layout: Layout) -> Evidence:
    """The study of `make_evidence` with its DCE phases as Enhanced MR instances, one a phase or one for all."""
    classic = make_evidence(layout)
    frames = range(1, layout.slices + 1)
    if layout.phases_in_one_series:
        whole = enhanced(layout, 3, range(layout.phases))
        dce = tuple(tuple(SourceImage(whole, p * layout.slices + k) for k in frames) for p in range(layout.phases))
    else:
        each = [enhanced(layout, 3 + p, range(p, p + 1)) for p in range(layout.phases)]
        dce = tuple(tuple(SourceImage(one, k) for k in frames) for one in each)
    return replace(classic, dce=dce)


def bump(images: Slices, at_mm: tuple[float, float, float], width_mm: float = 12.0) -> np.ndarray:
    """A Gaussian in patient coordinates on the grid of these images."""
    shape = (int(images[0].header.Columns), int(images[0].header.Rows), len(images))
    index = np.indices(shape).reshape(3, -1)
    points = image_affine(images) @ np.vstack([index, np.ones(index.shape[1])])
    off = np.linalg.norm(points[:3] - np.array(at_mm)[:, None], axis=0)
    return np.exp(-0.5 * (off / width_mm) ** 2).reshape(shape).astype(np.float32)


def make_evidence(layout: Layout) -> Evidence:
    """The images of the study with voxels that show a lesion."""
    lesion = (layout.lesion_x_mm, -20.0, 5.0)
    phases = tuple(slices(layout, 3 if layout.phases_in_one_series else 3 + p, p) for p in range(layout.phases))
    grids = {Modality.DCE: phases[0], Modality.T2: slices(layout, 30), Modality.DWI: slices(layout, 40)}
    frame = str(phases[0][0].header.FrameOfReferenceUID)
    volumes = {
        modality: Volume(100 + 400 * bump(grid, lesion), image_affine(grid), frame) for modality, grid in grids.items()
    }
    used = set(layout.modalities)
    dynamic = Dynamic(
        np.stack([100 + 400 * p * bump(phases[0], lesion) for p in range(layout.phases)]),
        image_affine(phases[0]),
        frame,
    )
    case = Case(
        dce=dynamic if Modality.DCE in used else None,
        t2=volumes[Modality.T2] if Modality.T2 in used else None,
        dwi=volumes[Modality.DWI] if Modality.DWI in used else None,
        dwi_b_value=800.0,
    )
    return Evidence(
        dce=phases if Modality.DCE in used else (),
        t2=grids[Modality.T2] if Modality.T2 in used else (),
        dwi=grids[Modality.DWI] if Modality.DWI in used else (),
        case=case,
    )


def make_result(
    evidence: Evidence, lesion_x_mm: float = 60.0, endpoints: tuple[Endpoint, ...] = tuple(Endpoint)
) -> Result:
    """A result whose saliency has its peak at the lesion."""
    assert evidence.case is not None
    used = evidence.case.modalities
    shares = {Modality.DCE: 0.2, Modality.DWI: 0.08, Modality.T2: 0.052}
    scores = tuple(
        a_score(
            MODEL,
            endpoint=endpoint,
            read_by=calibration(used),
            contributions=tuple(Contribution(m, shares[m]) for m in used),
        )
        for endpoint in endpoints
    )
    saliency = []
    for modality in used:
        images = evidence.images(modality)
        voxels = bump(images, (lesion_x_mm, -20.0, 5.0), 10.0) - 0.2 * bump(images, (-60.0, -20.0, 5.0), 10.0)
        voxels[np.abs(voxels) < 1e-3] = 0
        volume = Volume(voxels, image_affine(images), str(images[0].header.FrameOfReferenceUID))
        saliency.append(Saliency(endpoints[0], modality, volume, "integrated gradients", "blur", 16, 0.012))
    breasts = AnalyzedBreasts(everywhere(evidence, used[0]), Laterality.BOTH)
    flag = QualityFlag("few_phases", Severity.WARNING, "Fewer post-contrast phases than the model was trained with.")
    result = Result(scores, tuple(saliency), used, (flag,), policy="float32", breasts=breasts)
    return with_kinetics(result, saliency[used.index(Modality.DCE)].volume) if Modality.DCE in used else result


def everywhere(evidence: Evidence, modality: Modality) -> Volume:
    """A breast mask that is the whole field of a modality: these studies have no body."""
    images = evidence.images(modality)
    shape = (int(images[0].header.Columns), int(images[0].header.Rows), len(images))
    return Volume(np.ones(shape, np.float32), image_affine(images), str(images[0].header.FrameOfReferenceUID))
