"""The summary of an analysis in the ledger: no patient data, no text from headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from mome_core.case import Modality, Role
from mome_core.protocol import FoundVolume, PartState, ProtocolItem, ProtocolPart
from mome_core.results import Endpoint, QualityFlag, Severity


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """Name and version of a model, with the SHA-256 of its weights, hexadecimal."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """One endpoint's score with its contributions and model.

    Parameters
    ----------
    probability, threshold
        In [0, 1].
    spread
        Standard deviation over the augmented versions, in units of probability.
    augmentations
        How many versions were averaged; 0 where an older release did not say.
    contributions
        Shapley value of each modality, in units of probability.
    """

    endpoint: Endpoint
    probability: float
    threshold: float
    spread: float
    augmentations: int
    contributions: Mapping[Modality, float]
    base_probability: float
    model: ModelSummary

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read one entry of `scores`."""
        contributions = content.get("contributions", {})
        return cls(
            endpoint=Endpoint(content["endpoint"]),
            probability=content["probability"],
            threshold=content["threshold"],
            spread=content.get("spread", 0.0),
            augmentations=content.get("augmentations", 0),
            contributions={Modality(name): value for name, value in contributions.items()},
            base_probability=content.get("base_probability", 0.5),
            model=ModelSummary(**content["model"]),
        )


@dataclass(frozen=True, slots=True)
class SaliencySummary:
    """How one saliency map was computed; `completeness_error` is NaN where the method has none."""

    endpoint: Endpoint
    modality: Modality
    method: str
    baseline: str
    steps: int
    completeness_error: float

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read one entry of `saliency`."""
        return cls(
            endpoint=Endpoint(content["endpoint"]),
            modality=Modality(content["modality"]),
            method=content["method"],
            baseline=content["baseline"],
            steps=content["steps"],
            completeness_error=content["completeness_error"],
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

    def to_json(self) -> dict[str, object]:
        """Plain data under the names of the fields, for `json.dumps`."""
        return asdict(self)

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
        )


def _protocol_item_from_json(content: Mapping[str, Any]) -> ProtocolItem:
    volumes = tuple(FoundVolume(**each) for each in content["volumes"])
    return ProtocolItem(ProtocolPart(content["part"]), PartState(content["state"]), volumes, content["why"])


def _flag_from_json(content: Mapping[str, str]) -> QualityFlag:
    return QualityFlag(content["code"], Severity(content["severity"]), content["message"])
