"""A synthetic breast MRI examination: a patient is drawn, each sequence samples the body, noise is added.

Nothing here knows DICOM; `dicom_io.phantom.vendors` writes what this returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
from dicom_io.phantom.grid import SamplingGrid, grids_of
from dicom_io.phantom.spec import Lesion, Millimetres, PhantomSpec
from dicom_io.phantom.tissue import TISSUES, Tissue, TissueProperties, draw_benign, draw_malignant
from dicom_io.phantom.uids import uid
from mome_core.case import Case, Modality
from mome_core.volume import Affine, Dynamic, Volume


@dataclass(frozen=True, slots=True, eq=False)
class GroundTruth:
    """The ground truth of a phantom.

    Parameters
    ----------
    lesion
        (columns, rows, slices) on the DCE grid; all False without a lesion.
    lesion_centre_mm
        Centroid of that mask, LPS; None without a lesion.
    lesion_volume_ml
        Volume of that mask.
    left, right
        Each breast on the DCE grid: skin, fat and gland in front of the chest wall (all False if absent).
    ktrans_per_minute, adc
        Of the lesion's rim (1e-3 mm2/s); None without a lesion.
    """

    label: Lesion
    lesion: Mask
    lesion_centre_mm: Millimetres | None
    lesion_volume_ml: float
    left: Mask
    right: Mask
    times_s: tuple[float, ...]
    ktrans_per_minute: float | None
    adc: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """One synthetic examination; voxels are int16 of 12 bits, as a scanner stores them.

    Parameters
    ----------
    t1
        T1-weighted without fat suppression.
    dwi
        Trace-weighted volumes by b-value in s/mm2.
    adc
        1e-6 mm2/s.
    localizers
        Axial, sagittal and coronal, three slices each.
    """

    spec: PhantomSpec
    dce: Dynamic | None
    t1: Volume
    t2: Volume | None
    dwi: Mapping[float, Volume]
    adc: Volume | None
    localizers: tuple[Volume, ...]
    truth: GroundTruth

    def case(self) -> Case:
        """The case that a reader without error makes of this examination; for training without DICOM."""
        highest = max(self.dwi, default=None)
        return Case(
            dce=self.dce,
            t2=self.t2,
            dwi=None if highest is None else self.dwi[highest],
            dwi_b_value=highest,
            acquisition={
                "vendor": "MOME phantom",
                "model": f"phantom-{self.spec.size}",
                "field_strength_t": self.spec.field_strength_t,
            },
            adc=self.adc,
            dwi_by_b_value=self.dwi,
        )


def simulate(spec: PhantomSpec) -> Phantom:
    """Draw a patient and acquire every sequence of the protocol; deterministic in `spec`."""
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


def centroid_mm(mask: Mask, affine: Affine, otherwise: Millimetres) -> Millimetres:
    """Mean LPS position of the voxels in a mask; `otherwise` for a lesion too small for this grid."""
    indices = np.argwhere(mask)
    if not len(indices):
        return otherwise
    x, y, z = affine[:3, :3] @ indices.mean(axis=0) + affine[:3, 3]
    return float(x), float(y), float(z)
