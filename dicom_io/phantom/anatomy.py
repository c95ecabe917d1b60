"""A synthetic breast MRI examination: a patient is drawn, each sequence samples her, noise is added.

Nothing here knows DICOM; `dicom_io.phantom.vendors` writes what this returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicom_io.phantom.body import Body, Composition, coil_sensitivity, compose, draw_body
from dicom_io.phantom.grid import Float, SamplingGrid, grids_of
from dicom_io.phantom.spec import Lesion, Millimetres, PhantomSpec
from dicom_io.phantom.tissue import (
    TISSUES,
    Curve,
    Scanner,
    Tissue,
    TissueProperties,
    concentration,
    diffusion_weighted,
    draw_benign,
    draw_malignant,
    spoiled_gradient_echo,
    turbo_spin_echo,
)
from dicom_io.phantom.uids import uid
from mome_core.case import Case, Modality
from mome_core.volume import Affine, Dynamic, Volume

Mask = NDArray[np.bool_]
Table = NDArray[np.float32]
INJECTION_BEFORE_FIRST_POST_S = 60.0
# stored value of signal 1 of each sequence, and the noise's standard deviation, in stored values at 3 T
DCE_SCALE, DCE_NOISE = 9000.0, 6.0
T2_SCALE, T2_NOISE = 1500.0, 7.0
DWI_SCALE, DWI_NOISE = 2200.0, 5.0
HIGHEST = 4095  # 12 bits stored


@dataclass(frozen=True, slots=True, eq=False)
class GroundTruth:
    """What was put into the phantom.

    lesion : (columns, rows, slices) on the DCE grid; all False without a lesion.
    lesion_centre_mm : centroid of that mask, LPS; None without a lesion.
    lesion_volume_ml : of that mask.
    left, right : each breast on the DCE grid: skin, fat and gland in front of the chest wall (all False if absent).
    ktrans_per_minute, adc : of the lesion's rim (1e-3 mm2/s); None without a lesion.
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

    t1 : T1-weighted without fat suppression. dwi : trace-weighted volumes by b-value in s/mm2. adc : 1e-6 mm2/s.
    localizers : axial, sagittal and coronal, three slices each.
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
        """What a reader makes of this examination when it errs in nothing; for training without DICOM."""
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
        )


def simulate(spec: PhantomSpec) -> Phantom:
    """Draw a patient and acquire every sequence of the protocol; deterministic in `spec`."""
    patient, kinetics = stream(spec, "patient"), stream(spec, "kinetics")
    body = draw_body(patient, spec.lesion, spec.breasts, spec.position)
    scene = SimulatedPatient(
        spec, body, TISSUES | lesion_tissues(spec.lesion, kinetics), uid(spec.seed, "frame of reference")
    )
    grids = grids_of(spec)
    dynamic, truth = acquire_dce(scene, grids.dce)
    with_diffusion = Modality.DWI not in spec.without
    dwi = acquire_dwi(scene, grids.dwi) if with_diffusion else {}
    return Phantom(
        spec=spec,
        dce=dynamic if Modality.DCE not in spec.without else None,
        t1=acquire_t1(scene, grids.t1),
        t2=acquire_t2(scene, grids.t2) if Modality.T2 not in spec.without else None,
        localizers=acquire_localizers(scene, grids.localizers),
        dwi=dwi,
        adc=fit_adc(dwi) if len(dwi) > 1 else None,
        truth=truth,
    )


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedPatient:
    """A patient in a scanner."""

    spec: PhantomSpec
    body: Body
    tissues: Mapping[Tissue, TissueProperties]
    frame_of_reference_uid: str

    @property
    def scanner(self) -> Scanner:
        return Scanner(self.spec.field_strength_t)


def stream(spec: PhantomSpec, purpose: str) -> np.random.Generator:
    """Independent random numbers for each purpose, so that leaving one sequence out changes no other."""
    return np.random.default_rng([spec.seed, int.from_bytes(purpose.encode())])


def lesion_tissues(lesion: Lesion, rng: np.random.Generator) -> dict[Tissue, TissueProperties]:
    """The lesion's two tissues; without a lesion no voxel holds them."""
    if lesion is Lesion.MALIGNANT:
        return draw_malignant(rng)
    if lesion is Lesion.BENIGN:
        return draw_benign(rng)
    return dict.fromkeys((Tissue.LESION_RIM, Tissue.LESION_CORE), TISSUES[Tissue.PARENCHYMA])


def signal_table(scene: SimulatedPatient, signal: Callable[[TissueProperties], Iterable[float]]) -> Table:
    """(images, tissues): what each tissue sends in each image of a sequence."""
    return np.array([list(signal(scene.tissues[tissue])) for tissue in Tissue], np.float32).T


# ---------------------------------------------------------------------------------------------------- the sequences


def acquire_dce(scene: SimulatedPatient, grid: SamplingGrid) -> tuple[Dynamic, GroundTruth]:
    """The fat-suppressed T1-weighted dynamic, and what is true on its grid."""
    spec = scene.spec
    since_injection = [time + INJECTION_BEFORE_FIRST_POST_S for time in spec.times_s]

    def signal(tissue: TissueProperties) -> Curve:
        uptake = concentration(tissue, since_injection) if spec.contrast else np.zeros(len(since_injection))
        return spoiled_gradient_echo(scene.scanner, tissue, uptake, fat_signal=0.10)

    table = signal_table(scene, signal) * np.float32(DCE_SCALE)
    images = np.empty((len(table), *grid.shape), np.int16)
    noise = RicianNoise(stream(spec, "dce noise"), DCE_NOISE * scene.scanner.noise)
    masks = np.zeros((3, *grid.shape), bool)
    for phases, shift in poses(spec):
        for slab in grid.slabs():
            composition = compose(scene.body, grid.moved(-shift), slab)
            sensitivity = coil_sensitivity(grid.points(slab))
            for phase in phases:
                values = image(composition, table[phase], sensitivity, noise)
                images[phase, :, :, slab] = values.reshape(grid.slab_shape(slab))
            if 0 in phases:
                masks[:, :, :, slab] = truth_masks(scene.body, composition, grid, slab)
    dynamic = Dynamic(images, grid.affine, scene.frame_of_reference_uid, spec.times_s)
    return dynamic, truth_of(scene, masks, grid)


