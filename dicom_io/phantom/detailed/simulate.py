"""A detailed examination: the patient is drawn, each sequence of the protocol samples her, and the truth is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from dicom_io.phantom.acquisition import (
    DCE_NOISE,
    DCE_SCALE,
    DWI_NOISE,
    DWI_SCALE,
    T2_NOISE,
    T2_SCALE,
    Mask,
    fit_adc,
    poses,
    stream,
)
from dicom_io.phantom.detailed.fields import Deformation
from dicom_io.phantom.detailed.layers import Mixture, mix
from dicom_io.phantom.detailed.materials import SignalModel, Table, uptake_mm
from dicom_io.phantom.detailed.patient import DetailedPatient, draw_patient
from dicom_io.phantom.detailed.receiver import Receiver, ScannerFlaws, Weighting, draw_flaws
from dicom_io.phantom.examination import GroundTruth, Phantom, centroid_mm
from dicom_io.phantom.grid import SamplingGrid, grids_of
from dicom_io.phantom.spec import PhantomSpec
from dicom_io.phantom.tissue import Scanner
from dicom_io.phantom.uids import uid
from mome_core.case import Modality
from mome_core.volume import Dynamic, Volume

_INJECTION_BEFORE_FIRST_POST_S = 60.0
_FLIP_STEP = 0.15


def simulate_detailed(spec: PhantomSpec) -> Phantom:
    """Draw a patient and acquire every sequence of the protocol; deterministic in `spec`."""
    examination = _Examination.of(spec)
    grids = grids_of(spec)
    dynamic, masks = examination.dynamic(grids.dce)
    t1, t2 = examination.anatomical(grids.t1)
    dwi = examination.diffusion(grids.dwi) if Modality.DWI not in spec.without else {}
    return Phantom(
        spec=spec,
        dce=dynamic if Modality.DCE not in spec.without else None,
        t1=t1,
        t2=t2 if Modality.T2 not in spec.without else None,
        localizers=tuple(examination.localizer(grid, n) for n, grid in enumerate(grids.localizers)),
        dwi=dwi,
        adc=fit_adc(dwi) if len(dwi) > 1 else None,
        truth=_truth_of(examination, masks, grids.dce),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Examination:
    """A patient in a scanner."""

    spec: PhantomSpec
    patient: DetailedPatient
    flaws: ScannerFlaws
    model: SignalModel
    frame_of_reference_uid: str

    @classmethod
    def of(cls, spec: PhantomSpec) -> _Examination:
        patient = draw_patient(stream(spec, "patient"), stream(spec, "lesion"), spec)
        flaws = draw_flaws(stream(spec, "scanner"), spec)
        model = SignalModel(patient.materials, spec.field_strength_t)
        return cls(spec, patient, flaws, model, uid(spec.seed, "frame of reference"))

    @property
    def noise(self) -> float:
        """Relative to 3 T."""
        return Scanner(self.spec.field_strength_t).noise

    def receiver(self, grid: SamplingGrid, purpose: str) -> Receiver:
        return Receiver(self.flaws, grid, stream(self.spec, f"{purpose} noise"))

    def gradient_echo(self, uptake: Table, *, fat_signal: float, noise: float) -> Weighting:
        """T1-weighted stored values, and how they change with the flip angle."""
        low, mean, high = (
            self.model.gradient_echo(uptake, fat_signal=fat_signal, flip=1 + step) * np.float32(DCE_SCALE)
            for step in (-_FLIP_STEP, 0.0, _FLIP_STEP)
        )
        return Weighting(mean, _slope(low, high), noise * self.noise)

    def dynamic(self, grid: SamplingGrid) -> tuple[Dynamic, Mask]:
        """The fat-suppressed T1-weighted dynamic, and the masks (lesion, left breast, right breast) on its grid."""
        spec = self.spec
        since_injection = [time + _INJECTION_BEFORE_FIRST_POST_S for time in spec.times_s]
        uptake = uptake_mm(self.patient.materials, self.patient.arterial, since_injection) * np.float32(spec.contrast)
        weighting = self.gradient_echo(uptake, fat_signal=0.10, noise=DCE_NOISE)
        images = np.empty((len(spec.times_s), *grid.shape), np.int16)
        masks = np.zeros((3, *grid.shape), bool)
        receiver = self.receiver(grid, "dce")
        for slab in grid.slabs():
            before: Mixture | None = None
            for phases, shift in poses(spec):
                mixture = mix(self.patient, grid.moved(-shift), slab)
                seen = [mixture] if before is None else [before, mixture]
                for phase in phases:
                    images[phase, :, :, slab] = receiver.images(seen, weighting.image(phase), slab)[0]
                if 0 in phases:
                    masks[:, :, :, slab] = _masks(mixture, grid.slab_shape(slab))
                before = mixture
        return Dynamic(images, grid.affine, self.frame_of_reference_uid, spec.times_s), masks

    def anatomical(self, grid: SamplingGrid) -> tuple[Volume, Volume]:
        """T1-weighted without fat suppression before contrast, and T2-weighted with it; both on one grid."""
        rows = len(self.patient.materials)
        t1 = self.gradient_echo(np.zeros((rows, 1), np.float32), fat_signal=1.0, noise=DCE_NOISE)
        low, mean, high = (
            self.model.spin_echo(flip=1 + step) * np.float32(T2_SCALE) for step in (-_FLIP_STEP, 0.0, _FLIP_STEP)
        )
        t2 = Weighting(mean, _slope(low, high), T2_NOISE * self.noise)
        first, second = self._volumes(grid, (t1, t2), ("t1", "t2"))
        return first, second

    def localizer(self, grid: SamplingGrid, number: int) -> Volume:
        """A quick T1-weighted image of a few slices."""
        nothing = np.zeros((len(self.patient.materials), 1), np.float32)
        return self._volumes(grid, (self.gradient_echo(nothing, fat_signal=1.0, noise=15.0),), (f"loc {number}",))[0]

    def diffusion(self, grid: SamplingGrid) -> dict[float, Volume]:
        """Trace-weighted volumes by b-value."""
        b_values = self.spec.b_values
        signal = self.model.diffusion(b_values) * np.float32(DWI_SCALE)
        weighting = Weighting(signal, None, DWI_NOISE * self.noise, echo_planar=True)
        volumes = self._volumes(grid, (weighting,), ("dwi",), self.flaws.distortion)
        return dict(zip(b_values, volumes, strict=True))

    def _volumes(
        self,
        grid: SamplingGrid,
        weightings: Sequence[Weighting],
        purposes: Sequence[str],
        distortion: Deformation | None = None,
    ) -> list[Volume]:
        """Every image of some weightings on one grid, whose mixture is made once."""
        images = [np.empty((len(each.signal), *grid.shape), np.int16) for each in weightings]
        receivers = [self.receiver(grid, purpose) for purpose in purposes]
        for slab in grid.slabs():
            mixture = mix(self.patient, grid, slab, distortion)
            for target, weighting, receiver in zip(images, weightings, receivers, strict=True):
                target[..., slab] = receiver.images([mixture], weighting, slab)
        return [Volume(each, grid.affine, self.frame_of_reference_uid) for stack in images for each in stack]


def _slope(low: Table, high: Table) -> Table:
    """Change of a signal per relative change of the flip angle."""
    slope: Table = (high - low) * np.float32(0.5 / _FLIP_STEP)
    return slope


def _masks(mixture: Mixture, shape: tuple[int, int, int]) -> Mask:
    """(lesion, left, right) of some slices: voxels that mostly belong to each."""
    masks = np.zeros((3, int(np.prod(shape))), bool)
    masks[0, mixture.where] = mixture.lesion > 0.5
    masks[1:, mixture.where] = mixture.breasts > 0.5
    return masks.reshape(3, *shape)


def _truth_of(examination: _Examination, masks: Mask, grid: SamplingGrid) -> GroundTruth:
    """The ground truth about a patient; a lesion below the size of a voxel marks the voxel that holds its centre."""
    patient, spec = examination.patient, examination.spec
    traits = patient.traits
    lesion = masks[0]
    if patient.lesions and not lesion.any():
        lesion[_voxel_of(patient, grid)] = True
    otherwise = patient.lesions[0].centre_mm if patient.lesions else (0.0, 0.0, 0.0)
    return GroundTruth(
        label=spec.lesion,
        lesion=lesion,
        lesion_centre_mm=centroid_mm(lesion, grid.affine, otherwise) if traits else None,
        lesion_volume_ml=round(float(lesion.sum() * np.prod(grid.spacing_mm)) / 1000, 3),
        left=masks[1],
        right=masks[2],
        times_s=spec.times_s,
        ktrans_per_minute=traits.ktrans_per_minute if traits else None,
        adc=traits.adc if traits else None,
        drawn=_drawn(patient),
    )


def _voxel_of(patient: DetailedPatient, grid: SamplingGrid) -> tuple[int, ...]:
    """The voxel nearest to the centre of the index lesion."""
    x, y, z = (np.array([each], np.float32) for each in patient.lesions[0].centre_mm)
    placed = np.array([each[0] for each in patient.deformation.moved((x, y, z), -1.0)])
    index = np.rint(np.linalg.inv(grid.affine[:3, :3]) @ (placed - grid.affine[:3, 3])).astype(int)
    return tuple(int(v) for v in np.clip(index, 0, np.array(grid.shape) - 1))


def _drawn(patient: DetailedPatient) -> dict[str, object]:
    """What was drawn about the patient and her lesion, for truth files."""
    own: dict[str, object] = {
        "density_class": patient.density,
        "background_enhancement": patient.background.name.lower(),
        "arterial_input": patient.arterial.form,
    }
    return own | (asdict(patient.traits) if patient.traits else {})
