"""What a score means when certain modalities are present: probability, call, and what validation proved of both.

A coalition is the set of modalities that a case has. Each has a calibration of its own: log odds of the estimator in,
probability and call out. A calibration that may not be used says why, by a code.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import combinations
from typing import Any, Self

from mome_core.case import Modality

Coalition = frozenset[Modality]

LEAST_AUROC = 0.6
"""A coalition whose validation AUROC is not shown to lie above this gives no score."""
FEWEST_CASES = 20
"""Validation cases of each class below which a coalition gives no score."""
_MOST_NEIGHBOURS, _FEWEST_NEIGHBOURS = 50, 20
_Z95 = 1.959964


def coalition_name(modalities: Iterable[Modality]) -> str:
    """E.g. "DCE+T2", in the network's order."""
    present = set(modalities)
    return "+".join(modality for modality in Modality if modality in present)


def coalition_words(modalities: Iterable[Modality]) -> str:
    """E.g. "DCE + T2", in the network's order, for people."""
    return coalition_name(modalities).replace("+", " + ")


def coalition_named(name: str) -> Coalition:
    """The coalition of a name; ValueError for an unknown modality."""
    return frozenset(Modality(part) for part in name.split("+"))


def coalitions_within(modalities: Iterable[Modality]) -> tuple[Coalition, ...]:
    """Every non-empty subset, small ones first, in the network's order."""
    present = set(modalities)
    players = [modality for modality in Modality if modality in present]
    return tuple(frozenset(some) for size in range(1, len(players) + 1) for some in combinations(players, size))


COALITIONS = coalitions_within(Modality)
"""All seven."""


class Call(StrEnum):
    """What a score says at its operating point."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    WITHHELD = "withheld"


class WithheldCode(StrEnum):
    """Why no call is given."""

    NOT_CALIBRATED = "NOT_CALIBRATED"
    TOO_FEW_CASES = "TOO_FEW_CASES"
    NOT_TOLD_APART = "NOT_TOLD_APART"


@dataclass(frozen=True, slots=True)
class Proportion:
    """A share that was counted, with its 95 % interval."""

    count: int
    of: int
    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.count <= self.of or not 0.0 <= self.low <= self.high <= 1.0:
            raise ValueError(f"{self.count} of {self.of} ({self.low} to {self.high}) is no proportion")

    @property
    def value(self) -> float:
        """The share itself; NaN of nothing."""
        return self.count / self.of if self.of else math.nan


@dataclass(frozen=True, slots=True)
class AurocInterval:
    """Area under the ROC with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class AmongCases:
    """Percent of the negative and of the positive validation cases that scored lower, and how many cases there were."""

    negative_percent: int
    negatives: int
    positive_percent: int
    positives: int


def _percent_below(scores: Sequence[float], probability: float, cases: int) -> int:
    """Of sorted scores; 0 and 100 are kept for none and all, which a sample of the scores does not know."""
    share = bisect_left(scores, probability) / len(scores)
    whole = share in (0.0, 1.0) and len(scores) == cases
    return round(100 * share) if whole else min(max(round(100 * share), 1), 99)


