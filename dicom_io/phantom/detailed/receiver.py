"""How a scanner turns a mixture of materials into stored values, with the flaws that real images have.

Transmit field: the flip angle varies by 10 to 20 % across both breasts at 3 T (Kuhl et al., Radiology 2007;244:929).
Fat is displaced along the read-out by the chemical shift, the heart's pulsation repeats along the phase encoding, noise
is complex and grows in the middle of a parallel acquisition (g-factor: Pruessmann et al., Magn Reson Med 1999;42:952),
and lines that partial Fourier leaves out are zero. Echo-planar images are displaced along the phase encoding by a few
mm, with a ghost half a field of view away and fat that suppression left (Partridge et al., J Magn Reson Imaging
2017;45:337).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from dicom_io.phantom.acquisition import HIGHEST, coil_sensitivity
from dicom_io.phantom.detailed.fields import Deformation
from dicom_io.phantom.detailed.layers import Mixture
from dicom_io.phantom.detailed.materials import Material, Table
from dicom_io.phantom.grid import Float, SamplingGrid
from dicom_io.phantom.spec import PhantomSpec, Presentation
from dicom_io.phantom.tissue import Rng

_Stored = NDArray[np.int16]
_FAT = [Material.FAT, Material.FAT_UNSUPPRESSED]


@dataclass(frozen=True, slots=True, eq=False)
class ScannerFlaws:
    """What is wrong with the images of one examination.

    Parameters
    ----------
    phase_axis
        Index axis of the phase encoding, 0 or 1; the other one is read out.
    fat_shift
        Chemical shift in voxels along the read-out.
    ghost, ghost_shift
        Share of the heart's signal that repeats, and how far, as a share of the field of view.
    g_factor
        Growth of noise in the middle of the field of view.
    partial_fourier
        Share of the phase-encoded lines that are acquired.
    flip
        Relative error of the flip angle: its mean, its slope from right to left, its fall towards the chest.
    distortion
        Of echo-planar images, along their phase encoding (anterior-posterior).
    half_ghost, fat_residue, residue_shift
        Of echo-planar images: the N/2 ghost, the share of fat's full signal left, and its shift in fields of view.
    """

    phase_axis: int
    fat_shift: float
    ghost: float
    ghost_shift: float
    g_factor: float
    partial_fourier: float
    flip: tuple[float, float, float]
    distortion: Deformation
    half_ghost: float
    fat_residue: float
    residue_shift: float

    def flip_error(self, points: tuple[Float, Float, Float]) -> Float:
        """Relative error of the flip angle at positions."""
        mean, slope, fall = (np.float32(each) for each in self.flip)
        error: Float = mean + slope * points[0] * np.float32(1 / 80) + fall * points[1] * np.float32(1 / 80)
        return error


def draw_flaws(rng: Rng, spec: PhantomSpec) -> ScannerFlaws:
    """The scanner of one examination; a textbook's images are good ones."""
    good = 0.3 if spec.presentation is Presentation.TEXTBOOK else 1.0
    field = good * min(1.0, spec.field_strength_t / 3)
    return ScannerFlaws(
        phase_axis=0 if rng.random() < 0.75 else 1,
        fat_shift=float(rng.uniform(0.4, 1.6) * spec.field_strength_t / 3),
        ghost=float(good * rng.uniform(0.01, 0.05)),
        ghost_shift=float(rng.uniform(0.12, 0.35)),
        g_factor=float(rng.uniform(1.1, 1.7)),
        partial_fourier=float(rng.choice([0.75, 0.875, 1.0])),
        flip=_draw_flip(rng, field),
        distortion=_draw_distortion(rng, good),
        half_ghost=float(good * rng.uniform(0.01, 0.04)),
        fat_residue=float(good * rng.uniform(0.01, 0.06)),
        residue_shift=float(rng.uniform(0.08, 0.2)),
    )


def _draw_flip(rng: Rng, field: float) -> tuple[float, float, float]:
    mean, slope, fall = (float(v) for v in field * rng.normal((-0.02, 0, -0.02), (0.05, 0.06, 0.04)))
    return mean, slope, fall


