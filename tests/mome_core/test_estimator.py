"""Which number a score is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from mome_core.estimator import ESTIMATORS, Augmentation, Estimator, Pooling, estimator_named
from mome_core.scoring import VERSIONS


def test_every_augmentation_has_as_many_versions_as_it_says() -> None:
    assert {each: len(places) * len(flips) for each, (places, flips) in VERSIONS.items()} == {
        each: Estimator(each).versions for each in Augmentation
    }
    assert [Estimator(each).versions for each in Augmentation] == [1, 8, 54, 72]


def test_an_estimator_is_found_by_its_name_and_says_what_it_averages() -> None:
    assert estimator_named("published") == Estimator()
    assert estimator_named("flips-log-odds") == Estimator(Augmentation.FLIPS, Pooling.LOG_ODDS)
    assert str(Estimator()) == (
        "54 versions as published: 9 placements x 6 flips, none unflipped; mean of probabilities"
    )
    assert len(ESTIMATORS) == 8
    with pytest.raises(ValueError, match="no estimator is called 'paper'; there are none, none-log-odds"):
        estimator_named("paper")


def test_pooling_averages_probabilities_or_log_odds() -> None:
    versions = np.array([-2.0, 0.5, 3.0])
    assert Estimator().pool(versions) == pytest.approx(logit(expit(versions).mean()))
    assert Estimator(pooling=Pooling.LOG_ODDS).pool(versions) == 0.5
    assert Estimator().pool(np.array([60.0, 60.0])) == pytest.approx(60.0), "where a probability rounds to 1"


@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=str)
def test_an_estimator_survives_its_manifest(estimator: Estimator) -> None:
    assert Estimator.from_json(estimator.to_json()) == estimator


def test_an_estimator_of_another_arithmetic_is_refused() -> None:
    with pytest.raises(ValueError, match="calibrated in float32, not in float16"):
        Estimator.from_json({**Estimator().to_json(), "arithmetic": "float16"})
