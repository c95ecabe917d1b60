"""Of which cases the node would show no score, and why: evaluation and gate withhold the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mome_core.calibration import coalition_words, withheld_words
from mome_core.case import Modality
from mome_core.model.checkpoint import AnyCheckpoint
from mome_core.results import Endpoint, Severity
from mome_core.training.dataset import Example
from mome_core.training.errors import TrainingRefused

_CANNOT_ANSWER = "CANNOT_ANSWER"
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class NoScore:
    """Why a case gets no score: code of the quality flag, or of the calibration, and a sentence."""

    code: str
    words: str


def withheld_of(checkpoint: AnyCheckpoint, example: Example, endpoint: Endpoint) -> NoScore | None:
    """Why the node would show no score of a case; None where it would show one."""
    for flag in example.flags:
        if flag.severity is Severity.WITHHOLD:
            return NoScore(flag.code, flag.message.rstrip("."))
    if not checkpoint.network.usable(example.modalities):
        return NoScore(_CANNOT_ANSWER, f"it cannot answer from {coalition_words(example.modalities)}")
    calibration = checkpoint.calibrations(endpoint).of(example.modalities)
    if calibration.shows_score and (Modality.DCE in example.modalities or checkpoint.calls(example.modalities)):
        return None
    return NoScore(str(calibration.withheld), withheld_words(calibration))


def require_a_score(checkpoint: AnyCheckpoint, examples: Sequence[Example], endpoint: Endpoint) -> None:
    """Raise TrainingRefused with the reasons, before hours are spent, where the node would show no case's score."""
    cases = labelled_cases(checkpoint, examples, endpoint)
    reasons = [withheld_of(checkpoint, each, endpoint) for each in cases]
    if not all(reasons):
        return
    words = list(dict.fromkeys(reason.words for reason in reasons if reason))
    more = f" ... ({len(words) - _MOST_NAMED} more reasons)" if len(words) > _MOST_NAMED else ""
    named = "; ".join(words[:_MOST_NAMED])
    raise TrainingRefused(f"{checkpoint.identity.name} gives no score for any of the {len(cases)} cases: {named}{more}")


def labelled_cases(checkpoint: AnyCheckpoint, examples: Sequence[Example], endpoint: Endpoint) -> tuple[Example, ...]:
    """The cases that have a label; TrainingRefused where there are none, or the model has no such endpoint."""
    if endpoint not in checkpoint.endpoints:
        raise TrainingRefused(f"the model {checkpoint.identity.name} does not answer {endpoint}")
    labelled = tuple(example for example in examples if endpoint in example.labels)
    if not labelled:
        raise TrainingRefused(f"none of the {len(examples)} cases has a label of {endpoint}")
    return labelled
