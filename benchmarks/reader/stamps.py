"""The number of an image in its pixels, so that what a converter writes can be traced to the images that it read.

Nine pixels of a slice's first row: two pairs of 0 and a reference, four digits, their sum modulo 10. It survives flips,
a transposition, and a rescaling of the values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_REFERENCE, _STEP = 1000, 100
LENGTH = 9
_Plane = NDArray[np.generic]


def stamp(number: int) -> NDArray[np.int16]:
    """The values that bear a number below 10,000."""
    digits = [int(digit) for digit in f"{number:04d}"]
    return np.array([0, _REFERENCE, 0, _REFERENCE, *(d * _STEP for d in (*digits, sum(digits) % 10))], np.int16)


def read_stamp(plane: _Plane) -> int | None:
    """The number of a slice in whichever direction its rows and columns run; None where there is none."""
    for turned in (plane, plane.T):
        for edge in (turned[0], turned[-1]):
            for line in (edge, edge[::-1]):
                number = _decoded(line[:LENGTH].astype(float))
                if number is not None:
                    return number
    return None


def _decoded(values: NDArray[np.float64]) -> int | None:
    if len(values) < LENGTH or not values[1] > values[0]:  # NaN, too
        return None
    scaled = (values - values[0]) * _REFERENCE / (values[1] - values[0])
    digits = np.rint(scaled[4:] / _STEP).astype(int)
    expected = np.array([0, _REFERENCE, 0, _REFERENCE, *(digits * _STEP)])
    if np.abs(scaled - expected).max() > _STEP / 10 or digits.min() < 0 or digits.max() > 9:
        return None
    number = int("".join(map(str, digits[:4])))
    return number if sum(digits[:4]) % 10 == digits[4] else None


def images_of(voxels: NDArray[np.generic]) -> list[tuple[int, ...]]:
    """The images behind (columns, rows, slices[, volumes]), volume by volume.

    A volume with a slice that bears no number was resampled: it is traced to no image, all its slices are 0.
    """
    volumes = voxels.reshape(*voxels.shape[:2], voxels.shape[2] if voxels.ndim > 2 else 1, -1)
    found = []
    for n in range(volumes.shape[3]):
        numbers = [read_stamp(volumes[:, :, k, n]) for k in range(volumes.shape[2])]
        found.append(tuple(0 if None in numbers else number or 0 for number in numbers))
    return found
