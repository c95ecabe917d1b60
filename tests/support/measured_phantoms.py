"""What a phantom's measurements should be: the same numbers of the images that its analytic curves make, without noise.

The truth is drawn anew from the phantom's spec by the phantom's own functions; nothing of it passes through DICOM.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from dicom_io.phantom.acquisition import DCE_SCALE, SimulatedPatient, coil_sensitivity, stream
from dicom_io.phantom.anatomy import lesion_tissues, simulate
from dicom_io.phantom.body import draw_body
from dicom_io.phantom.composition import compose
from dicom_io.phantom.grid import SamplingGrid, grids_of
from dicom_io.phantom.spec import PhantomSpec
from dicom_io.phantom.tissue import TISSUES, Tissue, concentration, spoiled_gradient_echo
from mome_core.measure.adc import voxels_within
from mome_core.measure.edge import connected_tissue
from mome_core.measure.enhancement import Enhancement, Index, Mask, enhancement_of
from mome_core.measure.extent import extents_mm, seed_near
from mome_core.measure.kinetics import curve_in, worst_place
from mome_core.measure.study import measure
from mome_core.measurements import Curve, CurveType, Measurements
from mome_core.preprocessing.recipe import BreastRules
from mome_core.preprocessing.surveyed import survey_case

_Shares = NDArray[np.float32]
_INJECTION_S = 60.0
_LESION = [Tissue.LESION_RIM, Tissue.LESION_CORE]


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredPhantom:
    """A phantom's measurements beside the truth.

    Parameters
    ----------
    in_lesion
        Whether the measured point lies in the lesion.
    whole, worst
        Of the noiseless images: the mean curve of the measured tissue, and the curve of its worst place.
    adc
        Of rim and core by their shares in the voxels that were measured, 1e-3 mm2/s; NaN where none was.
    extents_mm
        Of the lesion's mask, as far as it is connected to the measured point.
    """

    found: Measurements
    in_lesion: bool
    whole: Curve
    worst: Curve
    adc: float
    extents_mm: tuple[float, float, float]
    spacing_mm: tuple[float, float, float]

    @property
    def uptake_error(self) -> float:
        """Percentage points."""
        return self._tissue.whole.initial_uptake_percent - self.whole.initial_uptake_percent

    @property
    def delayed_errors(self) -> tuple[float, float]:
        """Percentage points: of the mean curve, of the worst one."""
        tissue = self._tissue
        pairs = ((tissue.whole, self.whole), (tissue.worst, self.worst))
        whole, worst = (one.delayed_change_percent - other.delayed_change_percent for one, other in pairs)
        return whole, worst

    @property
    def types(self) -> tuple[CurveType, CurveType]:
        """The worst curve's type as measured, and as the analytic curves have it."""
        return self._tissue.worst.type, self.worst.type

    @property
    def adc_error_percent(self) -> float:
        """Of the truth."""
        return np.nan if self.found.diffusion is None else 100 * (self.found.diffusion.mean / self.adc - 1)

    @property
    def extent_errors(self) -> NDArray[np.float64]:
        """Voxels, along the three axes of an axial grid; NaN where they are withheld."""
        if self._tissue.extents_mm is None:
            return np.full(3, np.nan)
        return np.subtract(self._tissue.extents_mm, self.extents_mm) / self.spacing_mm

    @property
    def _tissue(self) -> Any:
        return self.found.tissue


def measured(spec: PhantomSpec) -> MeasuredPhantom | None:
    """Simulate, measure and compare; None where nothing was measured. The phantom holds still: no motion is sought."""
    phantom = simulate(spec)
    case = phantom.case()
    surveyed = survey_case(case, BreastRules(), None)
    found = measure(case, surveyed).measurements
    if found.tissue is None or surveyed.dynamic is None or surveyed.breasts is None:
        return None
    enhancement = enhancement_of(surveyed.dynamic, surveyed.breasts)
    seed = seed_near(enhancement, found.tissue.point_mm)
    mask = connected_tissue(enhancement, seed).mask
    clean = replace(enhancement, phases=np.stack([in_box(enhancement, each) for each in noiseless_dce(spec)]))
    lesion = in_box(enhancement, phantom.truth.lesion)
    return MeasuredPhantom(
        found=found,
        in_lesion=bool(lesion[seed]),
        whole=curve_in(clean, mask, delayed=True),
        worst=curve_in(clean, worst_place(clean, mask), delayed=True),
        adc=_adc_of(spec, voxels_within(case.adc, enhancement, mask)),
        extents_mm=extents_mm(enhancement, _part_with(seed, lesion)),
        spacing_mm=enhancement.spacing_mm,
    )


def _part_with(seed: Index, lesion: Mask) -> Mask:
    """The part of a lesion that holds a voxel, or all of it; voxels touch by their corners, too."""
    parts, _ = ndimage.label(lesion, np.ones((3, 3, 3)))
    return np.asarray(parts == parts[seed]) if lesion[seed] else lesion


def in_box(enhancement: Enhancement, whole: NDArray[Any]) -> NDArray[Any]:
    """The part of an array of the whole grid that an enhancement covers."""
    shape = enhancement.breasts.shape
    return whole[tuple(slice(at, at + size) for at, size in zip(enhancement.corner, shape, strict=True))]


def patient_of(spec: PhantomSpec) -> SimulatedPatient:
    """The patient as `simulate` draws it."""
    body = draw_body(stream(spec, "patient"), spec.lesion, spec.breasts, spec.position)
    return SimulatedPatient(spec, body, TISSUES | lesion_tissues(spec.lesion, stream(spec, "kinetics")), "1.2.3")


def shares_on(patient: SimulatedPatient, grid: SamplingGrid) -> _Shares:
    """(tissues, columns, rows, slices) of a grid."""
    slabs = list(grid.slabs())
    shares = [compose(patient.body, grid, slab).shares.reshape(-1, *grid.slab_shape(slab)) for slab in slabs]
    return np.concatenate(shares, axis=-1)


def curves_of(patient: SimulatedPatient) -> NDArray[np.float64]:
    """(tissues, phases) analytic signal of each tissue."""
    seconds = [time + _INJECTION_S for time in patient.spec.times_s]
    tissues = [patient.tissues[each] for each in Tissue]
    return np.array(
        [
            spoiled_gradient_echo(patient.scanner, each, concentration(each, seconds), fat_signal=0.10)
            for each in tissues
        ]
    )


def noiseless_dce(spec: PhantomSpec) -> _Shares:
    """(phases, columns, rows, slices) of the analytic curves alone: no noise, no rounding."""
    patient, grid = patient_of(spec), grids_of(spec).dce
    slabs = list(grid.slabs())
    coil = [coil_sensitivity(grid.points(slab)).reshape(grid.slab_shape(slab)) for slab in slabs]
    signal = np.tensordot(curves_of(patient).T * DCE_SCALE, shares_on(patient, grid), axes=1)
    return (signal * np.concatenate(coil, axis=-1)).astype(np.float32)


def _adc_of(spec: PhantomSpec, voxels: NDArray[np.int_]) -> float:
    """ADC of rim and core by their shares in some voxels of the diffusion grid."""
    if not len(voxels):
        return np.nan
    patient = patient_of(spec)
    held = shares_on(patient, grids_of(spec).dwi)[_LESION][:, *voxels.T].sum(axis=1)
    return float(np.average([patient.tissues[each].adc for each in _LESION], weights=held)) if held.any() else np.nan
