"""Every calibration of a network: for each estimator, endpoint and coalition, from validation cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mome_core.calibration import COALITIONS, Coalition
from mome_core.estimator import Estimator
from mome_core.model.estimators import CalibratedEstimator, EndpointCalibrations
from mome_core.model.network import Network
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint
from mome_core.scoring import VersionLogOdds, pooled
from mome_core.training.calibrate import CalibrationPlan, calibrated, one_of_each_patient
from mome_core.training.dataset import Example
from mome_core.training.errors import TrainingRefused
from mome_core.training.predict import answer_cases, truth


def calibrate_network(
    network: Network,
    examples: Sequence[Example],
    recipe: Recipe,
    plan: CalibrationPlan,
    progress: Callable[[str], None] = lambda name: None,
) -> tuple[CalibratedEstimator, ...]:
    """Answer every case by every estimator, and read the calibrations from the answers."""
    return tuple(
        CalibratedEstimator(
            estimator,
            _calibrations(
                network,
                examples,
                answer_cases(network, examples, recipe, estimator, every_coalition=True, progress=progress),
                estimator,
                plan.target_sensitivity,
            ),
        )
        for estimator in plan.estimators
    )


def _calibrations(
    network: Network,
    examples: Sequence[Example],
    answers: Sequence[VersionLogOdds],
    estimator: Estimator,
    target: float,
) -> dict[Endpoint, EndpointCalibrations]:
    """How each endpoint is read, from the answers of one estimator to the cases that have its label."""
    found = {}
    for head in network.answers:
        labelled = [n for n, example in enumerate(examples) if head.endpoint in example.labels]
        if not labelled:
            raise TrainingRefused(f"none of the {len(examples)} cases has a label of {head.endpoint}")
        cases = [examples[n] for n in labelled]
        values = [pooled(answers[n], head.endpoint, estimator) for n in labelled]
        found[head.endpoint] = _endpoint(network, head.endpoint, cases, values, target)
    return found


def _endpoint(
    network: Network,
    endpoint: Endpoint,
    cases: Sequence[Example],
    values: Sequence[dict[Coalition, float]],
    target: float,
) -> EndpointCalibrations:
    """One endpoint's calibrations; each coalition's from the cases that have its modalities."""
    positive = truth(network, endpoint, cases)
    chosen = one_of_each_patient([case.patient for case in cases], positive)
    base_rate = float(positive[chosen].mean())
    if not 0.0 < base_rate < 1.0:
        raise TrainingRefused(f"the {len(cases)} cases hold one class of {endpoint} only: both are needed")
    coalitions = {}
    for coalition in COALITIONS:
        having = [n for n in chosen if coalition in values[n]]
        log_odds = np.array([values[n][coalition] for n in having])
        coalitions[coalition] = calibrated(coalition, positive[having], log_odds, base_rate=base_rate, target=target)
    return EndpointCalibrations(base_rate, coalitions)
