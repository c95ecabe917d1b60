"""Text in pixels: found where it is legible, and not where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom import dcmread

import phantom
from deidentified import MASK
from dicom_io.deidentification.burned_in import TextFinder, text_finder
from dicom_io.deidentification.image import Deidentifier, NotExportable


@pytest.fixture(scope="module")
def finder() -> TextFinder:
    found = text_finder()
    assert found is not None
    return found


def test_an_image_that_shows_a_name_stays_here_and_one_that_does_not_goes(finder: TextFinder, tmp_path: Path) -> None:
    (path, *_) = phantom.series(phantom.study(tmp_path / "in", size="small", only=("t2",)), "t2")
    with Deidentifier(MASK, finder) as deidentifier:
        deidentifier.write(path, tmp_path / "clean.dcm")
        assert (
            dcmread(tmp_path / "clean.dcm").DeidentificationMethod[-1].startswith("burned-in text: none found by rapid")
        )
        image = dcmread(path)
        drawing = Image.fromarray(image.pixel_array.astype(np.int32), "I")
        high = int(image.pixel_array.max())
        ImageDraw.Draw(drawing).text((3, 3), "BROWN 1961", fill=high, font=ImageFont.load_default(14))
        image.PixelData = np.asarray(drawing).astype("<u2").tobytes()
        image.save_as(path)
        with pytest.raises(NotExportable, match="text was found"):
            deidentifier.write(path, tmp_path / "shown.dcm")
    assert not (tmp_path / "shown.dcm").exists()


def test_a_flat_image_shows_nothing(finder: TextFinder) -> None:
    assert not finder.finds_text(np.zeros((64, 64), np.uint16))
