"""What a model, or a person, said of each case of a set, beside the truth: all that figures are measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mome_core.calibration import Call, Coalition
from mome_core.model.estimators import EndpointCalibrations
from mome_core.training.metrics import all_metrics, call_metrics
from mome_core.training.resampling import Draws, Resampled, resample
from mome_core.training.statistics import bootstrap_draws


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """A model's answers to a set of cases; all arrays have one entry for each case.

    Parameters
    ----------
    patients
        Draws of the bootstrap are of whole patients.
    called
        Whether the case is called positive; False where the call is withheld.
    answered
        Whether there is a call: figures of calls are measured on these cases, rankings on all.
    """

    patients: tuple[str, ...]
    truth: NDArray[np.bool_]
    probability: NDArray[np.float64]
    called: NDArray[np.bool_]
    answered: NDArray[np.bool_]

    def __post_init__(self) -> None:
        lengths = {len(each) for each in (self.patients, self.truth, self.probability, self.called, self.answered)}
        if len(lengths) != 1:
            raise ValueError(f"answers to one set of cases have one length, got {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.patients)

    def of(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Answers:
        """The answers to some of the cases."""
        which = np.arange(len(self))[chosen]
        patients = tuple(self.patients[n] for n in which)
        return Answers(patients, self.truth[which], self.probability[which], self.called[which], self.answered[which])

    def call(self, n: int) -> Call:
        """What is said of one case."""
        return Call.WITHHELD if not self.answered[n] else Call.POSITIVE if self.called[n] else Call.NEGATIVE

    @property
    def both_classes(self) -> bool:
        """Whether rankings can be measured."""
        return bool(self.truth.any() and not self.truth.all())

    def draws(self, repeats: int, seed: int) -> Draws:
        """Bootstrap draws of these patients; the same for every model on these cases."""
        return bootstrap_draws(self.patients, repeats, seed)

    def figures(self, draws: Draws) -> Resampled:
        """Every figure: rankings on all cases, figures of calls on those with a call."""
        truth, probability, called, answered = self.truth, self.probability, self.called, self.answered

        def measured(i: NDArray[np.int64]) -> dict[str, float]:
            said = i[answered[i]]
            return {**all_metrics(truth[i], probability[i], 0.5), **call_metrics(truth[said], called[said])}

        return resample(measured, len(self), draws)


def answers_of(
    calibrations: EndpointCalibrations,
    patients: Sequence[str],
    positive: NDArray[np.bool_],
    coalitions: Sequence[Coalition],
    probability: Sequence[float],
) -> Answers:
    """Calibrated probabilities as answers, each called at the point of the modalities that it comes from."""
    calls = [calibrations.of(key).call(p) for key, p in zip(coalitions, probability, strict=True)]
    return Answers(
        tuple(patients),
        positive,
        np.array(probability, float),
        np.array([call is Call.POSITIVE for call in calls], bool),
        np.array([call is not Call.WITHHELD for call in calls], bool),
    )
