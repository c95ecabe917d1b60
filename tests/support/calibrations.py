"""Calibrations for tests: what a bundle says of its scores, without a validation cohort."""

from __future__ import annotations

from collections.abc import Iterable

from mome_core.calibration import (
    COALITIONS,
    AurocInterval,
    Calibration,
    Proportion,
    Validation,
    WithheldCode,
)
from mome_core.case import Modality
from mome_core.estimator import Augmentation, Estimator, Pooling
from mome_core.model.estimators import CalibratedEstimator, EndpointCalibrations
from mome_core.results import Contribution, Endpoint, ModelIdentity, Score

FLIPS = Estimator(Augmentation.FLIPS, Pooling.LOG_ODDS)
VALIDATION = Validation(
    target_sensitivity=0.95,
    sensitivity=Proportion(97, 100, 0.915, 0.994),
    specificity=Proportion(80, 100, 0.708, 0.873),
    auroc=AurocInterval(0.93, 0.89, 0.96),
    positives=tuple(0.02 + 0.0098 * n for n in range(100)),
    negatives=tuple(0.0098 * n for n in range(100)),
)


def calibration(
    modalities: Iterable[Modality] = tuple(Modality),
    *,
    threshold: float = 0.5,
    withheld: WithheldCode | None = None,
    validation: Validation | None = VALIDATION,
    slope: float = 1.0,
    intercept: float = 0.0,
) -> Calibration:
    return Calibration(frozenset(modalities), slope, intercept, threshold, validation, withheld)


def calibrations(
    *,
    threshold: float = 0.5,
    base_rate: float | None = 0.4,
    withheld: Iterable[Iterable[Modality]] = (),
    slope: float = 1.0,
    validation: Validation | None = VALIDATION,
) -> EndpointCalibrations:
    """Of one endpoint; the coalitions of `withheld` do not tell the classes apart."""
    silent = {frozenset(each) for each in withheld}
    return EndpointCalibrations(
        base_rate,
        {
            each: calibration(
                each,
                threshold=threshold,
                slope=slope,
                validation=validation,
                withheld=WithheldCode.NOT_TOLD_APART if each in silent else None,
            )
            for each in COALITIONS
        },
    )


def calibrated(
    estimator: Estimator = FLIPS,
    endpoints: Iterable[Endpoint] = (Endpoint.MALIGNANCY,),
    of: EndpointCalibrations | None = None,
) -> CalibratedEstimator:
    return CalibratedEstimator(estimator, dict.fromkeys(endpoints, of or calibrations()))


def a_score(
    model: ModelIdentity,
    probability: float | None = 0.832,
    *,
    endpoint: Endpoint = Endpoint.MALIGNANCY,
    read_by: Calibration | None = None,
    contributions: tuple[Contribution, ...] = (),
    base: float | None = None,
) -> Score:
    """A score of eight flips; the base is what the contributions begin from, so that they add up."""
    start = (probability or 0.0) - sum(each.value for each in contributions) if base is None else base
    others = {each.modality: 0.5 for each in contributions} if len(contributions) > 1 else {}
    return Score(
        endpoint,
        probability,
        0.021,
        read_by or calibration(),
        FLIPS,
        model,
        contributions=contributions,
        base_probability=start,
        without=others,
    )
