"""What the detailed patient is made of, and the signal of each material in each sequence.

Relaxation at 3 T: Rakow-Penner et al., J Magn Reson Imaging 2006;23:87 (breast); Stanisz et al., Magn Reson Med
2005;54:507 (muscle, blood, liver). Diffusion: Partridge et al., J Magn Reson Imaging 2017;45:337. Arterial input:
Parker et al., Magn Reson Med 2006;56:993; Weinmann et al., Physiol Chem Phys Med NMR 1984;16:167. Uptake: the
extended Tofts model, Tofts et al., J Magn Reson Imaging 1999;10:223.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

from dicom_io.phantom.tissue import Rng, TissueProperties

Table = NDArray[np.float32]
_Curves = NDArray[np.float64]


class Material(IntEnum):
    """Rows of every table; a voxel is a mixture of them, and air is what is missing."""

    SKIN = 0
    NIPPLE = 1
    FAT = 2
    FAT_UNSUPPRESSED = 3  # where the field is inhomogeneous, fat suppression fails
    LIGAMENT = 4
    GLAND = 5
    GLAND_ENHANCING = 6  # background parenchymal enhancement
    DUCT = 7
    VEIN = 8
    ARTERY = 9
    MUSCLE = 10
    LUNG = 11
    BLOOD = 12
    BONE = 13
    LIVER = 14
    NODE = 15
    CYST = 16
    PROTEIN_CYST = 17
    SCAR = 18  # the enhancing wall of a biopsy cavity
    SILICONE = 19
    VOID = 20  # a clip and the signal that it takes away
    LESION_RIM = 21
    LESION_CORE = 22
    LESION_SEPTUM = 23


MATERIALS: dict[Material, TissueProperties] = {
    Material.SKIN: TissueProperties(950, 32, 1.3, 0.62, 0.05, 0.3, 0.01),
    Material.NIPPLE: TissueProperties(1100, 48, 1.4, 0.75, 0.16, 0.35, 0.03),
    Material.FAT: TissueProperties(370, 62, 0.25, 0.95, fat=True),
    Material.FAT_UNSUPPRESSED: TissueProperties(370, 62, 0.25, 0.95),
    Material.LIGAMENT: TissueProperties(1050, 32, 1.1, 0.60, 0.008, 0.2, 0.002),
    Material.GLAND: TissueProperties(1450, 58, 1.9, 0.82, 0.012, 0.25, 0.004),
    Material.GLAND_ENHANCING: TissueProperties(1400, 62, 1.85, 0.84, 0.05, 0.4, 0.008),
    Material.DUCT: TissueProperties(2000, 130, 2.1, 0.9, 0.01, 0.2, 0.002),
    Material.VEIN: TissueProperties(1850, 150, 2.5, 0.85, vp=0.42, flow=0.35),
    Material.ARTERY: TissueProperties(1850, 150, 2.8, 0.85, vp=0.50, flow=0.2),
    Material.MUSCLE: TissueProperties(1420, 34, 1.45, 0.78, 0.03, 0.12, 0.015),
    Material.LUNG: TissueProperties(1250, 15, 2.0, 0.10, 0.05, 0.2, 0.15),
    Material.BLOOD: TissueProperties(1850, 180, 3.0, 0.85, vp=0.58, flow=0.15),
    Material.BONE: TissueProperties(700, 45, 0.6, 0.35, 0.02, 0.1, 0.02),
    Material.LIVER: TissueProperties(810, 34, 1.15, 0.75, 0.35, 0.25, 0.08),
    Material.NODE: TissueProperties(1350, 78, 1.05, 0.85, 0.22, 0.35, 0.04),
    Material.CYST: TissueProperties(3000, 260, 2.6, 1.0),
    Material.PROTEIN_CYST: TissueProperties(900, 110, 1.7, 0.95),
    Material.SCAR: TissueProperties(1300, 55, 1.3, 0.75, 0.09, 0.35, 0.01),
    Material.SILICONE: TissueProperties(1000, 190, 0.05, 0.75),
    Material.VOID: TissueProperties(1000, 30, 1.0, 0.0),
}
"""Without the lesion's three, which every patient draws."""


class Injection(StrEnum):
    """The form of the arterial input function."""

    PARKER = "parker"
    WEINMANN = "weinmann"


@dataclass(frozen=True, slots=True)
class ArterialInput:
    """How contrast agent arrives in a patient.

    Parameters
    ----------
    dose
        Relative to the published function.
    delay_s, dispersion_s
        Of the bolus on its way from the arm (an exponential kernel, so a low cardiac output flattens the peak).
    """

    form: Injection = Injection.PARKER
    dose: float = 1.0
    delay_s: float = 0.0
    dispersion_s: float = 0.0

    def plasma(self, minutes: _Curves) -> _Curves:
        """Concentration in plasma, mM, at equally spaced times after injection."""
        t = minutes - self.delay_s / 60
        curve = np.where(t > 0, _FORMS[self.form](np.maximum(t, 0)), 0.0) * self.dose
        if self.dispersion_s < 1:
            return curve
        kernel = np.exp(-minutes * 60 / self.dispersion_s)
        kernel = kernel[kernel > 1e-4]
        dispersed: _Curves = np.convolve(curve, kernel / kernel.sum())[: len(minutes)]
        return dispersed


