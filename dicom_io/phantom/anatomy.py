"""A synthetic breast MRI examination: a patient is drawn, each sequence samples the body, noise is added."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dicom_io.phantom.acquisition import (
    Mask,
    SimulatedPatient,
    acquire_dce,
    acquire_dwi,
    acquire_localizers,
    acquire_t1,
    acquire_t2,
    fit_adc,
    stream,
)
from dicom_io.phantom.body import draw_body, resized
from dicom_io.phantom.detailed.simulate import simulate_detailed
from dicom_io.phantom.examination import GroundTruth, Phantom, centroid_mm
from dicom_io.phantom.grid import SamplingGrid, grids_of
from dicom_io.phantom.spec import Anatomy, Lesion, PhantomSpec
from dicom_io.phantom.tissue import TISSUES, Tissue, TissueProperties, draw_benign, draw_malignant
from dicom_io.phantom.uids import uid
from mome_core.case import Modality


def simulate(spec: PhantomSpec) -> Phantom:
    """Draw a patient and acquire every sequence of the protocol; deterministic in `spec`."""
    return _SIMULATIONS[spec.anatomy](spec)


def _simulate_simple(spec: PhantomSpec) -> Phantom:
    """The patient that the shipped demo model knows."""
    anatomy_rng, kinetics_rng = stream(spec, "patient"), stream(spec, "kinetics")
    body = resized(draw_body(anatomy_rng, spec.lesion, spec.breasts, spec.position), spec.lesion_scale)
    patient = SimulatedPatient(
        spec, body, TISSUES | lesion_tissues(spec.lesion, kinetics_rng), uid(spec.seed, "frame of reference")
    )
    grids = grids_of(spec)
    dynamic, masks = acquire_dce(patient, grids.dce)
    with_diffusion = Modality.DWI not in spec.without
    dwi = acquire_dwi(patient, grids.dwi) if with_diffusion else {}
    return Phantom(
        spec=spec,
        dce=dynamic if Modality.DCE not in spec.without else None,
        t1=acquire_t1(patient, grids.t1),
        t2=acquire_t2(patient, grids.t2) if Modality.T2 not in spec.without else None,
        localizers=acquire_localizers(patient, grids.localizers),
        dwi=dwi,
        adc=fit_adc(dwi) if len(dwi) > 1 else None,
        truth=_truth_of(patient, masks, grids.dce),
    )


def lesion_tissues(lesion: Lesion, rng: np.random.Generator) -> dict[Tissue, TissueProperties]:
    """The lesion's two tissues; without a lesion no voxel holds them."""
    if lesion is Lesion.MALIGNANT:
        return draw_malignant(rng)
    if lesion is Lesion.BENIGN:
        return draw_benign(rng)
    return dict.fromkeys((Tissue.LESION_RIM, Tissue.LESION_CORE), TISSUES[Tissue.PARENCHYMA])


def _truth_of(patient: SimulatedPatient, masks: Mask, grid: SamplingGrid) -> GroundTruth:
    """The ground truth about a patient. masks : (lesion, left breast, right breast) on the DCE grid."""
    shape = patient.body.lesion
    rim = patient.tissues[Tissue.LESION_RIM]
    return GroundTruth(
        label=patient.spec.lesion,
        lesion=masks[0],
        lesion_centre_mm=None if shape is None else centroid_mm(masks[0], grid.affine, shape.centre_mm),
        lesion_volume_ml=round(float(masks[0].sum() * np.prod(grid.spacing_mm)) / 1000, 3),
        left=masks[1],
        right=masks[2],
        times_s=patient.spec.times_s,
        ktrans_per_minute=None if shape is None else rim.ktrans,
        adc=None if shape is None else rim.adc,
    )


_SIMULATIONS: dict[Anatomy, Callable[[PhantomSpec], Phantom]] = {
    Anatomy.SIMPLE: _simulate_simple,
    Anatomy.DETAILED: simulate_detailed,
}
