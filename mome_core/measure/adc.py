"""The apparent diffusion coefficient (ADC) of the measured tissue: from the scanner's map, or fitted to b-values.

The fit is log-linear least squares, ln S = ln S0 - b ADC (Le Bihan et al., Radiology 1986;161:401), over b-values up to
1000 s/mm2: above, the curve bends (kurtosis). Baltzer et al., Eur Radiol 2020;30:1436 (EUSOBI) ask for two or more.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mome_core.case import Case
from mome_core.measure.enhancement import Enhancement, Mask
from mome_core.measurements import DiffusionMeasure, Measurand, NotMeasured, NotMeasuredCode
from mome_core.volume import Affine, Volume

_Numbers = NDArray[np.float64]

_HIGHEST_B_VALUE = 1000.0
_LEAST_SPAN = 400.0  # s/mm2 between the lowest and the highest b-value
_WITHIN = 0.9  # share of a diffusion voxel that must lie in the tissue; fewer than so many, and the fullest are taken
_FEWEST = 3
_LEAST_WITHIN = 0.7
_STEPS = 3  # sub-voxels along each axis by which that share is measured
_PLAUSIBLE = (0.1, 4.0)  # 1e-3 mm2/s: free water at 37 degrees has 3.0
_LEAST_SEEN = 0.8
_UNITS = ((10.0, 10_000.0, 1e-3), (0.01, 10.0, 1.0), (1e-5, 1e-2, 1e3))
"""Median of a map's positive values, from and to, and the factor to 1e-3 mm2/s: scanners write 1e-6, 1e-3 or 1."""


def adc_in(case: Case, enhancement: Enhancement, tissue: Mask) -> DiffusionMeasure | NotMeasured:
    """Mean and lowest ADC of the tissue; why not where there is none."""
    fitted = _usual(case.dwi_by_b_value)
    source = case.adc if case.adc is not None else next(iter(fitted.values()), None)
    if source is None:
        return _without(NotMeasuredCode.NO_DIFFUSION, "there is neither an ADC map nor two b-values that are far apart")
    if not source.frame_of_reference_uid or source.frame_of_reference_uid != enhancement.frame_of_reference_uid:
        return _without(NotMeasuredCode.FRAMES_DIFFER, "the diffusion images have another frame of reference")
    where = voxels_within(source, enhancement, tissue)
    if not where.size:
        return _without(NotMeasuredCode.NOT_COVERED, "the tissue is smaller than the voxels of the diffusion images")
    if case.adc is not None:
        factor = _factor_of(case.adc)
        if factor is None:
            return _without(NotMeasuredCode.UNIT_UNKNOWN, "the values of the ADC map are in no unit that is known")
        return _told(case.adc.voxels[tuple(where.T)] * factor, ())
    return _told(_fit({b: each.voxels[tuple(where.T)] for b, each in fitted.items()}), tuple(fitted))


def _without(code: NotMeasuredCode, words: str) -> NotMeasured:
    return NotMeasured(Measurand.ADC, code, words)


def _told(values: _Numbers, b_values: tuple[float, ...]) -> DiffusionMeasure | NotMeasured:
    """Mean and minimum of voxels that hold tissue; distortion moves the air or another breast there."""
    low, high = _PLAUSIBLE
    seen = values[(values > low) & (values < high)]
    if seen.size < _LEAST_SEEN * values.size:
        words = "the diffusion images show no tissue where it lies on the DCE: they are distorted, or end before it"
        return _without(NotMeasuredCode.NOT_COVERED, words)
    return DiffusionMeasure(float(seen.mean()), float(seen.min()), int(seen.size), b_values)


def _usual(by_b_value: Mapping[float, Volume]) -> dict[float, Volume]:
    """The b-values that are fitted, ascending; none where they are one, or too near to each other."""
    usual = {b: by_b_value[b] for b in sorted(by_b_value) if b <= _HIGHEST_B_VALUE}
    return usual if len(usual) > 1 and max(usual) - min(usual) >= _LEAST_SPAN else {}


def _fit(signals: Mapping[float, NDArray[np.generic]]) -> _Numbers:
    """ADC of each voxel, 1e-3 mm2/s; zero where there is no signal."""
    b = np.array(list(signals), dtype=np.float64)
    values = np.array(list(signals.values()), dtype=np.float64)
    weights = (b - b.mean()) / ((b - b.mean()) ** 2).sum()
    slope = -1000 * weights @ np.log(np.maximum(values, 1e-6))
    return np.asarray(np.where((values > 0).all(axis=0), slope, 0.0))


def _factor_of(adc: Volume) -> float | None:
    """From a map's values to 1e-3 mm2/s; None where their median fits no unit."""
    positive = adc.voxels[adc.voxels > 0]
    median = float(np.median(positive)) if positive.size else 0.0
    return next((factor for low, high, factor in _UNITS if low <= median < high), None)


def voxels_within(source: Volume, enhancement: Enhancement, tissue: Mask) -> NDArray[np.int_]:
    """(n, 3) voxels of the diffusion images that lie in the tissue; the fullest ones of a small tissue."""
    candidates = _candidates(source, enhancement.affine, tissue)
    if not len(candidates):
        return candidates
    share = _share_within(candidates, np.linalg.inv(enhancement.affine) @ source.affine, tissue)
    chosen = share >= _WITHIN
    if chosen.sum() < _FEWEST:
        chosen = share >= max(_LEAST_WITHIN, np.sort(share)[-min(_FEWEST, share.size)])
    return np.asarray(candidates[chosen])


def _candidates(source: Volume, affine: Affine, tissue: Mask) -> NDArray[np.int_]:
    """(n, 3) voxels of the source in the box around the tissue."""
    to_source = np.linalg.inv(source.affine) @ affine
    index = to_source[:3, :3] @ np.argwhere(tissue).T + to_source[:3, 3:]
    low = np.maximum(np.floor(index.min(axis=1)), 0).astype(int)
    high = np.minimum(np.ceil(index.max(axis=1)) + 1, source.voxels.shape).astype(int)
    if (high <= low).any():
        return np.empty((0, 3), dtype=int)
    return np.asarray(np.argwhere(np.ones(high - low, dtype=bool)) + low)


def _share_within(candidates: NDArray[np.int_], to_tissue: Affine, tissue: Mask) -> _Numbers:
    """Share of each candidate that lies in the tissue."""
    inner = (np.arange(_STEPS) + 0.5) / _STEPS - 0.5
    offsets = np.stack(np.meshgrid(inner, inner, inner, indexing="ij")).reshape(3, -1)
    points = candidates.T[:, :, None] + offsets[:, None, :]
    index = np.rint(np.tensordot(to_tissue[:3, :3], points, axes=1) + to_tissue[:3, 3][:, None, None]).astype(int)
    size = np.array(tissue.shape)[:, None, None]
    inside = ((index >= 0) & (index < size)).all(axis=0)
    found = tissue[tuple(np.clip(index, 0, size - 1))] & inside
    return np.asarray(found.mean(axis=1))
