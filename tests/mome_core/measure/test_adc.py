"""ADC: fitted or the scanner's, in any unit, and withheld where the diffusion images do not show the tissue."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mome_core.case import Case
from mome_core.measure.adc import adc_in
from mome_core.measure.enhancement import Enhancement, Mask
from mome_core.measurements import DiffusionMeasure, NotMeasured, NotMeasuredCode
from mome_core.volume import Affine, Volume

SHAPE = (20, 20, 10)
COARSE = np.diag([2.0, 2.0, 2.0, 1.0])


def dce(frame: str = "1.2") -> tuple[Enhancement, Mask]:
    """A breast of one millimetre voxels with tissue in the middle."""
    tissue = np.zeros(SHAPE, dtype=bool)
    tissue[4:16, 4:16, 2:8] = True
    nothing = np.zeros(SHAPE, np.float32)
    whole = np.ones(SHAPE, dtype=bool)
    return Enhancement(np.zeros((2, *SHAPE)), whole, nothing, nothing, (0, 0, 0), SHAPE, np.eye(4), frame), tissue


def volume(value: float, affine: Affine = COARSE, frame: str = "1.2") -> Volume:
    return Volume(np.full((10, 10, 5), value, np.float32), affine, frame)


def weighted(adc: float, *b_values: float) -> dict[float, Volume]:
    return {b: volume(1000 * np.exp(-b * adc * 1e-3)) for b in b_values}


def code(found: DiffusionMeasure | NotMeasured) -> NotMeasuredCode | None:
    return found.code if isinstance(found, NotMeasured) else None


def test_a_log_linear_fit_finds_the_adc() -> None:
    found = adc_in(Case(dwi_by_b_value=weighted(1.2, 0.0, 50.0, 800.0)), *dce())
    assert isinstance(found, DiffusionMeasure)
    assert (found.mean, found.minimum) == pytest.approx((1.2, 1.2), abs=1e-4)
    assert found.b_values == (0.0, 50.0, 800.0)


def test_b_values_above_1000_are_left_out() -> None:
    found = adc_in(Case(dwi_by_b_value=weighted(1.0, 0.0, 800.0) | {2000.0: volume(900.0)}), *dce())
    assert isinstance(found, DiffusionMeasure) and found.b_values == (0.0, 800.0)
    assert found.mean == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("stored", [950.0, 0.95, 0.00095])
def test_the_scanners_map_counts_before_a_fit_in_any_of_its_units(stored: float) -> None:
    found = adc_in(Case(adc=volume(stored), dwi_by_b_value=weighted(2.0, 0.0, 800.0)), *dce())
    assert isinstance(found, DiffusionMeasure)
    assert (found.mean, found.b_values) == (pytest.approx(0.95, rel=1e-4), ())


def test_one_b_value_is_no_adc() -> None:
    assert code(adc_in(Case(dwi_by_b_value=weighted(1.0, 800.0)), *dce())) is NotMeasuredCode.NO_DIFFUSION


def test_two_near_b_values_are_no_adc() -> None:
    assert code(adc_in(Case(dwi_by_b_value=weighted(1.0, 700.0, 800.0)), *dce())) is NotMeasuredCode.NO_DIFFUSION


def test_another_frame_of_reference_is_not_measured() -> None:
    assert code(adc_in(Case(adc=volume(1000.0, frame="9.9")), *dce())) is NotMeasuredCode.FRAMES_DIFFER
    assert code(adc_in(Case(adc=volume(1000.0, frame="")), *dce(frame=""))) is NotMeasuredCode.FRAMES_DIFFER


def test_a_unit_that_no_tissue_has_is_not_guessed() -> None:
    assert code(adc_in(Case(adc=volume(50_000.0)), *dce())) is NotMeasuredCode.UNIT_UNKNOWN


def test_tissue_that_the_diffusion_does_not_show_is_not_measured() -> None:
    far = COARSE.copy()
    far[0, 3] = 500.0
    assert code(adc_in(Case(adc=volume(1000.0, far)), *dce())) is NotMeasuredCode.NOT_COVERED
    dark = volume(1000.0)
    dark.voxels[:5] = 0
    assert code(adc_in(Case(adc=dark), *dce())) is NotMeasuredCode.NOT_COVERED


def test_only_voxels_inside_of_the_tissue_count() -> None:
    enhancement, tissue = dce()
    fat = volume(300.0)
    fat.voxels[2:8, 2:8, 1:4] = 900.0
    shifted = replace(fat, affine=np.diag([2.0, 2.0, 2.0, 1.0]) + np.array([[0, 0, 0, 0.5]] * 3 + [[0, 0, 0, 0]]))
    found = adc_in(Case(adc=shifted), enhancement, tissue)
    assert isinstance(found, DiffusionMeasure)
    assert (found.mean, found.voxels) == (pytest.approx(0.9), 6 * 6 * 3)