def _draw_distortion(rng: Rng, good: float) -> Deformation:
    """1 to 4 mm at its worst places, slowly varying; anterior-posterior only."""
    largest = good * rng.uniform(1.0, 4.0)
    waves = rng.standard_normal((2, 3))
    waves *= 2 * np.pi / rng.uniform(110, 200, (2, 1)) / np.linalg.norm(waves, axis=1, keepdims=True)
    amplitudes = np.zeros((2, 3))
    amplitudes[:, 1] = np.array([0.65, 0.35]) * largest
    phases = rng.uniform(0, 2 * np.pi, 2)
    return Deformation(waves.astype(np.float32), phases.astype(np.float32), amplitudes.astype(np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Weighting:
    """What each material sends in each image of a sequence, in stored values.

    Parameters
    ----------
    signal
        (images, materials)
    flip_slope
        (images, materials) change of the signal for a flip angle that is larger by its own size; None: insensitive.
    noise
        Standard deviation of each receiver channel.
    echo_planar
        Whether the flaws of echo-planar images apply.
    """

    signal: Table
    flip_slope: Table | None
    noise: float
    echo_planar: bool = False

    def image(self, number: int) -> Weighting:
        """The weighting of one image alone."""
        slope = None if self.flip_slope is None else self.flip_slope[number : number + 1]
        return Weighting(self.signal[number : number + 1], slope, self.noise, self.echo_planar)


@dataclass(frozen=True, slots=True, eq=False)
class Receiver:
    """Acquires the slabs of one sequence."""

    flaws: ScannerFlaws
    grid: SamplingGrid
    rng: Rng

    def images(self, mixtures: Sequence[Mixture], weighting: Weighting, slab: slice) -> _Stored:
        """Stored values (images, columns, rows, slices).

        Parameters
        ----------
        mixtures
            One, or the patient before and after she moved: the halves of k-space then see another position each.
        """
        shape = self.grid.slab_shape(slab)
        sensitivity = coil_sensitivity(self.grid.points(slab)).reshape(shape)
        seen = [self._signal(each, weighting, shape) * sensitivity for each in mixtures]
        k_axis = 1 + (1 if weighting.echo_planar else self.flaws.phase_axis)
        noisy = self._with_noise(seen[0], weighting.noise, k_axis)
        lines = fft.fftfreq(noisy.shape[k_axis])
        partial = self.flaws.partial_fourier
        if partial < 1 or len(seen) > 1:
            kept = lines < partial - 0.5
            k_space = fft.fft(noisy, axis=k_axis)
            if len(seen) > 1:
                k_space += fft.fft(seen[1] - seen[0], axis=k_axis) * _along(lines > 0, k_axis)
            noisy = fft.ifft(k_space * _along(kept, k_axis), axis=k_axis)
        stored: _Stored = np.clip(np.rint(np.abs(noisy)), 0, HIGHEST).astype(np.int16)
        return stored

    def _signal(self, mixture: Mixture, weighting: Weighting, shape: tuple[int, int, int]) -> Float:
        """(images, columns, rows, slices) without noise and coil: water, displaced fat, ghosts."""
        water, fat = mixture.shares.copy(), mixture.shares[_FAT]
        water[_FAT] = 0
        slope = weighting.flip_slope
        error = None if slope is None else self.flaws.flip_error(mixture.points)

        def seen(shares: Float, rows: list[Material] | slice) -> Float:
            values = weighting.signal[:, rows] @ shares
            if slope is not None and error is not None:
                values += (slope[:, rows] @ shares) * error
            return _scattered(values, mixture.where, shape)

        if weighting.echo_planar:
            return self._echo_planar(seen(water, slice(None)), seen(fat, _FAT))
        read_axis = 2 - self.flaws.phase_axis
        total = seen(water, slice(None)) + _shifted(seen(fat, _FAT), self.flaws.fat_shift, read_axis)
        heart = _scattered(
            weighting.signal[:, [Material.BLOOD]] @ mixture.shares[[Material.BLOOD]], mixture.where, shape
        )
        return total + self._ghosts(heart)

    def _echo_planar(self, water: Float, fat: Float) -> Float:
        """The N/2 ghost, and residual fat far from where it is."""
        rows = water.shape[2]
        left: Float = fat * np.float32(self.flaws.fat_residue / 0.06)  # 0.06 is what the signal model leaves of fat
        total: Float = water + _shifted(left, self.flaws.residue_shift * rows, 2)
        total += np.float32(self.flaws.half_ghost) * np.roll(total, rows // 2, axis=2)
        return total

    def _ghosts(self, heart: Float) -> Float:
        """What pulsates, again on both sides along the phase encoding."""
        axis = 1 + self.flaws.phase_axis
        step = round(self.flaws.ghost_shift * heart.shape[axis])
        ghosts: Float = np.float32(self.flaws.ghost) * (np.roll(heart, step, axis) + np.roll(heart, -step, axis))
        return ghosts

    def _with_noise(self, signal: Float, sigma: float, axis: int) -> NDArray[np.complex64]:
        """Complex noise whose standard deviation follows the g-factor along the phase encoding."""
        place = np.linspace(-1, 1, signal.shape[axis], dtype=np.float32)
        growth = 1 + (self.flaws.g_factor - 1) * np.exp(-((place / 0.5) ** 2))
        level = _along(np.float32(sigma) * growth, axis)
        noisy = np.empty(signal.shape, np.complex64)
        noisy.real = signal + self.rng.standard_normal(signal.shape, np.float32) * level
        noisy.imag = self.rng.standard_normal(signal.shape, np.float32) * level
        return noisy


def _scattered(values: Float, where: NDArray[np.intp], shape: tuple[int, int, int]) -> Float:
    """Values of some voxels in their slab, 0 elsewhere."""
    whole = np.zeros((len(values), int(np.prod(shape))), np.float32)
    whole[:, where] = values
    return whole.reshape(-1, *shape)


def _along(values: NDArray[np.generic], axis: int) -> NDArray[np.float32]:
    """A profile along one axis of a four-dimensional array."""
    return np.asarray(values, np.float32).reshape([-1 if each == axis else 1 for each in range(4)])


def _shifted(values: Float, voxels: float, axis: int) -> Float:
    """Moved along an axis by a number of voxels, at least 0; what leaves the field of view does not come back."""
    whole = int(np.floor(voxels))
    part = np.float32(voxels - whole)
    moved: Float = np.zeros_like(values)
    for step, weight in ((whole, np.float32(1) - part), (whole + 1, part)):
        ahead, behind = [slice(None)] * values.ndim, [slice(None)] * values.ndim
        ahead[axis], behind[axis] = slice(step, None), slice(0, values.shape[axis] - step)
        moved[tuple(ahead)] += weight * values[tuple(behind)]
    return moved
