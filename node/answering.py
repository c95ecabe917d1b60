"""From a case to the answer of the bundles that may answer it, whatever files it was read from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from mome_core.calibration import withheld_words
from mome_core.case import Case, Modality
from mome_core.errors import StudyIneligible
from mome_core.inference import ActiveModel, analyze_together, unanswered, withheld_result
from mome_core.measurements import NotMeasured
from mome_core.model.checkpoint import Checkpoint
from mome_core.preprocessing.surveyed import SurveyedCase
from mome_core.results import Result, combined
from node.measuring import surveyed_case

StageProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class _AnsweredCase:
    """What the bundles say of a case, and what it can be measured on, or why it cannot.

    Parameters
    ----------
    refusal
        Why not one bundle may answer; None where one does.
    """

    result: Result
    surveyed: SurveyedCase | NotMeasured
    refusal: StudyIneligible | None = None


def answer_case(
    case: Case,
    without_dce: StudyIneligible | None,
    models: Sequence[ActiveModel],
    timings_s: dict[str, float],
    progress: StageProgress | None,
) -> _AnsweredCase:
    """The answers of all bundles that may answer from what there is; StudyIneligible where the case shows no breast.

    Parameters
    ----------
    without_dce
        Why the case has no usable DCE; None with one.
    timings_s
        The seconds of the survey are added.
    """
    modalities = case.modalities
    refusals = {each: refused_without_dce(without_dce, modalities, each.checkpoint) for each in models}
    refused = {each: reason for each, reason in refusals.items() if reason}
    if len(refused) == len(refusals):
        return _AnsweredCase(
            combined(_withheld(refused, modalities)), surveyed_case(case), next(iter(refused.values()))
        )
    with timed(timings_s, "survey"):
        surveyed = surveyed_case(case)
    answering = [each for each in refusals if each not in refused]
    known = None if isinstance(surveyed, NotMeasured) else surveyed
    answered = analyze_together(case, answering, progress, known)
    return _AnsweredCase(beside_refusals(answered, refused, modalities), surveyed)


def refused_without_dce(
    reason: StudyIneligible | None, modalities: Sequence[Modality], checkpoint: Checkpoint
) -> StudyIneligible | None:
    """Why a study without a usable DCE stays unanswered; None where the bundle was validated for what is there."""
    if reason is None or checkpoint.answers(modalities):
        return None
    words = withheld_words(checkpoint.calibrations(checkpoint.endpoints[0]).of(modalities))
    return StudyIneligible(f"{reason}; {words}", reason.code)


def beside_refusals(
    answered: Result, refused: Mapping[ActiveModel, StudyIneligible], modalities: Sequence[Modality]
) -> Result:
    """The answer of some bundles, which names the questions that others leave open, and why."""
    result = combined([answered, *_withheld(refused, modalities)])
    flags = (unanswered(each.checkpoint, reason) for each, reason in refused.items())
    return replace(result, flags=(*result.flags, *flags))


def _withheld(refused: Mapping[ActiveModel, StudyIneligible], modalities: Sequence[Modality]) -> list[Result]:
    """What each bundle that may not answer from these modalities says instead."""
    return [withheld_result(each.checkpoint, modalities, str(reason)) for each, reason in refused.items()]


@contextmanager
def timed(timings_s: dict[str, float], name: str) -> Iterator[None]:
    """Measure the seconds of a stage, under its name."""
    started = time.perf_counter()
    yield
    timings_s[name] = time.perf_counter() - started
