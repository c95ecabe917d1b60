"""Tissues as a scanner sees them: relaxation, diffusion, contrast uptake, and the signal in each sequence.

Relaxation at 3 T after Rakow-Penner et al., J Magn Reson Imaging 2006;23:87 (breast) and Stanisz et al., Magn Reson
Med 2005;54:507 (muscle, blood, liver). Diffusion after Partridge et al., J Magn Reson Imaging 2017;45:337.
Arterial input after Parker et al., Magn Reson Med 2006;56:993. Uptake by the extended Tofts model, Tofts et al.,
J Magn Reson Imaging 1999;10:223.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]
Rng = np.random.Generator


class Tissue(IntEnum):
    """Rows of the table; a voxel is a mixture of them."""

    SKIN = 0
    FAT = 1
    FAT_UNSUPPRESSED = 2  # where the field is inhomogeneous, fat suppression fails
    PARENCHYMA = 3
    PARENCHYMA_ENHANCING = 4  # background parenchymal enhancement
    MUSCLE = 5
    LUNG = 6
    BLOOD = 7
    BONE = 8
    LIVER = 9
    VESSEL = 10
    NODE = 11
    CYST = 12
    LESION_RIM = 13
    LESION_CORE = 14


@dataclass(frozen=True, slots=True)
class TissueProperties:
    """One tissue at 3 T.

    Parameters
    ----------
    t1_ms, t2_ms
        Relaxation
    adc
        1e-3 mm2/s
    density
        Protons relative to water.
    ktrans
        1/min
    ve, vp
        Volume fractions (0 ktrans and vp: no uptake).
    flow
        Share of the signal that survives a spin echo; moving blood leaves the slice.
    """

    t1_ms: float
    t2_ms: float
    adc: float
    density: float
    ktrans: float = 0.0
    ve: float = 0.2
    vp: float = 0.0
    flow: float = 1.0
    fat: bool = False


TISSUES: dict[Tissue, TissueProperties] = {
    Tissue.SKIN: TissueProperties(950, 32, 1.3, 0.62, 0.06, 0.3, 0.01),
    Tissue.FAT: TissueProperties(370, 62, 0.25, 0.95, fat=True),
    Tissue.FAT_UNSUPPRESSED: TissueProperties(370, 62, 0.25, 0.95),
    Tissue.PARENCHYMA: TissueProperties(1450, 58, 1.9, 0.82, 0.012, 0.25, 0.004),
    Tissue.PARENCHYMA_ENHANCING: TissueProperties(1400, 62, 1.85, 0.84, 0.05, 0.4, 0.008),
    Tissue.MUSCLE: TissueProperties(1420, 34, 1.45, 0.78, 0.03, 0.12, 0.015),
    Tissue.LUNG: TissueProperties(1250, 15, 2.0, 0.10, 0.05, 0.2, 0.15),
    Tissue.BLOOD: TissueProperties(1850, 180, 3.0, 0.85, vp=0.58, flow=0.15),
    Tissue.BONE: TissueProperties(700, 45, 0.6, 0.35, 0.02, 0.1, 0.02),
    Tissue.LIVER: TissueProperties(810, 34, 1.15, 0.75, 0.35, 0.25, 0.08),
    Tissue.VESSEL: TissueProperties(1850, 150, 2.5, 0.85, vp=0.40, flow=0.35),
    Tissue.NODE: TissueProperties(1350, 78, 1.05, 0.85, 0.22, 0.35, 0.04),
    Tissue.CYST: TissueProperties(3000, 260, 2.6, 1.0),
}


def draw_malignant(rng: Rng) -> dict[Tissue, TissueProperties]:
    """Fast uptake and wash-out, a brighter rim, intermediate T2, restricted diffusion; some take up slowly."""
    adc = float(np.clip(rng.normal(0.95, 0.15), 0.60, 1.45))
    slow = rng.random() < 0.15
    ktrans = float(np.exp(rng.normal(np.log(0.17 if slow else 0.30), 0.28)))
    ve = float(np.clip(rng.normal(0.42 if slow else 0.33, 0.06), 0.18, 0.55))
    rim = TissueProperties(1480, float(rng.normal(77, 8)), adc, 0.88, ktrans, ve, float(rng.uniform(0.02, 0.06)))
    core = replace(rim, ktrans=ktrans * float(rng.uniform(0.35, 0.95)), adc=adc + float(rng.uniform(0.0, 0.15)))
    return {Tissue.LESION_RIM: rim, Tissue.LESION_CORE: core}


def draw_benign(rng: Rng) -> dict[Tissue, TissueProperties]:
    """Slow persistent uptake, bright T2, free diffusion; some cellular fibroadenomas take up quickly."""
    adc = float(np.clip(rng.normal(1.58, 0.20), 1.05, 2.2))
    quick = rng.random() < 0.15
    ktrans = float(np.exp(rng.normal(np.log(0.19 if quick else 0.085), 0.30)))
    ve = float(np.clip(rng.normal(0.60, 0.07), 0.42, 0.80))
    body = TissueProperties(1500, float(rng.normal(103, 16)), adc, 0.90, ktrans, ve, float(rng.uniform(0.005, 0.02)))
    return {Tissue.LESION_RIM: body, Tissue.LESION_CORE: replace(body, ktrans=ktrans * 1.05)}


def _arterial_plasma(minutes: Curve) -> Curve:
    """Concentration in arterial plasma, mM, at times after injection (Parker 2006, haematocrit 0.42)."""
    t = np.maximum(minutes, 0.0)
    first = 0.809 / (0.0563 * np.sqrt(2 * np.pi)) * np.exp(-((t - 0.17046) ** 2) / (2 * 0.0563**2))
    second = 0.330 / (0.132 * np.sqrt(2 * np.pi)) * np.exp(-((t - 0.365) ** 2) / (2 * 0.132**2))
    tail = 1.050 * np.exp(-0.1685 * t) / (1 + np.exp(-38.078 * (t - 0.483)))
    blood: Curve = np.where(minutes > 0, (first + second + tail) / (1 - 0.42), 0.0)
    return blood


def concentration(tissue: TissueProperties, seconds: Sequence[float]) -> Curve:
    """Contrast agent in a tissue, mM, at times after injection (extended Tofts model)."""
    last = max(*seconds, 1.0)
    minutes = np.arange(0.0, last + 1.0, 0.5) / 60.0
    plasma = _arterial_plasma(minutes)
    step = minutes[1]
    decay = np.exp(-tissue.ktrans / tissue.ve * minutes)
    extravascular = tissue.ktrans * np.convolve(plasma, decay)[: len(minutes)] * step
    curve = extravascular + tissue.vp * plasma
    sampled: Curve = np.interp(np.asarray(seconds) / 60.0, minutes, curve, left=0.0)
    return sampled


@dataclass(frozen=True, slots=True)
class Scanner:
    """Effects of field strength: T1 grows (about with its cube root), noise falls."""

    field_strength_t: float

    def t1_ms(self, tissue: TissueProperties) -> float:
        return tissue.t1_ms * (1.0 if tissue.fat else (self.field_strength_t / 3.0) ** 0.3)

    @property
    def noise(self) -> float:
        """Standard deviation relative to 3 T."""
        return min(2.5, 3.0 / self.field_strength_t)


_RELAXIVITY = 4.5  # 1/(mM s), gadobutrol in plasma


def spoiled_gradient_echo(scanner: Scanner, tissue: TissueProperties, conc_mm: Curve, *, fat_signal: float) -> Curve:
    """T1-weighted signal at each concentration; TR 4.6 ms, TE 1.7 ms, flip angle 10 degrees.

    Parameters
    ----------
    fat_signal
        Share of fat's signal that is left by fat suppression (1: not suppressed).
    """
    r1 = 1000.0 / scanner.t1_ms(tissue) + _RELAXIVITY * conc_mm
    e1 = np.exp(-0.0046 * r1)
    angle = np.radians(10.0)
    signal = tissue.density * np.sin(angle) * (1 - e1) / (1 - e1 * np.cos(angle)) * np.exp(-1.7 / tissue.t2_ms)
    result: Curve = signal * (fat_signal if tissue.fat else 1.0)
    return result


def turbo_spin_echo(scanner: Scanner, tissue: TissueProperties) -> float:
    """T2-weighted signal with fat suppression; TR 5000 ms, TE 80 ms."""
    recovered = 1 - np.exp(-5000.0 / scanner.t1_ms(tissue))
    return float(
        tissue.density * tissue.flow * recovered * np.exp(-80.0 / tissue.t2_ms) * (0.12 if tissue.fat else 1.0)
    )


def diffusion_weighted(tissue: TissueProperties, b_value: float) -> float:
    """Trace-weighted echo-planar signal with fat suppression; TE 65 ms."""
    attenuation = np.exp(-b_value * tissue.adc * 1e-3)
    return float(
        tissue.density * tissue.flow * np.exp(-65.0 / tissue.t2_ms) * attenuation * (0.06 if tissue.fat else 1.0)
    )
