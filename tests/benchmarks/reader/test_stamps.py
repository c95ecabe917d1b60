"""An image's number is found again in what a converter makes of its pixels."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.reader.stamps import LENGTH, images_of, read_stamp, stamp


def plane(number: int) -> np.ndarray:
    pixels = np.random.default_rng(number).integers(0, 4000, (12, 20)).astype(float)
    pixels[0, :LENGTH] = stamp(number)
    return pixels


@pytest.mark.parametrize("number", [1, 70, 4096, 9999])
@pytest.mark.parametrize("slope", [1.0, 0.37, 1e-3])
def test_a_number_survives_flips_a_transposition_and_rescaling(number: int, slope: float) -> None:
    pixels = plane(number) * slope + 5
    for turned in (pixels, pixels[::-1], pixels[:, ::-1], pixels[::-1, ::-1], pixels.T, pixels.T[::-1]):
        assert read_stamp(turned) == number


def test_an_image_without_a_number_is_none() -> None:
    assert read_stamp(np.zeros((12, 20))) is None
    assert read_stamp(np.random.default_rng(0).normal(size=(12, 20))) is None


def test_volumes_come_one_after_the_other() -> None:
    voxels = np.stack([np.stack([plane(10 * n + k).T for k in range(3)], axis=-1) for n in range(1, 3)], axis=-1)
    assert images_of(voxels) == [(10, 11, 12), (20, 21, 22)]
    assert images_of(voxels[..., 0]) == [(10, 11, 12)]


def test_a_volume_with_an_interpolated_slice_is_traced_to_no_image() -> None:
    planes = [plane(n).T for n in (21, 44)]
    between = (planes[0] + planes[1]) / 2
    assert images_of(np.stack([planes[0], between, planes[1]], axis=-1)) == [(0, 0, 0)]