def _parker(t: _Curves) -> _Curves:
    """Mean of 67 patients (Parker 2006), haematocrit 0.42."""
    first = 0.809 / (0.0563 * np.sqrt(2 * np.pi)) * np.exp(-((t - 0.17046) ** 2) / (2 * 0.0563**2))
    second = 0.330 / (0.132 * np.sqrt(2 * np.pi)) * np.exp(-((t - 0.365) ** 2) / (2 * 0.132**2))
    tail = 1.050 * np.exp(-0.1685 * t) / (1 + np.exp(-38.078 * (t - 0.483)))
    plasma: _Curves = (first + second + tail) / (1 - 0.42)
    return plasma


def _weinmann(t: _Curves) -> _Curves:
    """Two exponentials after 0.1 mmol/kg (Weinmann 1984)."""
    plasma: _Curves = 0.1 * (3.99 * np.exp(-0.144 * t) + 4.78 * np.exp(-0.0111 * t)) * 1.8
    return plasma


_FORMS = {Injection.PARKER: _parker, Injection.WEINMANN: _weinmann}


def draw_arterial_input(rng: Rng) -> ArterialInput:
    """Most patients near the published mean, some slow, some with another form."""
    form = Injection.WEINMANN if rng.random() < 0.25 else Injection.PARKER
    return ArterialInput(form, float(rng.uniform(0.85, 1.15)), float(rng.uniform(0, 12)), float(rng.gamma(2.0, 3.0)))


def uptake_mm(
    materials: Mapping[Material, TissueProperties], arterial: ArterialInput, seconds: Sequence[float]
) -> Table:
    """(materials, times): contrast agent in mM at times after injection (extended Tofts model)."""
    minutes = np.arange(0.0, max(*seconds, 1.0) + 1.0, 0.5) / 60.0
    plasma = arterial.plasma(minutes)
    curves = np.zeros((len(Material), len(seconds)))
    for row, each in materials.items():
        if each.ktrans or each.vp:
            leaked = np.convolve(plasma, np.exp(-each.ktrans / each.ve * minutes))[: len(minutes)] * minutes[1]
            curve = each.ktrans * leaked + each.vp * plasma
            curves[row] = np.interp(np.asarray(seconds) / 60.0, minutes, curve, left=0.0)
    return curves.astype(np.float32)


_RELAXIVITY = 4.5  # 1/(mM s), gadobutrol in plasma


@dataclass(frozen=True, slots=True, eq=False)
class SignalModel:
    """The materials of one patient in one magnet, as columns; T1 grows with about the cube root of the field."""

    materials: Mapping[Material, TissueProperties]
    field_strength_t: float

    def _column(self, name: str) -> Table:
        return np.array([getattr(self.materials[row], name) for row in Material], np.float32)

    def _t1_s(self) -> Table:
        growth = np.where(self._column("fat") > 0, 1.0, (self.field_strength_t / 3.0) ** 0.3)
        seconds: Table = (self._column("t1_ms") * growth / 1000).astype(np.float32)
        return seconds

    def _fat_left(self, share: float) -> Table:
        return np.where(self._column("fat") > 0, share, 1.0).astype(np.float32)

    def gradient_echo(self, uptake: Table, *, fat_signal: float, flip: float = 1.0) -> Table:
        """(times, materials): spoiled gradient echo, TR 4.6 ms, TE 1.7 ms, flip angle 10 degrees times `flip`."""
        r1 = 1.0 / self._t1_s()[:, None] + _RELAXIVITY * uptake
        e1 = np.exp(-0.0046 * r1)
        angle = np.radians(10.0) * flip
        echo = np.sin(angle) * (1 - e1) / (1 - e1 * np.cos(angle))
        weight = self._column("density") * np.exp(-1.7 / self._column("t2_ms")) * self._fat_left(fat_signal)
        return np.asarray(echo * weight[:, None], np.float32).T

    def spin_echo(self, *, flip: float = 1.0) -> Table:
        """(1, materials): turbo spin echo with fat suppression, TR 5000 ms, TE 80 ms."""
        excited = np.sin(np.pi / 2 * flip) ** 3  # excitation and refocusing are off together
        signal = self._column("density") * self._column("flow") * (1 - np.exp(-5.0 / self._t1_s()))
        signal = signal * np.exp(-80.0 / self._column("t2_ms")) * self._fat_left(0.12)
        return np.asarray(signal * excited, np.float32)[None]

    def diffusion(self, b_values: Sequence[float]) -> Table:
        """(b-values, materials): trace-weighted echo-planar signal with fat suppression, TE 65 ms."""
        b = np.asarray(b_values, np.float32)[:, None]
        start = self._column("density") * self._column("flow") * np.exp(-65.0 / self._column("t2_ms"))
        return np.asarray(start * self._fat_left(0.06) * np.exp(-b * self._column("adc") * 1e-3), np.float32)
