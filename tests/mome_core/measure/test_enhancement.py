"""The uptake in the breasts: percentages where there is signal, zero elsewhere, on the source's own grid."""

from __future__ import annotations

import numpy as np

import phantom
from mome_core.measure.enhancement import enhancement_of, sampled
from mome_core.preprocessing.recipe import BreastRules
from mome_core.preprocessing.surveyed import survey_case


def test_the_box_lies_where_its_voxels_lie_in_the_dce() -> None:
    case = phantom.examination(size="small", seed=4).case()
    found = survey_case(case, BreastRules(), None)
    assert case.dce is not None and found.breasts is not None
    enhancement = enhancement_of(case.dce, found.breasts)
    assert enhancement is not None
    whole = enhancement.in_whole(enhancement.difference)
    assert whole.voxels.shape == case.dce.voxels.shape[1:] and np.allclose(whole.affine, case.dce.affine)
    inside = whole.voxels != 0
    assert np.array_equal(whole.voxels[inside], (case.dce.voxels[1].astype(np.float32) - case.dce.voxels[0])[inside])
    assert enhancement.index_of(enhancement.point_mm((3, 4, 5))) == (3, 4, 5)
    assert not enhancement.difference[~enhancement.breasts].any()
    assert (enhancement.uptake_percent == 0)[~enhancement.breasts].all()


def test_a_dynamic_elsewhere_has_no_uptake_in_the_breasts() -> None:
    case = phantom.examination(size="small", seed=4).case()
    found = survey_case(case, BreastRules(), None)
    assert case.dce is not None and found.breasts is not None
    far = case.dce.affine.copy()
    far[0, 3] += 1000.0
    assert enhancement_of(type(case.dce)(case.dce.voxels, far, "1.2", case.dce.times_s), found.breasts) is None


def test_a_coarse_map_is_read_between_its_voxels() -> None:
    ramp = np.arange(10, dtype=np.float32)[:, None, None] * np.ones((1, 4, 4), np.float32)
    points = np.array([[4.0], [2.0], [2.0]])
    assert sampled(ramp, np.diag([2.0, 2.0, 2.0, 1.0]), points).tolist() == [2.0]
    assert sampled(ramp, np.diag([2.0, 2.0, 2.0, 1.0]), points + np.array([[1.0], [0], [0]])).tolist() == [2.5]
