"""Of which cases the node would show no score, and why: evaluation and gate withhold the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mome_core.calibration import coalition_words, withheld_words
from mome_core.model.checkpoint import AnyModel
from mome_core.preprocessing.quality import assess
from mome_core.results import Endpoint
from mome_core.training.dataset import Example
from mome_core.training.errors import TrainingRefused

_CANNOT_ANSWER = "CANNOT_ANSWER"
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class NoScore:
    """Why a case gets no score: code of the quality flag, or of the calibration, and a sentence."""

    code: str
    words: str


def withheld_of(checkpoint: AnyModel, example: Example, endpoint: Endpoint) -> NoScore | None:
    """Why the node would show no score of a case; None where it would show one."""
    if reason := withheld_by_images(checkpoint, example):
        return reason
    calibration = checkpoint.calibrations(endpoint).of(example.modalities)
    if calibration.shows_score and checkpoint.answers(example.modalities):
        return None
    return NoScore(str(calibration.withheld), withheld_words(calibration))


def withheld_by_images(checkpoint: AnyModel, example: Example) -> NoScore | None:
    """Why the node would not ask the network about a case: its images, whatever the calibration says; else None."""
    for flag in assess(example.facts, checkpoint.recipe):
        if flag.withholds:
            return NoScore(flag.code, flag.message.rstrip("."))
    if not checkpoint.architecture.usable(example.modalities):
        return NoScore(_CANNOT_ANSWER, f"it cannot answer from {coalition_words(example.modalities)}")
    return None


@dataclass(frozen=True, slots=True)
class _ScoredOrWithheld:
    """The labelled cases of which the node would show a score, and of each of the others why not."""

    shown: tuple[Example, ...]
    withheld: tuple[NoScore, ...]


def scored_cases(checkpoint: AnyModel, examples: Sequence[Example], endpoint: Endpoint) -> _ScoredOrWithheld:
    """Which labelled cases a model gives a score for; TrainingRefused as `_labelled_cases`."""
    cases = _labelled_cases(checkpoint, examples, endpoint)
    reasons = [withheld_of(checkpoint, each, endpoint) for each in cases]
    shown = tuple(each for each, reason in zip(cases, reasons, strict=True) if reason is None)
    return _ScoredOrWithheld(shown, tuple(reason for reason in reasons if reason))


def require_a_score(checkpoint: AnyModel, examples: Sequence[Example], endpoint: Endpoint) -> _ScoredOrWithheld:
    """The cases as `scored_cases` parts them.

    Raises TrainingRefused with the reasons, before hours are spent, where the node would show no case's score.
    """
    found = scored_cases(checkpoint, examples, endpoint)
    if found.shown:
        return found
    words = list(dict.fromkeys(reason.words for reason in found.withheld))
    more = f" ... ({len(words) - _MOST_NAMED} more reasons)" if len(words) > _MOST_NAMED else ""
    raise TrainingRefused(
        f"{checkpoint.identity.name} gives no score for any of the {len(found.withheld)} cases: "
        f"{'; '.join(words[:_MOST_NAMED])}{more}"
    )


def _labelled_cases(checkpoint: AnyModel, examples: Sequence[Example], endpoint: Endpoint) -> tuple[Example, ...]:
    """The cases that have a label; TrainingRefused where there are none, or the model has no such endpoint."""
    if endpoint not in checkpoint.endpoints:
        raise TrainingRefused(f"the model {checkpoint.identity.name} does not answer {endpoint}")
    labelled = tuple(example for example in examples if endpoint in example.labels)
    if not labelled:
        raise TrainingRefused(f"none of the {len(examples)} cases has a label of {endpoint}")
    return labelled
