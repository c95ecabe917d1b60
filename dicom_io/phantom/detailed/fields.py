"""Random fields and smooth deformations: what makes one breast unlike the next.

The power spectrum of breast parenchyma falls as 1/f^b with b about 3 in two-dimensional sections (Burgess et al., Med
Phys 2001;28:419; Metheany et al., Med Phys 2008;35:4685), which a field with spectral density k^-(b+1) in three has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import map_coordinates

from dicom_io.phantom.body import Points
from dicom_io.phantom.grid import Float
from dicom_io.phantom.spec import Millimetres
from dicom_io.phantom.tissue import Rng

_LATTICE = 72


@dataclass(frozen=True, slots=True, eq=False)
class RandomField:
    """A periodic field of mean 0 and standard deviation 1, known on a cube of points `pitch_mm` apart."""

    lattice: Float
    pitch_mm: float

    def at(self, points: Points, offset: float = 0.0, scale: Millimetres = (1.0, 1.0, 1.0)) -> Float:
        """Values at positions.

        Parameters
        ----------
        offset
            In lattice steps; another one gives another, nearly independent field.
        scale
            Stretches the field along x, y, z.
        """
        where = np.stack(
            [c * np.float32(1 / (self.pitch_mm * s)) + np.float32(offset) for c, s in zip(points, scale, strict=True)]
        )
        values: Float = map_coordinates(self.lattice, where, order=1, mode="grid-wrap")
        return values


def power_law_field(rng: Rng, *, exponent: float, pitch_mm: float, longest_mm: float) -> RandomField:
    """A field whose two-dimensional sections have the spectrum 1/f^exponent up to structures of `longest_mm`."""
    k = _wave_numbers(pitch_mm)
    return _shaped(rng, np.maximum(k, 1 / longest_mm) ** (-(exponent + 1) / 2), pitch_mm)


def band_field(rng: Rng, *, length_mm: float, pitch_mm: float) -> RandomField:
    """A field that waves with about one length; its zero surfaces are sheets about half of that apart."""
    k = _wave_numbers(pitch_mm) * length_mm
    return _shaped(rng, np.exp(-((k - 1) ** 2) / 0.18), pitch_mm)


def _wave_numbers(pitch_mm: float) -> Float:
    """Cycles per mm of the lattice's half spectrum."""
    whole, half = fft.fftfreq(_LATTICE, pitch_mm), fft.rfftfreq(_LATTICE, pitch_mm)
    k: Float = np.sqrt(whole[:, None, None] ** 2 + whole[None, :, None] ** 2 + half**2).astype(np.float32)
    return k


def _shaped(rng: Rng, gain: NDArray[np.floating], pitch_mm: float) -> RandomField:
    """White noise with that gain for each wave; no constant part."""
    spectrum = fft.rfftn(rng.standard_normal((_LATTICE,) * 3, dtype=np.float32)) * gain.astype(np.float32)
    spectrum[0, 0, 0] = 0
    noise = fft.irfftn(spectrum, (_LATTICE,) * 3)
    return RandomField(np.asarray(noise / noise.std(), np.float32), pitch_mm)


@dataclass(frozen=True, slots=True, eq=False)
class Deformation:
    """A slow, smooth displacement of positions: a few plane waves.

    Parameters
    ----------
    waves
        (n, 3) radians per mm.
    phases
        (n,) radians.
    amplitudes
        (n, 3) mm.
    """

    waves: NDArray[np.float32]
    phases: NDArray[np.float32]
    amplitudes: NDArray[np.float32]

    def moved(self, points: Points, sign: float = 1.0) -> Points:
        """Where positions lie after (sign 1), or to first order lay before (-1), the deformation."""
        x, y, z = points
        moved = [x, y, z]
        for wave, phase, amplitude in zip(self.waves, self.phases, self.amplitudes, strict=True):
            swing = np.sin(wave[0] * x + wave[1] * y + wave[2] * z + phase)
            moved = [m + np.float32(sign * a) * swing for m, a in zip(moved, amplitude, strict=True)]
        return moved[0], moved[1], moved[2]


def draw_deformation(rng: Rng, *, largest_mm: float, count: int = 2) -> Deformation:
    """Waves of 12 to 30 cm that move nothing by more than about `largest_mm`."""
    directions = rng.standard_normal((count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    waves = directions * 2 * np.pi / rng.uniform(120, 300, (count, 1))
    amplitudes = rng.uniform(-1, 1, (count, 3)) * largest_mm / count
    phases = rng.uniform(0, 2 * np.pi, count)
    return Deformation(waves.astype(np.float32), phases.astype(np.float32), amplitudes.astype(np.float32))
