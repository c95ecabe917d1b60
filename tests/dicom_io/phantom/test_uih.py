"""How United Imaging scanners write the phantom."""

from __future__ import annotations

import pytest

from small_phantom import written


def test_the_actual_b_value_is_less_than_the_nominal_one() -> None:
    images = written("uih", "vframe", only=("dwi",))
    assert [image[0x0065, 0x100A].value for image in images] == [50, 400, 800, 1000]
    assert images[-1][0x0065, 0x1009].value == pytest.approx(929.75, abs=0.01)


def test_a_vframe_holds_all_slices_of_a_volume_and_their_places_are_private() -> None:
    images = written("uih", "vframe", only=("dce",))
    assert len(images) == 6
    assert (images[0].Rows, images[0].Columns) == (10, 12)  # 4 slices of 5 x 6 in two rows of two
    assert all("ImagePositionPatient" not in image for image in images)
    assert all("VFRAME" in image.ImageType for image in images)


def test_phases_are_written_in_one_series_or_in_one_each() -> None:
    counts = {
        layout: len({image.SeriesInstanceUID for image in written("uih", layout, only=("dce",))})
        for layout in ("one-series", "series-per-phase")
    }
    assert counts == {"one-series": 1, "series-per-phase": 6}
