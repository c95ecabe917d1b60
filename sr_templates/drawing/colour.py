"""Colours of rendered pages: grey for anatomy; what a colour says, a line style or a word says too."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

RGB = NDArray[np.uint8]
Colour = tuple[int, int, int]
INK: Colour = (236, 240, 245)
QUIET: Colour = (178, 188, 200)
FAINT: Colour = (70, 79, 90)
PAPER: Colour = (13, 16, 20)
CARD: Colour = (24, 29, 35)
ACCENT: Colour = (255, 159, 64)
COOL: Colour = (96, 165, 250)
WARN: Colour = (255, 196, 61)
ALARM: Colour = (255, 107, 107)


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
