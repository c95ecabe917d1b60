"""The estimators that a bundle was validated with: for each, base rate and calibrations of every endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from mome_core.calibration import COALITIONS, Calibration, Coalition, WithheldCode, coalition_name
from mome_core.case import Modality
from mome_core.estimator import Estimator
from mome_core.results import Endpoint


@dataclass(frozen=True, slots=True)
class EndpointCalibrations:
    """How one endpoint is read.

    Parameters
    ----------
    base_rate
        Prevalence of the cases that the calibrations come from; None where an old bundle does not say.
    coalitions
        A calibration for every coalition.
    """

    base_rate: float | None
    coalitions: Mapping[Coalition, Calibration]

    def __post_init__(self) -> None:
        if missing := [coalition_name(each) for each in COALITIONS if each not in self.coalitions]:
            raise ValueError(f"no calibration for {missing[0]}")
        if self.base_rate is not None and not 0.0 < self.base_rate < 1.0:
            raise ValueError(f"a base rate lies between 0 and 1, got {self.base_rate}")

    def of(self, modalities: Iterable[Modality]) -> Calibration:
        """The calibration of the modalities that are present."""
        return self.coalitions[frozenset(modalities)]

    def probabilities(self, pooled: Mapping[Coalition, float]) -> dict[Coalition, float]:
        """Calibrated probability of each coalition from the estimator's log odds; shown or not is for `of` to say."""
        return {coalition: self.coalitions[coalition].probability(value) for coalition, value in pooled.items()}

    def worth(self, probabilities: Mapping[Coalition, float]) -> dict[Coalition, float]:
        """What each coalition is worth to a Shapley value, no modality at all included; empty without a base rate.

        What the node would report from it: its probability, or, where that is withheld, nothing more than the base
        rate. A coalition that did not tell patients apart has a slope that was fitted to noise, and log odds outside
        the narrow range of its validation would be blown up to any probability.
        """
        if self.base_rate is None:
            return {}
        shown = {c: p if self.of(c).shows_score else self.base_rate for c, p in probabilities.items()}
        return {**shown, frozenset(): self.base_rate}

    def to_json(self) -> dict[str, Any]:
        """Plain values for the manifest."""
        coalitions = {coalition_name(each): self.coalitions[each].to_json() for each in COALITIONS}
        return {"base_rate": self.base_rate, "coalitions": coalitions}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what a manifest holds."""
        read = [Calibration.from_json(each) for each in content["coalitions"].values()]
        return cls(content["base_rate"], {each.coalition: each for each in read})


@dataclass(frozen=True, slots=True)
class CalibratedEstimator:
    """An estimator, and how its numbers are read for each endpoint."""

    estimator: Estimator
    endpoints: Mapping[Endpoint, EndpointCalibrations]

    def to_json(self) -> dict[str, Any]:
        """Plain values for the manifest."""
        return {
            **self.estimator.to_json(),
            "endpoints": {endpoint.value: each.to_json() for endpoint, each in self.endpoints.items()},
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what a manifest holds."""
        endpoints = content["endpoints"].items()
        return cls(
            Estimator.from_json(content),
            {Endpoint(name): EndpointCalibrations.from_json(each) for name, each in endpoints},
        )


def estimators_of(manifest: Mapping[str, Any]) -> tuple[CalibratedEstimator, ...]:
    """The estimators of a manifest, the default one first.

    A bundle from before estimators were written gets the published one: its temperature is a slope, and no coalition
    may call, because nothing says how its threshold was validated.
    """
    if "estimators" in manifest:
        return tuple(CalibratedEstimator.from_json(each) for each in manifest["estimators"])
    points = manifest["endpoints"].items()
    return (
        CalibratedEstimator(
            Estimator(),
            {Endpoint(name): uncalibrated(1.0 / point["temperature"], point["threshold"]) for name, point in points},
        ),
    )


def uncalibrated(slope: float = 1.0, threshold: float = 0.5) -> EndpointCalibrations:
    """Calibrations of an endpoint that nothing is known of: the score is shown, the call withheld."""
    return EndpointCalibrations(
        None,
        {
            coalition: Calibration(coalition, slope, 0.0, threshold, None, WithheldCode.NOT_CALIBRATED)
            for coalition in COALITIONS
        },
    )
