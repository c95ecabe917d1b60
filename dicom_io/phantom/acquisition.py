"""The sequences of the protocol as a scanner acquires them: signal of the tissues, coil, noise, stored values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicom_io.phantom.body import Body, Points
from dicom_io.phantom.composition import Composition, compose
from dicom_io.phantom.grid import Float, SamplingGrid
from dicom_io.phantom.spec import PhantomSpec
from dicom_io.phantom.tissue import (
    Curve,
    Scanner,
    Tissue,
    TissueProperties,
    concentration,
    diffusion_weighted,
    spoiled_gradient_echo,
    turbo_spin_echo,
)
from mome_core.volume import Dynamic, Volume

Mask = NDArray[np.bool_]
_Table = NDArray[np.float32]
_INJECTION_BEFORE_FIRST_POST_S = 60.0
# stored value of signal 1 of each sequence, and the noise's standard deviation, in stored values at 3 T
DCE_SCALE, DCE_NOISE = 9000.0, 6.0
T2_SCALE, T2_NOISE = 1500.0, 7.0
DWI_SCALE, DWI_NOISE = 2200.0, 5.0
HIGHEST = 4095  # 12 bits stored


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedPatient:
    """A patient in a scanner: the body, what each of its tissues does, and the frame of reference."""

    spec: PhantomSpec
    body: Body
    tissues: Mapping[Tissue, TissueProperties]
    frame_of_reference_uid: str

    @property
    def scanner(self) -> Scanner:
        """The magnet of this examination."""
        return Scanner(self.spec.field_strength_t)


def stream(spec: PhantomSpec, purpose: str) -> np.random.Generator:
    """Independent random numbers for each purpose, so that leaving one sequence out changes no other."""
    return np.random.default_rng([spec.seed, int.from_bytes(purpose.encode())])


def _signal_table(patient: SimulatedPatient, signal: Callable[[TissueProperties], Iterable[float]]) -> _Table:
    """(images, tissues): what each tissue sends in each image of a sequence."""
    return np.array([list(signal(patient.tissues[tissue])) for tissue in Tissue], np.float32).T


def acquire_dce(patient: SimulatedPatient, grid: SamplingGrid) -> tuple[Dynamic, Mask]:
    """The fat-suppressed T1-weighted dynamic, and the masks (lesion, left breast, right breast) on its grid."""
    spec = patient.spec
    since_injection = [time + _INJECTION_BEFORE_FIRST_POST_S for time in spec.times_s]

    def signal(tissue: TissueProperties) -> Curve:
        uptake = concentration(tissue, since_injection) if spec.contrast else np.zeros(len(since_injection))
        return spoiled_gradient_echo(patient.scanner, tissue, uptake, fat_signal=0.10)

    table = _signal_table(patient, signal) * np.float32(DCE_SCALE)
    images = np.empty((len(table), *grid.shape), np.int16)
    noise = RicianNoise(stream(spec, "dce noise"), DCE_NOISE * patient.scanner.noise)
    masks = np.zeros((3, *grid.shape), bool)
    for phases, shift in poses(spec):
        for slab in grid.slabs():
            composition = compose(patient.body, grid.moved(-shift), slab)
            sensitivity = coil_sensitivity(grid.points(slab))
            for phase in phases:
                values = image(composition, table[phase], sensitivity, noise)
                images[phase, :, :, slab] = values.reshape(grid.slab_shape(slab))
            if 0 in phases:
                masks[:, :, :, slab] = _truth_masks(patient.body, composition, grid, slab)
    dynamic = Dynamic(images, grid.affine, patient.frame_of_reference_uid, spec.times_s)
    return dynamic, masks


def acquire_t1(patient: SimulatedPatient, grid: SamplingGrid) -> Volume:
    """T1-weighted without fat suppression, before contrast."""
    nothing = np.zeros(1)
    table = _signal_table(patient, lambda t: spoiled_gradient_echo(patient.scanner, t, nothing, fat_signal=1.0))
    return _acquire(patient, grid, table * np.float32(DCE_SCALE), "t1", DCE_NOISE)[0]


def acquire_localizers(patient: SimulatedPatient, grids: Iterable[SamplingGrid]) -> tuple[Volume, ...]:
    """Quick T1-weighted images in three orientations."""
    nothing = np.zeros(1)
    table = _signal_table(patient, lambda t: spoiled_gradient_echo(patient.scanner, t, nothing, fat_signal=1.0))
    return tuple(_acquire(patient, g, table * np.float32(DCE_SCALE), f"loc {n}", 15.0)[0] for n, g in enumerate(grids))


def acquire_t2(patient: SimulatedPatient, grid: SamplingGrid) -> Volume:
    """T2-weighted with fat suppression."""
    table = _signal_table(patient, lambda t: [turbo_spin_echo(patient.scanner, t)])
    return _acquire(patient, grid, table * np.float32(T2_SCALE), "t2", T2_NOISE)[0]


def acquire_dwi(patient: SimulatedPatient, grid: SamplingGrid) -> dict[float, Volume]:
    """Trace-weighted volumes by b-value."""
    b_values = patient.spec.b_values
    table = _signal_table(patient, lambda t: [diffusion_weighted(t, b) for b in b_values])
    volumes = _acquire(patient, grid, table * np.float32(DWI_SCALE), "dwi", DWI_NOISE)
    return dict(zip(b_values, volumes, strict=True))


def _acquire(
    patient: SimulatedPatient, grid: SamplingGrid, table: _Table, purpose: str, noise_level: float
) -> list[Volume]:
    """One volume for each row of the table."""
    images = np.empty((len(table), *grid.shape), np.int16)
    noise = RicianNoise(stream(patient.spec, f"{purpose} noise"), noise_level * patient.scanner.noise)
    for slab in grid.slabs():
        composition = compose(patient.body, grid, slab)
        sensitivity = coil_sensitivity(grid.points(slab))
        for target, signal in zip(images, table, strict=True):
            target[:, :, slab] = image(composition, signal, sensitivity, noise).reshape(grid.slab_shape(slab))
    return [Volume(voxels, grid.affine, patient.frame_of_reference_uid) for voxels in images]


@dataclass(frozen=True, slots=True, eq=False)
class RicianNoise:
    """Gaussian noise in both receiver channels; the magnitude is Rician (Gudbjartsson, Magn Reson Med 1995;34:910)."""

    rng: np.random.Generator
    sigma: float

    def added_to(self, signal: Float) -> Float:
        """The magnitude of a signal after noise was added to both channels."""
        real, imaginary = self.rng.standard_normal((2, signal.size), np.float32) * np.float32(self.sigma)
        magnitude: Float = np.hypot(signal + real, imaginary)
        return magnitude


def image(composition: Composition, signal: _Table, sensitivity: Float, noise: RicianNoise) -> NDArray[np.int16]:
    """Stored values of some voxels: mixed signal, seen by the coil, with noise."""
    values = noise.added_to((signal @ composition.shares) * sensitivity)
    stored: NDArray[np.int16] = np.clip(np.rint(values), 0, HIGHEST).astype(np.int16)
    return stored


def poses(spec: PhantomSpec) -> list[tuple[list[int], NDArray[np.float64]]]:
    """Phases that share a position of the patient, and that shift in mm; the patient drifts from phase to phase."""
    phases = len(spec.times_s)
    if not spec.motion_mm:
        return [(list(range(phases)), np.zeros(3))]
    direction = stream(spec, "motion").normal(size=3)
    direction *= spec.motion_mm / np.linalg.norm(direction)
    return [([phase], direction * phase / (phases - 1)) for phase in range(phases)]


def fit_adc(dwi: Mapping[float, Volume]) -> Volume:
    """Apparent diffusion coefficient in 1e-6 mm2/s: least squares on log signal, 0 where there is only noise."""
    some = next(iter(dwi.values()))
    b = np.array(list(dwi), np.float32)
    weights = (b - b.mean()) / ((b - b.mean()) ** 2).sum()
    slope = np.zeros(some.voxels.shape, np.float32)
    for weight, volume in zip(weights, dwi.values(), strict=True):
        slope -= weight * np.log(np.maximum(volume.voxels, 1).astype(np.float32))
    measured = some.voxels > 8 * DWI_NOISE
    adc = np.where(measured, np.clip(slope * 1e6, 0, HIGHEST), 0).astype(np.int16)
    return Volume(adc, some.affine, some.frame_of_reference_uid)


def _truth_masks(body: Body, composition: Composition, grid: SamplingGrid, slab: slice) -> Mask:
    """(lesion, left, right) of some slices: voxels that mostly belong to each."""
    lesion = composition.shares[[Tissue.LESION_RIM, Tissue.LESION_CORE]].sum(axis=0)
    masks = np.zeros((3, lesion.size), bool)
    masks[0] = lesion > 0.5
    for breast, share in zip(body.breasts, composition.breasts, strict=True):
        masks[1 if breast.centre_mm[0] > 0 else 2] = share > 0.5
    return masks.reshape(3, *grid.slab_shape(slab))


def coil_sensitivity(points: Points) -> Float:
    """Receive profile of a breast coil: strong around the breasts, weak in the back."""
    x, y, z = points
    side = (np.abs(x) - np.float32(85)) / 95
    falloff = side * side + ((y + 25) / 120) ** 2 + (z / 150) ** 2
    profile: Float = (np.float32(0.42) + np.float32(0.85) * np.exp(-falloff)).astype(np.float32)
    return profile