def acquire_t1(scene: SimulatedPatient, grid: SamplingGrid) -> Volume:
    """T1-weighted without fat suppression, before contrast."""
    nothing = np.zeros(1)
    table = signal_table(scene, lambda t: spoiled_gradient_echo(scene.scanner, t, nothing, fat_signal=1.0))
    return acquire(scene, grid, table * np.float32(DCE_SCALE), "t1", DCE_NOISE)[0]


def acquire_localizers(scene: SimulatedPatient, grids: Iterable[SamplingGrid]) -> tuple[Volume, ...]:
    """Quick T1-weighted images in three orientations."""
    nothing = np.zeros(1)
    table = signal_table(scene, lambda t: spoiled_gradient_echo(scene.scanner, t, nothing, fat_signal=1.0))
    return tuple(acquire(scene, g, table * np.float32(DCE_SCALE), f"loc {n}", 15.0)[0] for n, g in enumerate(grids))


def acquire_t2(scene: SimulatedPatient, grid: SamplingGrid) -> Volume:
    """T2-weighted with fat suppression."""
    table = signal_table(scene, lambda t: [turbo_spin_echo(scene.scanner, t)])
    return acquire(scene, grid, table * np.float32(T2_SCALE), "t2", T2_NOISE)[0]


def acquire_dwi(scene: SimulatedPatient, grid: SamplingGrid) -> dict[float, Volume]:
    """Trace-weighted volumes by b-value."""
    b_values = scene.spec.b_values
    table = signal_table(scene, lambda t: [diffusion_weighted(t, b) for b in b_values])
    volumes = acquire(scene, grid, table * np.float32(DWI_SCALE), "dwi", DWI_NOISE)
    return dict(zip(b_values, volumes, strict=True))


def acquire(
    scene: SimulatedPatient, grid: SamplingGrid, table: Table, purpose: str, noise_level: float
) -> list[Volume]:
    """One volume for each row of the table."""
    images = np.empty((len(table), *grid.shape), np.int16)
    noise = RicianNoise(stream(scene.spec, f"{purpose} noise"), noise_level * scene.scanner.noise)
    for slab in grid.slabs():
        composition = compose(scene.body, grid, slab)
        sensitivity = coil_sensitivity(grid.points(slab))
        for target, signal in zip(images, table, strict=True):
            target[:, :, slab] = image(composition, signal, sensitivity, noise).reshape(grid.slab_shape(slab))
    return [Volume(voxels, grid.affine, scene.frame_of_reference_uid) for voxels in images]


@dataclass(frozen=True, slots=True, eq=False)
class RicianNoise:
    """Gaussian noise in both receiver channels; the magnitude is Rician (Gudbjartsson, Magn Reson Med 1995;34:910)."""

    rng: np.random.Generator
    sigma: float

    def added_to(self, signal: Float) -> Float:
        real, imaginary = self.rng.standard_normal((2, signal.size), np.float32) * np.float32(self.sigma)
        magnitude: Float = np.hypot(signal + real, imaginary)
        return magnitude


def image(composition: Composition, signal: Table, sensitivity: Float, noise: RicianNoise) -> NDArray[np.int16]:
    """Stored values of some voxels: mixed signal, seen by the coil, with noise."""
    values = noise.added_to((signal @ composition.shares) * sensitivity)
    stored: NDArray[np.int16] = np.clip(np.rint(values), 0, HIGHEST).astype(np.int16)
    return stored


def poses(spec: PhantomSpec) -> list[tuple[list[int], NDArray[np.float64]]]:
    """Phases that share a position of the patient, and her shift in mm; she drifts from phase to phase."""
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
    heard = some.voxels > 8 * DWI_NOISE
    adc = np.where(heard, np.clip(slope * 1e6, 0, HIGHEST), 0).astype(np.int16)
    return Volume(adc, some.affine, some.frame_of_reference_uid)


# --------------------------------------------------------------------------------------------------------- the truth


def truth_masks(body: Body, composition: Composition, grid: SamplingGrid, slab: slice) -> Mask:
    """(lesion, left, right) of some slices: voxels that mostly belong to each."""
    lesion = composition.shares[[Tissue.LESION_RIM, Tissue.LESION_CORE]].sum(axis=0)
    masks = np.zeros((3, lesion.size), bool)
    masks[0] = lesion > 0.5
    for breast, share in zip(body.breasts, composition.breasts, strict=True):
        masks[1 if breast.centre_mm[0] > 0 else 2] = share > 0.5
    return masks.reshape(3, *grid.slab_shape(slab))


def truth_of(scene: SimulatedPatient, masks: Mask, grid: SamplingGrid) -> GroundTruth:
    shape = scene.body.lesion
    rim = scene.tissues[Tissue.LESION_RIM]
    return GroundTruth(
        label=scene.spec.lesion,
        lesion=masks[0],
        lesion_centre_mm=None if shape is None else centroid_mm(masks[0], grid.affine, shape.centre_mm),
        lesion_volume_ml=round(float(masks[0].sum() * np.prod(grid.spacing_mm)) / 1000, 3),
        left=masks[1],
        right=masks[2],
        times_s=scene.spec.times_s,
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
