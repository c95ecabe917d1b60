"""A synthetic breast MRI examination: voxels of every sequence, and the truth about the patient.

Nothing here knows DICOM; `dicom_io.phantom.vendors` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from dicom_io.phantom.acquisition import Mask
from dicom_io.phantom.spec import Lesion, Millimetres, PhantomSpec
from mome_core.case import Case
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
    drawn
        What else was drawn about a detailed patient, by name.
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
    drawn: Mapping[str, object] = field(default_factory=dict)


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


def centroid_mm(mask: Mask, affine: Affine, otherwise: Millimetres) -> Millimetres:
    """Mean LPS position of the voxels in a mask; `otherwise` for a lesion too small for this grid."""
    indices = np.argwhere(mask)
    if not len(indices):
        return otherwise
    x, y, z = affine[:3, :3] @ indices.mean(axis=0) + affine[:3, 3]
    return float(x), float(y), float(z)
