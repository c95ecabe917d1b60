"""Which number a score is: the versions of a case that are averaged, and how. A bundle owns it; a device never does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

_REFERENCE = "float32"  # arithmetic in which a bundle is calibrated; a device may differ from it by 0.005


class Augmentation(StrEnum):
    """Which versions of a case are scored and averaged."""

    NONE = "none"
    FLIPS = "flips"
    PUBLISHED = "published"
    FULL_GROUP = "full-group"


class Pooling(StrEnum):
    """What is averaged over the versions; the paper averages probabilities, log odds can be explained exactly."""

    PROBABILITIES = "probabilities"
    LOG_ODDS = "log-odds"


_VERSIONS = {
    Augmentation.NONE: (1, "one centred, unflipped version"),
    Augmentation.FLIPS: (8, "8 versions: centred, every combination of flips"),
    Augmentation.PUBLISHED: (54, "54 versions as published: 9 placements x 6 flips, none unflipped"),
    Augmentation.FULL_GROUP: (72, "72 versions: 9 placements x every combination of flips"),
}


@dataclass(frozen=True, slots=True)
class Estimator:
    """From the network's answers to versions of a case to one number; the default is the paper's.

    Two estimators of one network give two numbers: each has calibrations of its own.
    """

    augmentation: Augmentation = Augmentation.PUBLISHED
    pooling: Pooling = Pooling.PROBABILITIES

    @property
    def name(self) -> str:
        """What settings and training configs call it, e.g. "published" or "flips-log-odds"."""
        suffix = "" if self.pooling is Pooling.PROBABILITIES else f"-{self.pooling}"
        return f"{self.augmentation}{suffix}"

    @property
    def versions(self) -> int:
        """How many versions are averaged."""
        return _VERSIONS[self.augmentation][0]

    def __str__(self) -> str:
        mean = "mean of probabilities" if self.pooling is Pooling.PROBABILITIES else "mean of log odds"
        return f"{_VERSIONS[self.augmentation][1]}; {mean}"

    def pool(self, log_odds_V: NDArray[np.float64]) -> float:
        """Log odds of the mean over versions, from the log odds of each."""
        if self.pooling is Pooling.LOG_ODDS:
            return float(np.mean(log_odds_V))
        # the logarithms of the mean probability and of its complement: exact where a probability rounds to 1
        yes, no = (np.logaddexp.reduce(-np.logaddexp(0.0, sign * log_odds_V)) for sign in (-1.0, 1.0))
        return float(yes - no)

    def to_json(self) -> dict[str, str]:
        """Plain values for the manifest."""
        return {"augmentation": self.augmentation, "pooling": self.pooling, "arithmetic": _REFERENCE}

    @classmethod
    def from_json(cls, content: Mapping[str, str]) -> Self:
        """The estimator of a manifest; ValueError for one that this version does not know."""
        if content["arithmetic"] != _REFERENCE:
            raise ValueError(f"an estimator is calibrated in {_REFERENCE}, not in {content['arithmetic']}")
        return cls(Augmentation(content["augmentation"]), Pooling(content["pooling"]))


ESTIMATORS = {each.name: each for each in (Estimator(a, p) for a in Augmentation for p in Pooling)}
"""Every estimator by its name."""


def estimator_named(name: str) -> Estimator:
    """The estimator of this name; ValueError lists the names there are."""
    if name not in ESTIMATORS:
        raise ValueError(f"no estimator is called {name!r}; there are {', '.join(ESTIMATORS)}")
    return ESTIMATORS[name]
