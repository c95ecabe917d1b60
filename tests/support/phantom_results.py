"""A phantom study as a vendor writes it, read back, with a made-up result whose saliency is the lesion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from calibrations import a_score, calibration
from dicom_io.headers.read import read_series_headers
from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.examination import Phantom
from dicom_io.phantom.options import StudyOptions
from dicom_io.phantom.spec import PhantomSpec
from dicom_io.phantom.vendors import write_study
from dicom_io.study.case import Assembly, SourceFrame, read_case
from dicom_io.study.classify import assign_roles
from mome_core.case import Modality
from mome_core.results import AnalyzedBreasts, Contribution, Endpoint, Laterality, ModelIdentity, Result, Saliency
from mome_core.volume import Volume
from node.measuring import measured, surveyed_case
from sr_templates.dicom.device import Device
from sr_templates.dicom.evidence import Evidence, SourceImage

DEVICE = Device(UUID("12345678-1234-4321-8765-123456789abc"), "0.1.0", "2.25.1", "MOME_TEST")
MODEL = ModelIdentity("MOME demo", "1.0", "ab" * 32, "Knows phantoms and nothing else.")
SHARES = {Modality.DCE: 0.2, Modality.DWI: 0.095, Modality.T2: 0.037}


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredStudy:
    """Files of a study, what was read of them, and an answer to it."""

    phantom: Phantom
    paths: Sequence[Path]
    evidence: Evidence
    result: Result

    @property
    def study_uid(self) -> str:
        return str(self.evidence.reference.StudyInstanceUID)


def answered_study(
    spec: PhantomSpec, vendor: str, layout: str | None, folder: Path, options: StudyOptions | None = None
) -> AnsweredStudy:
    """Write the phantom, read and measure it as the node does, and answer with the truth instead of a network."""
    phantom = simulate(spec)
    paths = write_study(phantom, vendor, layout, folder, options)
    assembly = read_case(assign_roles(read_series_headers(paths)), diffusion=True)
    evidence, case = evidence_of(assembly), assembly.case
    result = measured(answer(phantom, assembly), case, surveyed_case(case), evidence)
    return AnsweredStudy(phantom, paths, evidence, result)


def evidence_of(assembly: Assembly) -> Evidence:
    def sources(images: Sequence[SourceFrame]) -> tuple[SourceImage, ...]:
        return tuple(SourceImage(image.header, image.frame) for image in images)

    dce = tuple(map(sources, assembly.dce))
    other = sources(assembly.dwi_all)
    return Evidence(dce, sources(assembly.t2), sources(assembly.dwi), other, assembly.case)


def answer(phantom: Phantom, assembly: Assembly) -> Result:
    """Scores that add up, and a grainy saliency on the lesion in the grid of the first modality that was read."""
    case = assembly.case
    used = case.modalities
    volumes = {Modality.DCE: case.dce and case.dce.phase(0), Modality.T2: case.t2, Modality.DWI: case.dwi}
    grid = volumes[used[0]]
    if grid is None:
        raise ValueError("the study has no modality")
    grain = np.random.default_rng(1).normal(1, 0.4, grid.voxels.shape).clip(0.2)
    truth = phantom.truth
    lesion, breasts = (share_of(mask, phantom, grid) for mask in (truth.lesion, truth.left | truth.right))
    voxel_ml = abs(np.linalg.det(grid.affine[:3, :3])) / 1000
    voxels = ((lesion * grain + breasts * (grain - 1) * 0.02) * voxel_ml).astype(np.float32)  # 1 log odds per ml
    volume = Volume(voxels, grid.affine, grid.frame_of_reference_uid)
    saliency = Saliency(Endpoint.MALIGNANCY, used[0], volume, "integrated gradients", "blur", 16, 0.012)
    shares = tuple(Contribution(modality, SHARES[modality]) for modality in used)
    score = a_score(MODEL, read_by=calibration(used), contributions=shares)
    sides = {Laterality.LEFT: truth.left.any(), Laterality.RIGHT: truth.right.any()}
    found = [side for side, there in sides.items() if there]
    laterality = found[0] if len(found) == 1 else Laterality.BOTH
    share = Volume(breasts, grid.affine, grid.frame_of_reference_uid)
    return Result((score,), (saliency,), used, policy="float32", breasts=AnalyzedBreasts(share, laterality))


def share_of(mask: NDArray[np.bool_], phantom: Phantom, grid: Volume) -> NDArray[np.float32]:
    """How much of each voxel of a grid lies in a mask on the phantom's DCE grid."""
    source = phantom.dce.affine if phantom.dce is not None else phantom.t1.affine
    index = np.indices(grid.voxels.shape).reshape(3, -1)
    at = (np.linalg.inv(source) @ grid.affine @ np.vstack([index, np.ones(index.shape[1])]))[:3]
    share = map_coordinates(mask.astype(np.float32), at, order=1, mode="constant")
    return np.asarray(share, dtype=np.float32).reshape(grid.voxels.shape)
