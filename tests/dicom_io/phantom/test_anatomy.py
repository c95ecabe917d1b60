"""A simulated examination: voxels that follow from its spec, and the truth about them."""

from __future__ import annotations

import numpy as np
import pytest

import phantom
from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.examination import Phantom, centroid_mm
from dicom_io.phantom.spec import Breasts, Lesion, PhantomSpec, Position, SliceOrientation
from mome_core.case import Modality


def uptake_curve(examination: Phantom) -> list[float]:
    """Mean signal in the lesion, phase by phase, relative to the first post-contrast phase."""
    assert examination.dce is not None
    means = [float(voxels[examination.truth.lesion].mean()) for voxels in examination.dce.voxels]
    return [mean / means[1] for mean in means]


def peak_uptake_mm(examination: Phantom) -> np.ndarray:
    """Position of the strongest early uptake inside the breasts."""
    assert examination.dce is not None
    uptake = examination.dce.voxels[1].astype(float) - examination.dce.voxels[0]
    uptake[~(examination.truth.left | examination.truth.right)] = 0
    index = np.unravel_index(uptake.argmax(), uptake.shape)
    position: np.ndarray = examination.dce.affine[:3, :3] @ index + examination.dce.affine[:3, 3]
    return position


def test_what_the_tissue_does_shows_in_the_images() -> None:
    assert uptake_curve(phantom.examination("malignant"))[-1] < 0.95
    assert uptake_curve(phantom.examination("benign", seed=4))[-1] > 1.05


def test_the_adc_map_says_what_the_tissue_has() -> None:
    examination = phantom.examination("benign", "small", seed=4)
    assert examination.adc is not None
    position = np.array([*(examination.truth.lesion_centre_mm or ()), 1.0])
    i, j, k = np.rint(np.linalg.inv(examination.adc.affine) @ position)[:3].astype(int)
    assert examination.adc.voxels[i, j, k] / 1000 == pytest.approx(examination.truth.adc, abs=0.25)


@pytest.mark.parametrize("orientation", list(SliceOrientation))
def test_the_lesion_is_where_the_truth_says_in_every_orientation(orientation: SliceOrientation) -> None:
    examination = phantom.examination("malignant", seed=3, orientation=orientation)
    distance = np.linalg.norm(peak_uptake_mm(examination) - np.array(examination.truth.lesion_centre_mm))
    assert distance < 16


def test_without_contrast_agent_nothing_takes_up() -> None:
    curve = uptake_curve(phantom.examination(contrast=False))
    assert max(curve) == pytest.approx(min(curve), abs=0.05)


def test_after_a_mastectomy_one_breast_is_left() -> None:
    truth = phantom.examination(breasts=Breasts.LEFT).truth
    assert truth.left.any()
    assert not truth.right.any()


def test_supine_breasts_are_flatter_than_prone_ones() -> None:
    def depth_mm(position: Position) -> float:
        examination = phantom.examination(position=position)
        assert examination.dce is not None
        rows = np.flatnonzero(examination.truth.left.any(axis=(0, 2)))
        return float(np.ptp(rows) * examination.dce.spacing_mm[1])

    assert depth_mm(Position.SUPINE) < 0.75 * depth_mm(Position.PRONE)


def test_a_patient_who_moves_is_elsewhere_in_the_last_phase() -> None:
    still, moved = phantom.examination(contrast=False), phantom.examination(contrast=False, motion_mm=12.0)
    assert still.dce is not None
    assert moved.dce is not None

    def change(voxels: np.ndarray) -> float:
        return float(np.abs(voxels[-1].astype(float) - voxels[0]).mean())

    assert change(moved.dce.voxels) > 3 * change(still.dce.voxels)


def test_the_same_spec_gives_the_same_voxels_and_another_seed_another_patient() -> None:
    first, again, other = (simulate(PhantomSpec(seed=seed)) for seed in (7, 7, 8))
    assert first.dce is not None
    assert again.dce is not None
    assert other.dce is not None
    assert np.array_equal(first.dce.voxels, again.dce.voxels)
    assert not np.array_equal(first.dce.voxels, other.dce.voxels)


def test_leaving_a_modality_out_changes_no_other() -> None:
    whole, part = phantom.examination(), phantom.examination(without=frozenset({Modality.T2}))
    assert part.t2 is None
    assert whole.dce is not None
    assert part.dce is not None
    assert np.array_equal(whole.dce.voxels, part.dce.voxels)
    assert part.case().modalities == (Modality.DCE, Modality.DWI)


def test_a_case_holds_the_highest_b_value_and_times_from_the_first_post_contrast_phase() -> None:
    case = phantom.examination().case()
    assert case.dwi_b_value == 1000
    assert case.dce is not None
    assert case.dce.times_s[:3] == (-100.0, 0.0, 75.0)


def test_a_healthy_patient_has_no_lesion() -> None:
    truth = phantom.examination(Lesion.NONE).truth
    assert truth.lesion_centre_mm is None
    assert not truth.lesion.any()


@pytest.mark.parametrize(
    "mistake", [{"post_phases": 0}, {"seed": -1}, {"b_values": (800.0, 50.0)}, {"motion_mm": -1.0}]
)
def test_a_spec_that_cannot_be_is_refused(mistake: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        PhantomSpec(**mistake)  # type: ignore[arg-type] # the mistake is the point


def test_the_centre_of_a_lesion_too_small_for_its_grid_is_where_it_was_drawn() -> None:
    mask = np.zeros((4, 4, 4), bool)
    assert centroid_mm(mask, np.eye(4), (1.0, 2.0, 3.0)) == (1.0, 2.0, 3.0)
    mask[1:3, 2, 3] = True
    assert centroid_mm(mask, np.diag([2.0, 1.0, 1.0, 1.0]), (0.0, 0.0, 0.0)) == (3.0, 2.0, 3.0)
