"""The summary of an analysis in the ledger: no patient data, no text from headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import isnan, nan
from typing import Any, Self, TypeVar

from mome_core.calibration import AmongCases, AurocInterval, Call, Proportion, WithheldCode
from mome_core.case import Modality, Role
from mome_core.measurements import Measurements
from mome_core.protocol import FoundVolume, PartState, ProtocolItem, ProtocolPart
from mome_core.results import Endpoint, QualityFlag, Severity, Withheld
from mome_core.visits import Visit

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """Name and version of a model, with the SHA-256 of its weights, hexadecimal."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class EstimatorSummary:
    """Which versions of the case were averaged, and how; `versions` is 0 where an older release did not say."""

    name: str = ""
    augmentation: str = ""
    pooling: str = ""
    arithmetic: str = ""
    versions: int = 0


@dataclass(frozen=True, slots=True)
class CalibrationSummary:
    """The calibration that a score was read by, and what validation cases with the same modalities showed.

    Parameters
    ----------
    coalition
        The modalities, e.g. "DCE+T2".
    operating_point
        A probability above it is positive.
    sensitivity, specificity
        At the operating point, with 95 % intervals.
    """

    coalition: str
    operating_point: float
    target_sensitivity: float
    sensitivity: Proportion
    specificity: Proportion
    auroc: AurocInterval
    cases: int
    prevalence: float

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read the entry `calibration` of a score."""
        return cls(
            coalition=content["coalition"],
            operating_point=content["operating_point"],
            target_sensitivity=content["target_sensitivity"],
            sensitivity=Proportion(**content["sensitivity"]),
            specificity=Proportion(**content["specificity"]),
            auroc=AurocInterval(**content["auroc"]),
            cases=content["cases"],
            prevalence=content["prevalence"],
        )


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """One endpoint's score with its call, calibration, contributions and model.

    Parameters
    ----------
    probability
        Calibrated, in [0, 1]; None where the model may not score these modalities.
    call
        At the operating point; `withheld_reason` says why there is none.
    threshold
        The operating point: a probability above it is positive.
    spread
        Standard deviation over the versions, in units of probability: varies with placement.
    augmentations
        How many versions were averaged; 0 where an older release did not say.
    calibration
        None where the bundle does not say how it was validated.
    at_this_score
        How many validation cases that scored about the same were positive; None where that is not known.
    among
        Where the score lies among those of the validation cases; None where the bundle does not hold them.
    without
        Probability without each modality; None where the others may not be scored.
    contributions
        Shapley value of each modality, in units of probability; they add up from `base_probability` to `probability`.
    """

    endpoint: Endpoint
    probability: float | None
    threshold: float
    spread: float
    augmentations: int
    contributions: Mapping[Modality, float]
    base_probability: float | None
    model: ModelSummary
    call: Call = Call.WITHHELD
    withheld_reason: Withheld | None = None
    calibration: CalibrationSummary | None = None
    at_this_score: Proportion | None = None
    without: Mapping[Modality, float | None] = field(default_factory=dict)
    estimator: EstimatorSummary = field(default_factory=EstimatorSummary)
    among: AmongCases | None = None

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read one entry of `scores`; one that an older release wrote has no call that could be trusted."""
        withheld, calibration = content.get("withheld_reason", asdict(_OLDER)), content.get("calibration")
        nearby = content.get("at_this_score")
        return cls(
            endpoint=Endpoint(content["endpoint"]),
            probability=content["probability"],
            threshold=content["threshold"],
            spread=content.get("spread", 0.0),
            augmentations=content.get("augmentations", 0),
            contributions=_by_modality(content.get("contributions", {})),
            base_probability=content.get("base_probability"),
            model=ModelSummary(**content["model"]),
            call=Call(content.get("call", Call.WITHHELD)),
            withheld_reason=None if withheld is None else Withheld(WithheldCode(withheld["code"]), withheld["words"]),
            calibration=None if calibration is None else CalibrationSummary.from_json(calibration),
            at_this_score=None if nearby is None else Proportion(**nearby),
            without=_by_modality(content.get("without", {})),
            estimator=EstimatorSummary(**content.get("estimator", {})),
            among=AmongCases(**among) if (among := content.get("among")) else None,
        )


_OLDER = Withheld(
    WithheldCode.NOT_CALIBRATED,
    "an older release made this score and kept no validation of its operating point",
)


def _by_modality(content: Mapping[str, _Value]) -> dict[Modality, _Value]:
    return {Modality(name): value for name, value in content.items()}


