"""Siemens: private b-values, the names of sequences, and mosaics."""

from __future__ import annotations

import numpy as np
import pytest

from datasets import elements
from dicom_io.vendors.base import Direction
from dicom_io.vendors.siemens import (
    B_VALUE,
    CSA_IMAGE_HEADER,
    DIRECTION,
    IMAGE_TYPE_TEXT,
    MOSAIC_COUNT,
    OPTIONS_TEXT,
    SIEMENS,
    csa_image_header,
)

MOSAIC = ("ORIGINAL", "PRIMARY", "DIFFUSION", "NONE", "MOSAIC")


def test_the_private_b_value_wins() -> None:
    image = elements({B_VALUE: ("IS", "800"), DIRECTION: ("CS", "DIRECTIONAL")}, DiffusionBValue=5.0)
    diffusion = SIEMENS.diffusion(image)
    assert (diffusion.b_value, diffusion.direction) == (800.0, Direction.DIRECTIONAL)


@pytest.mark.parametrize(
    ("name", "b_value"), [("ep_b1000#6", 1000.0), ("*ep_b800t", 800.0), ("ep_b0_1000", None), ("tse2d", None)]
)
def test_the_sequence_name_of_an_echo_planar_image_tells_the_b_value(name: str, b_value: float | None) -> None:
    assert SIEMENS.diffusion(elements(ScanningSequence="EP", SequenceName=name)).b_value == b_value


def test_a_sequence_name_says_nothing_of_an_image_that_is_not_echo_planar() -> None:
    assert SIEMENS.diffusion(elements(ScanningSequence="GR", SequenceName="ep_b1000#6")).b_value is None


def test_its_own_text_of_options_tells_fat_suppression() -> None:
    assert SIEMENS.fat_suppressed(elements({OPTIONS_TEXT: ("LO", "A1/PFP/FS")})) is True
    assert SIEMENS.fat_suppressed(elements(ScanOptions="PFP")) is False
    assert SIEMENS.fat_suppressed(elements()) is None


def test_its_own_copy_of_the_image_type_names_the_computation() -> None:
    assert "MIP" in SIEMENS.derivation_words(elements({IMAGE_TYPE_TEXT: ("LO", "MIP/M/ND")}), ("ORIGINAL", "PRIMARY"))


def test_the_tiles_of_a_mosaic_lie_around_its_centre_in_steps_along_the_normal() -> None:
    image = elements(
        {MOSAIC_COUNT: ("US", 3)},
        Rows=128,
        Columns=128,
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        ImagePositionPatient=[-128.0, -128.0, 10.0],
        PixelSpacing=[2.0, 2.0],
        SpacingBetweenSlices="5",
    )
    tiling = SIEMENS.tiling(image, MOSAIC)
    assert tiling is not None
    assert (tiling.rows, tiling.columns) == (64, 64)
    assert [(tile.top, tile.left) for tile in tiling.tiles] == [(0, 0), (0, 64), (64, 0)]
    np.testing.assert_allclose([t.position_mm for t in tiling.tiles], [(-64, -64, z) for z in (10, 15, 20)])


def test_a_mosaic_that_does_not_say_how_many_slices_it_holds_is_one_image() -> None:
    image = elements(Rows=128, Columns=128, ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    assert SIEMENS.tiling(image, MOSAIC) is None
    assert SIEMENS.tiling(elements({MOSAIC_COUNT: ("US", 3)}), ("ORIGINAL", "PRIMARY")) is None


@pytest.mark.parametrize("damaged", [b"", b"SV10", b"SV10\4\3\2\1" + b"\xff" * 64, b"no header at all" * 8])
def test_a_damaged_csa_header_says_nothing(damaged: bytes) -> None:
    assert csa_image_header(elements({CSA_IMAGE_HEADER: ("OB", damaged)})) == {}


def test_the_csa_header_never_leaves_the_hospital() -> None:
    assert CSA_IMAGE_HEADER not in SIEMENS.safe_private
