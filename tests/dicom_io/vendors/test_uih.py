"""United Imaging: nominal b-values, and the slices of a VFRAME image."""

from __future__ import annotations

import pytest

from datasets import dataset, elements
from dicom_io.vendors.base import Tiling
from dicom_io.vendors.uih import ACTUAL_B_VALUE, NOMINAL_B_VALUE, SLICES, UIH

VFRAME = ("ORIGINAL", "PRIMARY", "M", "VFRAME")


@pytest.mark.parametrize(
    ("actual", "nominal", "b_value"),
    [(929.75, 1000.0, 1000.0), (1.25, 1000.0, 0.0), (929.75, None, 929.75), (None, 50.0, 50.0), (None, None, None)],
)
def test_the_nominal_b_value_is_told_and_a_b0_is_0(
    actual: float | None, nominal: float | None, b_value: float | None
) -> None:
    private = {ACTUAL_B_VALUE: ("FD", actual), NOMINAL_B_VALUE: ("FD", nominal)}
    image = elements({tag: (vr, value) for tag, (vr, value) in private.items() if value is not None})
    assert UIH.diffusion(image).b_value == b_value


def vframe(count: int, rows: int, columns: int) -> Tiling:
    """A VFRAME image of so many slices, 4 mm and a second apart."""
    slices = [dataset(ImagePositionPatient=[0.0, 0.0, 4.0 * z], AcquisitionTime=f"1000{z:02d}") for z in range(count)]
    tiling = UIH.tiling(elements({SLICES: ("SQ", slices)}, Rows=rows, Columns=columns), VFRAME)
    assert tiling is not None
    return tiling


def test_each_slice_of_a_vframe_has_its_window_position_and_time() -> None:
    tiling = vframe(5, rows=128, columns=192)
    assert (tiling.rows, tiling.columns) == (64, 64)
    assert [(tile.top, tile.left) for tile in tiling.tiles] == [(0, 0), (0, 64), (0, 128), (64, 0), (64, 64)]
    assert [tile.position_mm[2] for tile in tiling.tiles] == [0.0, 4.0, 8.0, 12.0, 16.0]
    assert [tile.acquisition_s for tile in tiling.tiles] == [36000.0, 36001.0, 36002.0, 36003.0, 36004.0]


def test_rows_that_two_rows_of_tiles_cannot_share_are_those_of_a_square_grid() -> None:
    tiling = vframe(5, rows=195, columns=192)
    assert (tiling.rows, tiling.columns) == (65, 64)
    assert tiling.tiles[-1].top == 65


def test_a_vframe_whose_slices_nothing_describes_is_one_image() -> None:
    assert UIH.tiling(elements(Rows=128, Columns=128), VFRAME) is None
    assert UIH.tiling(elements({SLICES: ("SQ", [dataset()])}), ("ORIGINAL", "PRIMARY")) is None
