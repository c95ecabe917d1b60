"""Each measured number with its unit, in the same words everywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mome_core.measurements import Measurements
from sr_templates.dicom.measurement_words import adc_words, measurement_rows, not_measured_words
from told_measurements import MEASURED


def test_every_number_is_told_with_its_unit() -> None:
    assert dict(measurement_rows(MEASURED)) == {
        "Measured at": "peak of the saliency, left breast",
        "Initial uptake": "+150 % (point +150 %)",
        "Worst curve": "washout (type III), -19 % from post-contrast phase 1 to 3, 180 s later",
        "Mean curve": "washout (type III), -12 %",
        "Voxels by curve type": "persistent (type I) 0 %, plateau (type II) 25 %, washout (type III) 75 %",
        "Enhancing tissue": "6.3 ml; 24 mm left-right, 27 mm front-back, 30 mm foot-head",
        "May be more than one lesion": "it touches the skin",
        "Distance to skin": "2 mm",
        "Distance to chest wall": "41 mm",
        "ADC": "0.84 (lowest voxel 0.71) × 10⁻³ mm²/s, fit of b = 50, 800 s/mm²",
    }


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (-10.4, "washout (type III), -10.4 %"),
        (-10.04, "washout (type III), -10.04 %"),
        (-9.6, "plateau (type II), -10 %"),
        (10.3, "persistent (type I), +10.3 %"),
        (10.0, "plateau (type II), +10 %"),
        (-12.4, "washout (type III), -12 %"),
    ],
)
def test_a_change_is_never_rounded_to_one_of_another_type(change: float, told: str) -> None:
    assert MEASURED.tissue is not None
    tissue = replace(MEASURED.tissue, whole=replace(MEASURED.tissue.whole, delayed_change_percent=change))
    assert dict(measurement_rows(replace(MEASURED, tissue=tissue)))["Mean curve"] == told


def test_what_is_withheld_says_why() -> None:
    assert list(not_measured_words(MEASURED)) == ["No ADC: they differ"]


def test_nothing_measured_has_no_rows() -> None:
    assert list(measurement_rows(Measurements())) == []


def test_the_map_of_the_scanner_is_named() -> None:
    assert MEASURED.diffusion is not None
    assert adc_words(replace(MEASURED.diffusion, b_values=())).endswith("the scanner's map")