@dataclass(frozen=True, slots=True)
class SaliencySummary:
    """How one saliency map was computed, and what it says of the score; a number that there is none of is NaN.

    Parameters
    ----------
    versions
        How many of the estimator's versions were explained.
    explained_log_odds, reported_log_odds, baseline_log_odds
        Calibrated log odds of these versions, of the score, and of what the map is compared with.
    difference
        Explained less reported log odds.
    """

    endpoint: Endpoint
    modality: Modality
    method: str
    baseline: str
    steps: int
    completeness_error: float
    versions: int = 1
    explained_log_odds: float = nan
    reported_log_odds: float = nan
    baseline_log_odds: float = nan
    difference: float = nan

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read one entry of `saliency`."""
        return cls(
            endpoint=Endpoint(content["endpoint"]),
            modality=Modality(content["modality"]),
            method=content["method"],
            baseline=content["baseline"],
            steps=content["steps"],
            versions=content.get("versions", 1),
            **{name: nan if content.get(name) is None else content[name] for name in _NUMBERS},
        )


def _without_nan(saliency: Mapping[str, Any]) -> dict[str, Any]:
    """One entry of `saliency` as JSON has it: null for a number that there is none of (RFC 8259, section 6)."""
    return {name: None if isinstance(value, float) and isnan(value) else value for name, value in saliency.items()}


_NUMBERS = (
    "completeness_error",
    "explained_log_odds",
    "reported_log_odds",
    "baseline_log_odds",
    "difference",
)


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """The role that one series was given, how sure that is (in [0, 1]), and why."""

    series_instance_uid: str
    role: Role
    confidence: float
    why: str

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read one entry of `series`."""
        return cls(content["series_instance_uid"], Role(content["role"]), content["confidence"], content["why"])


@dataclass(frozen=True, slots=True)
class AnalysisSummary:
    """The analysis of one revision of a study, as the ledger keeps it and as people read it.

    Parameters
    ----------
    reason
        Why there is no score, for the reader; empty when there is one.
    code
        The stable code of `reason`: an Ineligibility or the code of the flag that withheld the score.
    not_written
        Kinds of result object that could not be written, with the reason.
    protocol
        What the protocol needs and how much of it there is; empty in summaries of older releases.
    timings_s
        Seconds of each stage, by name.
    measurements
        What the images prove without a network; None in summaries of older releases.
    visit
        What later studies of the patient are compared with, without the date; None in summaries of older releases.
    elsewhere
        Earlier results of the patient that an archive's reports told when the study was analysed.
    """

    reason: str = ""
    code: str = ""
    scores: tuple[ScoreSummary, ...] = ()
    modalities: tuple[Modality, ...] = ()
    flags: tuple[QualityFlag, ...] = ()
    policy: str = ""
    saliency: tuple[SaliencySummary, ...] = ()
    series: tuple[SeriesSummary, ...] = ()
    protocol: tuple[ProtocolItem, ...] = ()
    warnings: tuple[str, ...] = ()
    not_written: Mapping[str, str] = field(default_factory=dict)
    timings_s: Mapping[str, float] = field(default_factory=dict)
    measurements: Measurements | None = None
    visit: Visit | None = None
    elsewhere: tuple[Visit, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Plain data under the names of the fields, for `json.dumps`."""
        content = asdict(self)
        measured = None if self.measurements is None else self.measurements.to_json()
        return content | {"saliency": [_without_nan(each) for each in content["saliency"]], "measurements": measured}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what any release has written; a key that an older one did not write is empty."""
        return cls(
            reason=content.get("reason", ""),
            code=content.get("code", ""),
            scores=tuple(ScoreSummary.from_json(each) for each in content.get("scores", ())),
            modalities=tuple(Modality(each) for each in content.get("modalities", ())),
            flags=tuple(_flag_from_json(each) for each in content.get("flags", ())),
            policy=content.get("policy", ""),
            saliency=tuple(SaliencySummary.from_json(each) for each in content.get("saliency", ())),
            series=tuple(SeriesSummary.from_json(each) for each in content.get("series", ())),
            protocol=tuple(_protocol_item_from_json(each) for each in content.get("protocol", ())),
            warnings=tuple(content.get("warnings", ())),
            not_written=content.get("not_written", {}),
            timings_s=content.get("timings_s", {}),
            measurements=Measurements.from_json(measured) if (measured := content.get("measurements")) else None,
            visit=Visit.from_json(visit) if (visit := content.get("visit")) else None,
            elsewhere=tuple(Visit.from_json(each) for each in content.get("elsewhere", ())),
        )


def _protocol_item_from_json(content: Mapping[str, Any]) -> ProtocolItem:
    volumes = tuple(FoundVolume(**each) for each in content["volumes"])
    return ProtocolItem(ProtocolPart(content["part"]), PartState(content["state"]), volumes, content["why"])


def _flag_from_json(content: Mapping[str, str]) -> QualityFlag:
    return QualityFlag(content["code"], Severity(content["severity"]), content["message"])
