"""Grey for anatomy, colour for saliency: the same in overlay and summary."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

RGB = NDArray[np.uint8]
SHOWN_SHARE = 0.25  # of the peak; weaker saliency leaves the anatomy untouched
_OPAQUE_SHARE = 0.75
_OPACITY = 0.65
RAISED = ((150, 20, 60), (255, 105, 20), (255, 235, 90))  # weak to strong: the score was raised
_LOWERED = ((20, 60, 150), (40, 130, 255), (150, 225, 255))


def window_of(voxels: NDArray[Any]) -> tuple[float, float]:
    """Darkest and brightest value to show: 1st and 99.8th percentile of a sample of the voxels."""
    step = max(1, round((voxels.size / 200_000) ** (1 / voxels.ndim)))
    low, high = np.percentile(voxels[(slice(None, None, step),) * voxels.ndim], (1.0, 99.8))
    return float(low), max(float(high), float(low) + 1e-6)


def grey(plane: NDArray[Any], window: tuple[float, float]) -> RGB:
    """(rows, columns) numbers as (rows, columns, 3) bytes."""
    low, high = window
    shade = (np.clip((plane - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    return np.stack([shade, shade, shade], axis=2)


def ramp(share: NDArray[Any], colours: tuple[tuple[int, int, int], ...]) -> NDArray[np.float64]:
    """Colour of a share of the peak in [0, 1]; (..., 3)."""
    stops = np.linspace(SHOWN_SHARE, 1, len(colours))
    return np.stack([np.interp(share, stops, channel) for channel in zip(*colours, strict=True)], axis=-1)


def painted(anatomy: RGB, saliency: NDArray[Any], peak: float) -> RGB:
    """Anatomy (rows, columns, 3) under the saliency (rows, columns): warm raised the score, cool lowered it."""
    share = np.clip(np.abs(saliency) / peak, 0, 1)
    opacity = _OPACITY * np.clip((share - SHOWN_SHARE) / (_OPAQUE_SHARE - SHOWN_SHARE), 0, 1)[..., None]
    colour = np.where((saliency > 0)[..., None], ramp(share, RAISED), ramp(share, _LOWERED))
    blend: RGB = (anatomy * (1 - opacity) + colour * opacity).astype(np.uint8)
    return blend
