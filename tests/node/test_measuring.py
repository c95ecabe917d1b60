"""Why a case cannot be measured, told as it is; and the point at which a result is."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import phantom
from mome_core.case import Case
from mome_core.measurements import Measurand, NotMeasured, NotMeasuredCode
from mome_core.preprocessing.surveyed import SurveyedCase
from mome_core.volume import Dynamic
from node.measuring import measured, surveyed_case
from sr_studies import Layout, make_evidence, make_result


@cache
def small() -> Case:
    return phantom.examination(size="small", seed=4).case()


def with_dce(**changes: object) -> Case:
    case = small()
    assert case.dce is not None
    return replace(case, dce=replace(case.dce, **changes))


def shuffled(dynamic: Dynamic) -> np.ndarray:
    """The phases' own values, each at a place drawn at random: noise."""
    phases = dynamic.voxels.reshape(len(dynamic.voxels), -1)
    order = np.random.default_rng(0).permutation(phases.shape[1])
    return phases[:, order].reshape(dynamic.voxels.shape)


def refused(case: Case) -> NotMeasuredCode:
    found = surveyed_case(case)
    assert isinstance(found, NotMeasured)
    return found.code


def test_a_case_with_breasts_is_surveyed() -> None:
    assert isinstance(surveyed_case(small()), SurveyedCase)


def test_without_dce_that_is_the_reason() -> None:
    assert refused(replace(small(), dce=None)) is NotMeasuredCode.NO_DCE


def test_a_dce_of_one_phase_is_told_so() -> None:
    dce = small().dce
    assert dce is not None
    assert refused(with_dce(voxels=dce.voxels[:1], times_s=())) is NotMeasuredCode.POST_CONTRAST_MISSING


def test_a_dce_of_noise_beside_a_good_t2_is_no_missing_breast() -> None:
    dce = small().dce
    assert dce is not None and small().t2 is not None
    assert refused(with_dce(voxels=shuffled(dce))) is NotMeasuredCode.NO_STRUCTURE


def test_an_image_without_breasts_is_told_so() -> None:
    dce = small().dce
    assert dce is not None
    assert refused(with_dce(voxels=np.ones_like(dce.voxels))) is NotMeasuredCode.NO_BREAST


@pytest.mark.parametrize("code", [NotMeasuredCode.NO_STRUCTURE, NotMeasuredCode.POST_CONTRAST_MISSING])
def test_the_result_holds_the_reason(code: NotMeasuredCode) -> None:
    evidence, reason = make_evidence(Layout()), NotMeasured(Measurand.KINETICS, code, "so it is")
    told = measured(make_result(evidence), small(), reason, evidence)
    assert told.measurements is not None and told.measurements.not_measured == (reason,)
    assert told.kinetics is None


def test_maps_are_made_only_where_they_are_wanted_and_the_numbers_are_the_same() -> None:
    evidence, surveyed = make_evidence(Layout()), surveyed_case(small())
    result = replace(make_result(evidence), saliency=())
    with_maps, without = (measured(result, small(), surveyed, evidence, maps=maps) for maps in (True, False))
    assert with_maps.kinetics is not None and without.kinetics is None
    assert with_maps.measurements == without.measurements
