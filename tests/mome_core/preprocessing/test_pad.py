"""Fit, pad and flip as the released code does, and undo it for maps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from mome_core.preprocessing.pad import (
    CENTRE,
    FLIP_GROUP,
    FLIPS,
    PLACEMENTS,
    fit,
    flip,
    offset_of,
    pad,
    pad_at,
    unpad,
)

SIZE = (7, 6, 5)


def test_the_nine_placements_come_in_the_published_order() -> None:
    offsets = [offset_of(placement, (4, 4, 4), (7, 6, 5)) for placement in PLACEMENTS]
    assert offsets == [
        (1, 1, 0),
        (0, 0, 0),
        (0, 0, 1),
        (0, 2, 0),
        (0, 2, 1),
        (3, 0, 0),
        (3, 0, 1),
        (3, 2, 0),
        (3, 2, 1),
    ]


def test_the_six_published_flips_lack_the_identity_and_the_full_group_has_it() -> None:
    assert FLIPS == ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2))
    assert len(FLIP_GROUP) == 8 and () in FLIP_GROUP and (0, 1, 2) in FLIP_GROUP


def test_an_array_that_fits_is_left_alone() -> None:
    array = np.ones((2, *SIZE), np.float32)
    assert fit(array, SIZE) is array


def test_one_axis_too_long_shrinks_all_by_one_factor_with_linear_interpolation() -> None:
    array = np.random.default_rng(0).random((2, 10, 8, 6))
    shrunk = fit(array, (5, 8, 6))
    assert shrunk.shape == (2, 5, 4, 3)
    assert np.allclose(shrunk, ndimage.zoom(array, (1, 0.5, 0.5, 0.5), order=1))


def test_padding_is_zero_and_the_array_is_where_it_was_put() -> None:
    padded = pad(np.ones((1, 2, 2, 2), np.float32), SIZE)
    assert padded.shape == (1, *SIZE) and padded.dtype == np.float32 and padded.sum() == 8
    assert padded[0, 2:4, 2:4, 1:3].sum() == 8


def test_a_channel_axis_of_any_length_and_a_bare_volume_are_padded_alike() -> None:
    volume = np.arange(8.0).reshape(2, 2, 2)
    assert np.array_equal(pad(volume[None], SIZE)[0], pad(volume, SIZE))


def test_what_does_not_fit_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"\(8, 2, 2\).*does not fit into \(7, 6, 5\)"):
        pad_at(np.ones((8, 2, 2)), SIZE, (0, 0, 0))
    with pytest.raises(ValueError, match="three spatial axes"):
        pad(np.ones((2, 2)), SIZE)


@settings(max_examples=50, deadline=None)
@given(
    shape=st.tuples(*(st.integers(1, n) for n in SIZE)),
    placement=st.sampled_from(PLACEMENTS),
    axes=st.sampled_from(FLIP_GROUP),
)
def test_every_version_can_be_undone(
    shape: tuple[int, int, int], placement: tuple[float, float, float], axes: tuple[int, ...]
) -> None:
    array = np.random.default_rng(1).random((2, *shape))
    version = flip(pad(array, SIZE, placement), axes)
    assert np.array_equal(unpad(flip(version, axes), shape, offset_of(placement, shape, SIZE)), array)


def test_the_centre_is_the_first_placement() -> None:
    assert PLACEMENTS[0] == CENTRE
