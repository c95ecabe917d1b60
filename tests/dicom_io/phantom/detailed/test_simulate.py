"""A detailed examination: voxels that follow from its spec, and the truth about them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import phantom
from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.examination import Phantom
from dicom_io.phantom.spec import Anatomy, Breasts, Lesion, PhantomSpec, Presentation, SliceOrientation
from mome_core.case import Modality


def examination(lesion: str = "malignant", size: str = "tiny", seed: int = 1, **spec: Any) -> Phantom:
    spec = {"presentation": Presentation.TEXTBOOK, **spec}
    return phantom.examination(lesion, size, seed, anatomy=Anatomy.DETAILED, **spec)


def uptake_curve(found: Phantom) -> list[float]:
    """Mean signal in the lesion, phase by phase, relative to the first post-contrast phase."""
    assert found.dce is not None
    means = [float(voxels[found.truth.lesion].mean()) for voxels in found.dce.voxels]
    return [mean / means[1] for mean in means]


def test_the_same_spec_gives_the_same_voxels_and_another_seed_another_patient() -> None:
    spec = PhantomSpec(seed=7, anatomy=Anatomy.DETAILED)
    first, again = simulate(spec), simulate(spec)
    for one, other in ((first.dce, again.dce), (first.t2, again.t2), (first.adc, again.adc), (first.t1, again.t1)):
        assert one is not None and other is not None
        assert np.array_equal(one.voxels, other.voxels)
    other_patient = simulate(PhantomSpec(seed=8, anatomy=Anatomy.DETAILED))
    assert first.dce is not None and other_patient.dce is not None
    assert not np.array_equal(first.dce.voxels, other_patient.dce.voxels)


def test_the_simple_patient_is_still_the_default() -> None:
    assert PhantomSpec().anatomy is Anatomy.SIMPLE
    assert simulate(PhantomSpec(seed=3)).truth.drawn == {}


def test_textbook_lesions_behave_as_their_kind() -> None:
    assert uptake_curve(examination("malignant", "small"))[-1] < 0.97
    assert uptake_curve(examination("benign", "small", seed=4))[-1] > 1.03


@pytest.mark.parametrize("orientation", list(SliceOrientation))
def test_the_lesion_is_where_the_truth_says_in_every_orientation(orientation: SliceOrientation) -> None:
    found = examination("malignant", "small", seed=3, orientation=orientation)
    assert found.dce is not None
    uptake = found.dce.voxels[1].astype(float) - found.dce.voxels[0]
    uptake[~(found.truth.left | found.truth.right)] = 0
    index = np.unravel_index(uptake.argmax(), uptake.shape)
    position = found.dce.affine[:3, :3] @ index + found.dce.affine[:3, 3]
    assert np.linalg.norm(position - np.array(found.truth.lesion_centre_mm)) < 16


def test_the_adc_map_says_what_the_lesion_has() -> None:
    found = examination("malignant", "small", seed=5)
    assert found.adc is not None
    position = np.array([*(found.truth.lesion_centre_mm or ()), 1.0])
    i, j, k = np.rint(np.linalg.inv(found.adc.affine) @ position)[:3].astype(int)
    assert found.adc.voxels[i, j, k] / 1000 == pytest.approx(found.truth.adc, abs=0.35)


def test_without_contrast_agent_nothing_takes_up() -> None:
    curve = uptake_curve(examination(contrast=False))
    assert max(curve) == pytest.approx(min(curve), abs=0.1)


def test_after_a_mastectomy_one_breast_is_left() -> None:
    truth = examination(breasts=Breasts.LEFT).truth
    assert truth.left.any()
    assert not truth.right.any()


def test_a_patient_who_moves_is_elsewhere_in_the_last_phase() -> None:
    still, moved = (examination(contrast=False, motion_mm=mm) for mm in (0.0, 12.0))
    assert still.dce is not None and moved.dce is not None

    def change(voxels: np.ndarray) -> float:
        return float(np.abs(voxels[-1].astype(float) - voxels[0]).mean())

    assert change(moved.dce.voxels) > 2.5 * change(still.dce.voxels)


def test_leaving_a_modality_out_changes_no_other() -> None:
    whole, part = (examination(without=frozenset(each)) for each in ((), (Modality.T2,)))
    assert part.t2 is None
    assert whole.dce is not None and part.dce is not None
    assert np.array_equal(whole.dce.voxels, part.dce.voxels)
    assert np.array_equal(whole.dwi[1000.0].voxels, part.dwi[1000.0].voxels)


def test_a_healthy_patient_has_no_lesion() -> None:
    truth = examination(Lesion.NONE).truth
    assert truth.lesion_centre_mm is None
    assert truth.ktrans_per_minute is None
    assert not truth.lesion.any()
    assert "histology" not in truth.drawn


def test_a_lesion_smaller_than_a_voxel_marks_the_voxel_that_holds_it() -> None:
    truth = examination("malignant", seed=9, lesion_scale=0.1).truth
    assert truth.lesion.sum() == 1
    assert truth.lesion_centre_mm is not None


def test_the_truth_says_what_was_drawn() -> None:
    drawn = examination("malignant", presentation=Presentation.CLINICAL, seed=3).truth.drawn
    assert {"density_class", "background_enhancement", "histology", "ve", "t2_ms", "subtype", "bi_rads"} <= set(drawn)
