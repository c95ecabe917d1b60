"""Text in pixels: found where it is legible, and not where there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom import dcmread

import phantom
from deidentified import MASK
from dicom_io.deidentification.burned_in import NoTextFinder, TextFinder, text_finder
from dicom_io.deidentification.image import Deidentifier, Hindrance, NotExportable


@pytest.fixture(scope="module")
def finder() -> TextFinder:
    assert text_finder() is text_finder()  # its weights are read once
    return text_finder()


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
        with pytest.raises(NotExportable, match=Hindrance.TEXT_FOUND):
            deidentifier.write(path, tmp_path / "shown.dcm")
    assert not (tmp_path / "shown.dcm").exists()


def test_a_flat_image_shows_nothing(finder: TextFinder) -> None:
    assert not finder.finds_text(np.zeros((64, 64), np.uint16))


def test_where_nothing_can_look_the_cause_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(NoTextFinder, match="rapidocr is not installed; pip install"):
        text_finder.__wrapped__()
