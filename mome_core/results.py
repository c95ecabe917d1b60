"""The conclusion: scores, contributions, saliency, flags, and the identity of the model that gave them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from mome_core.calibration import Calibration, Call, Proportion, WithheldCode, withheld_words
from mome_core.case import Modality
from mome_core.errors import NumericsFault
from mome_core.estimator import Estimator
from mome_core.measurements import KineticMaps, Measurements
from mome_core.volume import Volume

MOST_SPREAD = 0.15
"""Standard deviation over the versions above which a score is unstable."""


class Endpoint(StrEnum):
    """The questions that MOME is asked (paper, Methods: diagnosis, subtyping, treatment response)."""

    MALIGNANCY = "malignancy"
    TRIPLE_NEGATIVE = "triple_negative"
    PATHOLOGICAL_COMPLETE_RESPONSE = "pathological_complete_response"

    @property
    def words(self) -> str:
        """What the endpoint is called in a report or on a page, in the middle of a sentence."""
        return _ENDPOINT_WORDS[self]

    @property
    def outcome(self) -> str:
        """What a positive patient had, after "3 of 100 such patients"."""
        return _OUTCOME_WORDS[self]


_ENDPOINT_WORDS = {
    Endpoint.MALIGNANCY: "malignancy",
    Endpoint.TRIPLE_NEGATIVE: "triple-negative subtype",
    Endpoint.PATHOLOGICAL_COMPLETE_RESPONSE: "pathologic complete response",
}
_OUTCOME_WORDS = {
    Endpoint.MALIGNANCY: "had cancer",
    Endpoint.TRIPLE_NEGATIVE: "had a triple-negative cancer",
    Endpoint.PATHOLOGICAL_COMPLETE_RESPONSE: "had a pathologic complete response",
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

    @property
    def withholds(self) -> bool:
        """Whether no score is shown because of it."""
        return self.severity is Severity.WITHHOLD


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
class Withheld:
    """Why no call is given: a stable code, and a sentence for the reader."""

    code: WithheldCode
    words: str


@dataclass(frozen=True, slots=True)
class Score:
    """One endpoint's calibrated probability, the call at the operating point of what is present, and their proof.

    Parameters
    ----------
    probability
        Calibrated, in [0, 1]; None where the bundle may not score these modalities (`withheld` says why).
    spread
        Standard deviation over the estimator's versions, units of probability: how much the answer varies with the
        placement of the images, not how sure it is.
    calibration
        Of the modalities that were used.
    without
        Probability without each of several modalities, from the calibration of the others; None where that is withheld.
    contributions
        One for each modality used; `base_probability` + their sum = `probability`.
    base_probability
        Calibrated prevalence of the cases that the bundle was validated on; None where it does not say.
    """

    endpoint: Endpoint
    probability: float | None
    spread: float
    calibration: Calibration
    estimator: Estimator
    model: ModelIdentity
    contributions: tuple[Contribution, ...] = ()
    base_probability: float | None = None
    without: Mapping[Modality, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.probability is None:
            if self.calibration.shows_score:
                raise ValueError(f"the probability of {self.endpoint} is missing, and nothing withholds it")
            return
        if not np.isfinite(self.probability):
            raise NumericsFault(f"the probability of {self.endpoint} is not a finite number")
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"probability must be in [0, 1], got {self.probability}")
        if not self.calibration.shows_score:
            raise ValueError(f"the probability of {self.endpoint} is withheld ({self.calibration.withheld})")

    @property
    def call(self) -> Call:
        """Positive or negative at the operating point, or withheld (paper: score > threshold)."""
        return Call.WITHHELD if self.probability is None else self.calibration.call(self.probability)

    @property
    def unstable(self) -> bool:
        """Whether it varies too much with the placement of the images."""
        return self.probability is not None and self.spread > MOST_SPREAD

    @property
    def withheld(self) -> Withheld | None:
        """Why there is no call; None where there is one."""
        code = self.calibration.withheld
        return None if code is None else Withheld(code, withheld_words(self.calibration))

    @property
    def threshold(self) -> float:
        """The operating point: a probability above it is positive."""
        return self.calibration.threshold

    @property
    def at_this_score(self) -> Proportion | None:
        """How many of the validation cases that scored about the same were positive; None where none are known."""
        validation = self.calibration.validation
        if validation is None or self.probability is None:
            return None
        return validation.at_this_score(self.probability)


@dataclass(frozen=True, slots=True, eq=False)
class Saliency:
    """Attribution per voxel of one modality for one endpoint, in the patient's coordinates.

    Parameters
    ----------
    volume
        Float32 on the grid of the source images (DCE: one phase's grid, summed over phases); signed, in log odds of the
        reported score per voxel; zero where the network did not look.
    method, baseline, steps
        How it was computed, e.g. "integrated gradients", "blur", 160 gradients.
    completeness_error
        What the map and the version that misses most add up to wrongly, relative to the change of log odds from the
        baseline that they explain; NaN where the method has none.
    versions
        How many of the estimator's versions were explained; the map is their mean.
    explained_log_odds, reported_log_odds, baseline_log_odds
        Calibrated log odds of these versions, of the score, and of the baseline of these versions: all modalities' maps
        add up to the first less the last, but for what fell on the padding. NaN where nobody said or there is none.
    """

    endpoint: Endpoint
    modality: Modality
    volume: Volume
    method: str
    baseline: str
    steps: int
    completeness_error: float
    versions: int = 1
    explained_log_odds: float = np.nan
    reported_log_odds: float = np.nan
    baseline_log_odds: float = np.nan

    def __post_init__(self) -> None:
        if not np.isfinite(self.volume.voxels).all():
            raise NumericsFault(f"the saliency of {self.modality} holds a value that is not finite")

    @property
    def difference(self) -> float:
        """Log odds that the explained versions differ from the reported score by."""
        return self.explained_log_odds - self.reported_log_odds


class Laterality(StrEnum):
    """Which breasts; the values are DICOM's of (0020,0062)."""

    LEFT = "L"
    RIGHT = "R"
    BOTH = "B"


@dataclass(frozen=True, slots=True, eq=False)
class AnalyzedBreasts:
    """The breasts that were analysed, and where they lie.

    Parameters
    ----------
    share
        Share of breast in each voxel, float32 in [0, 1], on a coarse grid of its own; 0.5 is the surface.
    """

    share: Volume
    laterality: Laterality


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """The conclusion for one study.

    Parameters
    ----------
    scores
        One for each endpoint that was answered; empty when the input allows none.
    withheld
        Why no probability is given, for the reader; empty when one is.
    timings_s
        Seconds per stage, by name, for the operator.
    policy
        How the answer was computed (precision, explanation), one line; the scores name their estimator.
    breasts
        None where they were not looked for (neither DCE nor T2).
    measurements, kinetics
        What the images prove without a network, also where no score is given; None where nothing was measured.
    """

    scores: tuple[Score, ...]
    saliency: tuple[Saliency, ...]
    modalities_used: tuple[Modality, ...]
    flags: tuple[QualityFlag, ...] = ()
    withheld: str = ""
    policy: str = ""
    timings_s: Mapping[str, float] = field(default_factory=dict)
    breasts: AnalyzedBreasts | None = None
    measurements: Measurements | None = None
    kinetics: KineticMaps | None = None

    def __post_init__(self) -> None:
        if bool(self.withheld) == any(score.probability is not None for score in self.scores):
            raise ValueError("a result has scores, or says why they are withheld")

    @property
    def withheld_code(self) -> str:
        """Code of the first quality flag that withholds the scores, else of the first withheld score; empty if none."""
        flags = [flag.code for flag in self.flags if flag.withholds]
        scores = [score.withheld.code for score in self.scores if score.withheld and score.probability is None]
        return next(iter([*flags, *scores]), "") if self.withheld else ""

    @property
    def models(self) -> tuple[ModelIdentity, ...]:
        """Each model that gave a score, once, in the order of the scores."""
        return tuple({score.model.sha256: score.model for score in self.scores}.values())

    @property
    def explained(self) -> Score | None:
        """The first score whose contributions are known; None without any."""
        return next((score for score in self.scores if score.contributions), None)

    @property
    def modalities_missing(self) -> tuple[Modality, ...]:
        return tuple(modality for modality in Modality if modality not in self.modalities_used)


def combined(results: Sequence[Result]) -> Result:
    """One result of several bundles that answered different endpoints of one study; one flag for each doubt.

    Where some answer and others withhold, what withholds those is a warning to the reader.
    """
    if len(results) == 1:
        return results[0]
    answered = any(not each.withheld for each in results)
    flags = (
        replace(flag, severity=Severity.WARNING) if answered and flag.withholds else flag
        for each in results
        for flag in each.flags
    )
    used = {modality for each in results for modality in each.modalities_used}
    stages = dict.fromkeys(stage for each in results for stage in each.timings_s)
    return Result(
        scores=tuple(score for each in results for score in each.scores),
        saliency=tuple(each for result in results for each in result.saliency),
        modalities_used=tuple(modality for modality in Modality if modality in used),
        flags=tuple(dict.fromkeys(flags)),
        withheld="" if answered else " ".join(dict.fromkeys(each.withheld for each in results)),
        policy="; ".join(dict.fromkeys(each.policy for each in results if each.policy)),
        timings_s={stage: sum(each.timings_s.get(stage, 0.0) for each in results) for stage in stages},
        breasts=next((each.breasts for each in results if each.breasts is not None), None),
    )
