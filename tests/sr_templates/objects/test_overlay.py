"""The rendered overlay: contours of the saliency on the source slices."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mome_core.case import Modality
from mome_core.results import Result
from sr_studies import DEVICE, Layout, make_evidence, make_result
from sr_templates.build import build_objects
from sr_templates.context import ObjectOptions
from sr_templates.dicom.evidence import Evidence
from sr_templates.dicom.grid import image_affine
from sr_templates.drawing.capture import picture_of
from sr_templates.drawing.colour import ACCENT
from sr_templates.kinds import Kind
from sr_templates.objects.overlay import LEAST_PIXELS, enlargement

ONLY = ObjectOptions(frozenset({Kind.OVERLAY}))


def test_the_overlay_shows_the_slices_with_the_region_and_one_more_in_colour(
    result: Result, evidence: Evidence
) -> None:
    objects = build_objects(result, evidence, DEVICE)
    overlay, segmented = objects.by_kind[Kind.OVERLAY], int(objects.by_kind[Kind.SEGMENTATION][0].NumberOfFrames)
    assert len(overlay) == segmented + 2
    middle = overlay[len(overlay) // 2]
    rgb = picture_of(middle).astype(int)
    raised = np.argwhere((rgb == ACCENT).all(axis=2))
    grid = evidence.images(Modality.DCE)
    factor = middle.Rows / grid[0].header.Rows
    i, j, *_ = np.linalg.inv(image_affine(grid)) @ (60.0, -20.0, 5.0, 1)
    centre = (raised.min(axis=0) + raised.max(axis=0)) / 2 / factor - 0.5
    assert np.abs(centre - (j, i)).max() < 1


def test_the_overlay_has_room_for_words_and_lies_where_its_source_lies(result: Result, evidence: Evidence) -> None:
    overlay = build_objects(result, evidence, DEVICE).by_kind[Kind.OVERLAY]
    sources = {each.header.SOPInstanceUID: each for each in evidence.images(Modality.DCE)}
    for each in overlay:
        source = sources[each.SourceImageSequence[0].ReferencedSOPInstanceUID]
        assert min(each.Rows, each.Columns) >= LEAST_PIXELS
        ours = (each.Columns * each.PixelSpacing[1], each.Rows * each.PixelSpacing[0])
        theirs = (source.header.Columns * source.spacing_mm[1], source.header.Rows * source.spacing_mm[0])
        assert ours == pytest.approx(theirs)
        corner = np.array(each.ImagePositionPatient, float) - 0.5 * np.array([*each.PixelSpacing[::-1], 0], float)
        assert corner == pytest.approx(source.position_mm - 0.5 * np.array([*source.spacing_mm[::-1], 0]), abs=1e-3)


@pytest.mark.parametrize(("columns", "rows", "factor"), [(160, 160, 4), (512, 640, 1), (384, 256, 2), (48, 40, 13)])
def test_small_images_are_enlarged_by_whole_numbers(columns: int, rows: int, factor: int) -> None:
    assert enlargement(columns, rows) == factor


def test_nothing_is_painted_on_what_lies_outside_the_lines(result: Result, evidence: Evidence) -> None:
    """Contours and words cover a small part; the rest is the grey of the source."""
    rgb = picture_of(build_objects(result, evidence, DEVICE).by_kind[Kind.OVERLAY][0]).astype(int)
    coloured = (np.ptp(rgb, axis=2) > 12).mean()
    assert coloured < 0.06


@pytest.mark.exhaustive
@pytest.mark.skipif(not shutil.which("tesseract"), reason="tesseract (tesseract-ocr) is not installed")
@pytest.mark.parametrize(("matrix", "pixels"), [(160, 640), (256, 512), (1024, 1024)])
@pytest.mark.parametrize("shown", [512, 1024])
def test_a_machine_reads_the_warning(matrix: int, pixels: int, shown: int, tmp_path: Path) -> None:
    """As a viewer shows it in a square of 512 or 1024 pixels; what a machine reads, a person does."""
    evidence = make_evidence(Layout(columns=matrix, rows=matrix, slices=4))
    (first, *_) = build_objects(make_result(evidence), evidence, DEVICE, options=ONLY).by_kind[Kind.OVERLAY]
    assert (first.Rows, first.Columns) == (pixels, pixels)
    Image.fromarray(picture_of(first)).resize((shown, shown), Image.Resampling.BICUBIC).save(tmp_path / "seen.png")
    read = subprocess.run(
        ["tesseract", tmp_path / "seen.png", "-", "--psm", "11"], capture_output=True, text=True, check=True
    ).stdout
    words = " ".join(read.split())
    assert "RESEARCH USE ONLY" in words
    assert "no lesion outline" in words
