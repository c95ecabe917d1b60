"""The estimators of a manifest."""

from __future__ import annotations

import json

import pytest

from calibrations import FLIPS, calibrated, calibration, calibrations
from mome_core.calibration import COALITIONS, WithheldCode
from mome_core.case import Modality
from mome_core.model.estimators import CalibratedEstimator, EndpointCalibrations, estimators_of, uncalibrated
from mome_core.results import Endpoint


def test_estimators_survive_their_manifest() -> None:
    one = calibrated(endpoints=(Endpoint.MALIGNANCY, Endpoint.TRIPLE_NEGATIVE), of=calibrations(withheld=[("T2",)]))
    read = json.loads(json.dumps(one.to_json()))
    assert CalibratedEstimator.from_json(read) == one
    assert estimators_of({"estimators": [read]}) == (one,)
    assert one.estimator is FLIPS


def test_the_calibration_of_what_is_present_reads_the_log_odds() -> None:
    of = calibrations(slope=2.0)
    assert of.of([Modality.T2, Modality.DCE]).coalition == frozenset((Modality.DCE, Modality.T2))
    (found,) = of.probabilities({frozenset(Modality): 0.0}).values()
    assert found == 0.5


def test_a_base_rate_of_nothing_and_a_missing_coalition_cannot_be() -> None:
    with pytest.raises(ValueError, match="base rate lies between"):
        calibrations(base_rate=1.0)
    with pytest.raises(ValueError, match="no calibration for DCE"):
        EndpointCalibrations(0.3, {})


def test_what_nothing_is_known_of_shows_scores_and_calls_nothing() -> None:
    unknown = uncalibrated()
    assert {unknown.coalitions[each].withheld for each in COALITIONS} == {WithheldCode.NOT_CALIBRATED}
    assert unknown.of(Modality) == calibration(withheld=WithheldCode.NOT_CALIBRATED, validation=None)
