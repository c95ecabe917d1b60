"""The conclusion: scores, contributions, saliency, flags, and the identity of the model that gave them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from mome_core.case import Modality
from mome_core.errors import NumericsFault
from mome_core.volume import Volume


class Endpoint(StrEnum):
    """The questions that MOME is asked (paper, Methods: diagnosis, subtyping, treatment response)."""

    MALIGNANCY = "malignancy"
    TRIPLE_NEGATIVE = "triple_negative"
    PATHOLOGICAL_COMPLETE_RESPONSE = "pathological_complete_response"

    @property
    def words(self) -> str:
        """What the endpoint is called in a report or on a page, in the middle of a sentence."""
        return _ENDPOINT_WORDS[self]


_ENDPOINT_WORDS = {
    Endpoint.MALIGNANCY: "malignancy",
    Endpoint.TRIPLE_NEGATIVE: "triple-negative subtype",
    Endpoint.PATHOLOGICAL_COMPLETE_RESPONSE: "pathologic complete response",
}


class Severity(StrEnum):
    """What a quality flag does to the score."""

    NOTE = "note"
    WARNING = "warning"
    WITHHOLD = "withhold"


@dataclass(frozen=True, slots=True)
class QualityFlag:
    """One doubt about the input: a stable code, a sentence for the reader, and what it does to the score."""

    code: str
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which weights answered.

    Parameters
    ----------
    name, version
        From the bundle's manifest.
    sha256
        Digest of the weights file, hexadecimal.
    statement
        What the model knows and does not know, one sentence from its card.
    """

    name: str
    version: str
    sha256: str
    statement: str


@dataclass(frozen=True, slots=True)
class Contribution:
    """Shapley value of one modality, in units of probability (paper, Methods: Shapley value)."""

    modality: Modality
    value: float


@dataclass(frozen=True, slots=True)
class Score:
    """Probability of one endpoint, the operating point it is read at, and where it comes from.

    Parameters
    ----------
    probability
        Mean over the augmented versions, in [0, 1].
    spread
        Standard deviation over the augmented versions, units of probability.
    augmentations
        How many versions were averaged.
    contributions
        One for each modality used; `base_probability` + their sum = the single-version probability
        `explained_probability` that was explained.
    """

    endpoint: Endpoint
    probability: float
    threshold: float
    spread: float
    augmentations: int
    model: ModelIdentity
    contributions: tuple[Contribution, ...] = ()
    base_probability: float = 0.5
    explained_probability: float | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.probability):
            raise NumericsFault(f"the probability of {self.endpoint} is not a finite number")
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"probability must be in [0, 1], got {self.probability}")

    @property
    def positive(self) -> bool:
        """Whether the score lies above its operating point (paper: score > threshold)."""
        return self.probability > self.threshold


@dataclass(frozen=True, slots=True, eq=False)
class Saliency:
    """Attribution per voxel of one modality for one endpoint, in the patient's coordinates.

    Parameters
    ----------
    volume
        Float32 on the grid of the source images (DCE: one phase's grid, summed over phases); signed, in units of logit
        difference per voxel; zero where the network did not look.
    method, baseline, steps
        How it was computed, e.g. "integrated gradients", "blur", 16.
    completeness_error
        |sum - (f(x) - f(baseline))| / |f(x) - f(baseline)|; NaN where the method has none.
    """

    endpoint: Endpoint
    modality: Modality
    volume: Volume
    method: str
    baseline: str
    steps: int
    completeness_error: float

    def __post_init__(self) -> None:
        if not np.isfinite(self.volume.voxels).all():
            raise NumericsFault(f"the saliency of {self.modality} holds a value that is not finite")


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """The conclusion for one study.

    Parameters
    ----------
    scores
        One for each endpoint that was answered; empty when every score is withheld.
    withheld
        Why no score is given, for the reader; empty when scores are given.
    timings_s
        Seconds per stage, by name, for the operator.
    policy
        How the answer was computed (augmentation and precision), one line.
    """

    scores: tuple[Score, ...]
    saliency: tuple[Saliency, ...]
    modalities_used: tuple[Modality, ...]
    flags: tuple[QualityFlag, ...] = ()
    withheld: str = ""
    policy: str = ""
    timings_s: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if bool(self.withheld) == bool(self.scores):
            raise ValueError("a result has scores, or says why they are withheld")

    @property
    def withheld_code(self) -> str:
        """Code of the first quality flag that withholds the scores; empty when no flag does."""
        return next((flag.code for flag in self.flags if flag.severity is Severity.WITHHOLD), "")

    @property
    def modalities_missing(self) -> tuple[Modality, ...]:
        return tuple(modality for modality in Modality if modality not in self.modalities_used)