@dataclass(frozen=True, slots=True)
class Validation:
    """What the validation cases of one coalition showed, under the bundle's estimator.

    Parameters
    ----------
    target_sensitivity
        The sensitivity that the threshold was chosen to reach with 97.5 % confidence.
    sensitivity, specificity
        At the threshold. The intervals (Clopper-Pearson) hold although the threshold was chosen on the same cases: it
        is the score of a positive case whose rank follows from their number alone.
    positives, negatives
        Calibrated probabilities of the cases, sorted; of very many the same share of both, evenly spaced by rank. No
        case is named.
    """

    target_sensitivity: float
    sensitivity: Proportion
    specificity: Proportion
    auroc: AurocInterval
    positives: tuple[float, ...]
    negatives: tuple[float, ...]

    @property
    def cases(self) -> int:
        """How many validation cases had these modalities."""
        return self.sensitivity.of + self.specificity.of

    @property
    def prevalence(self) -> float:
        """Share of positive cases among them."""
        return self.sensitivity.of / self.cases

    @property
    def scores(self) -> tuple[float, ...]:
        """Probabilities of all cases, sorted; what later answers are compared with."""
        return tuple(sorted((*self.positives, *self.negatives)))

    def at_this_score(self, probability: float) -> Proportion:
        """How many of the validation cases with scores nearest to this one were positive (Wilson's interval).

        Nearest by rank: as many cases below as above, up to 50 and at most a quarter of all, but not fewer than 20.
        """
        ranked = sorted([(p, True) for p in self.positives] + [(n, False) for n in self.negatives])
        take = min(len(ranked), max(_FEWEST_NEIGHBOURS, min(_MOST_NEIGHBOURS, len(ranked) // 4)))
        middle = bisect_left(ranked, (probability, False))
        first = min(max(0, middle - take // 2), len(ranked) - take)
        near = [positive for _, positive in ranked[first : first + take]]
        return wilson(sum(near), len(near))

    def among(self, probability: float) -> AmongCases | None:
        """Where a score lies among those of the cases; None where the scores of a class lack."""
        if not (self.negatives and self.positives):
            return None
        negatives, positives = self.specificity.of, self.sensitivity.of
        return AmongCases(
            _percent_below(self.negatives, probability, negatives),
            negatives,
            _percent_below(self.positives, probability, positives),
            positives,
        )

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what a manifest holds."""
        return cls(
            target_sensitivity=content["target_sensitivity"],
            sensitivity=Proportion(**content["sensitivity"]),
            specificity=Proportion(**content["specificity"]),
            auroc=AurocInterval(**content["auroc"]),
            positives=tuple(content["positives"]),
            negatives=tuple(content["negatives"]),
        )


@dataclass(frozen=True, slots=True)
class Calibration:
    """How log odds of one coalition are read (Platt 1999): probability = sigmoid(slope x log odds + intercept).

    Parameters
    ----------
    threshold
        A probability above it is positive.
    validation
        None where the bundle does not say (an old one), or too few cases had these modalities.
    withheld
        Why no call is given; None where one is.
    """

    coalition: Coalition
    slope: float
    intercept: float
    threshold: float
    validation: Validation | None
    withheld: WithheldCode | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.slope) and math.isfinite(self.intercept) and self.slope >= 0):
            raise ValueError(f"{coalition_name(self.coalition)}: no slope or intercept of a calibration")
        if not 0.0 <= self.threshold <= 1.0:
            raise ValueError(f"a threshold lies in [0, 1], got {self.threshold}")
        if self.withheld is None and self.validation is None:
            raise ValueError(f"{coalition_name(self.coalition)} cannot call anything: nothing was validated")

    @property
    def shows_score(self) -> bool:
        """Whether a probability may be shown: not from modalities that did not tell the classes apart."""
        return self.withheld in (None, WithheldCode.NOT_CALIBRATED)

    def log_odds(self, pooled: float) -> float:
        """Calibrated log odds."""
        return self.slope * pooled + self.intercept

    def probability(self, pooled: float) -> float:
        """Calibrated probability of the estimator's log odds."""
        return sigmoid(self.log_odds(pooled))

    def call(self, probability: float) -> Call:
        """What a probability says; withheld where this calibration may not call."""
        if self.withheld is not None:
            return Call.WITHHELD
        return Call.POSITIVE if probability > self.threshold else Call.NEGATIVE

    def to_json(self) -> dict[str, Any]:
        """Plain values for the manifest."""
        return asdict(self) | {"coalition": coalition_name(self.coalition)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what a manifest holds."""
        validation, withheld = content["validation"], content["withheld"]
        return cls(
            coalition=coalition_named(content["coalition"]),
            slope=content["slope"],
            intercept=content["intercept"],
            threshold=content["threshold"],
            validation=None if validation is None else Validation.from_json(validation),
            withheld=None if withheld is None else WithheldCode(withheld),
        )


def withheld_words(calibration: Calibration) -> str:
    """Why a calibration gives no call, one sentence for a reader; empty where it gives one."""
    name, validation = coalition_words(calibration.coalition), calibration.validation
    match calibration.withheld:
        case None:
            return ""
        case WithheldCode.NOT_CALIBRATED:
            return "the model bundle states no operating point for its score; calibrate it: mome-node model recalibrate"
        case WithheldCode.TOO_FEW_CASES:
            positives, negatives = (
                (0, 0) if validation is None else (validation.sensitivity.of, validation.specificity.of)
            )
            return (
                f"the model was validated for {name} alone on {positives} positive and {negatives} negative cases; "
                f"at least {FEWEST_CASES} of each are needed"
            )
        case WithheldCode.NOT_TOLD_APART:
            found = (
                "unknown"
                if validation is None
                else f"{validation.auroc.value:.2f}, at least {validation.auroc.low:.2f}"
            )
            return (
                f"from {name} alone the model does not tell patients apart reliably "
                f"(validation AUROC {found}; {LEAST_AUROC} must be certain)"
            )


def sigmoid(log_odds: float) -> float:
    """Probability of log odds, without overflow."""
    if log_odds >= 0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    odds = math.exp(log_odds)
    return odds / (1.0 + odds)


def wilson(count: int, of: int) -> Proportion:
    """A share with Wilson's 95 % interval (Wilson 1927)."""
    if not of:
        return Proportion(0, 0, 0.0, 1.0)
    share, z2 = count / of, _Z95**2
    middle, reach = share + z2 / (2 * of), _Z95 * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    low, high = ((middle + side * reach) / (1 + z2 / of) for side in (-1, 1))
    return Proportion(count, of, max(0.0, low), min(1.0, high))


def evenly(scores: Sequence[float], share: float) -> tuple[float, ...]:
    """Scores in their order; with a share below 1 only that share of them, at evenly spaced ranks."""
    ordered = sorted(scores)
    kept = max(1, round(len(ordered) * min(share, 1.0)))
    if kept >= len(ordered):
        return tuple(ordered)
    return tuple(ordered[int((n + 0.5) * len(ordered) / kept)] for n in range(kept))
