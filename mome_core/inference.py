"""From a Case to a Result: prepare, judge the input, score the estimator's versions, share the score, explain it.

C channels, XYZ voxels, K classes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from mome_core.calibration import Coalition, coalitions_within, sigmoid
from mome_core.case import Case, Modality
from mome_core.compute import device_of, reproducible
from mome_core.errors import NumericsFault, StudyIneligible
from mome_core.explain.contribution import contributions
from mome_core.explain.reported import explain_scores
from mome_core.model.checkpoint import Checkpoint
from mome_core.model.estimators import EndpointCalibrations
from mome_core.policy import Policy, default_policy
from mome_core.preprocessing.input_facts import facts_of
from mome_core.preprocessing.prepare import PreparedCase, prepare
from mome_core.preprocessing.quality import assess
from mome_core.preprocessing.recipe import Recipe
from mome_core.preprocessing.surveyed import SurveyedCase
from mome_core.results import (
    MOST_SPREAD,
    AnalyzedBreasts,
    Endpoint,
    Laterality,
    QualityFlag,
    Result,
    Score,
    Severity,
    combined,
)
from mome_core.scoring import Arrays, Progress, VersionLogOdds, pooled, silent, version_log_odds
from mome_core.volume import Volume

_LARGEST_VALUE = 1e4  # standard deviations; standardised MRI stays below 100


def analyze(
    case: Case, checkpoint: Checkpoint, policy: Policy | None = None, progress: Progress | None = None
) -> Result:
    """The answer to every endpoint of the checkpoint, with contributions and saliency in the patient's coordinates.

    Raises StudyIneligible when the case cannot be analysed at all, NumericsFault naming the place of an impossible
    value. A WITHHOLD flag gives a result without scores that says why; modalities that the bundle may not score give
    scores without a probability.

    Parameters
    ----------
    policy
        None for `default_policy`.
    progress
        Called with (stage, done, planned); an exception from it ends the work.
    """
    known = _SharedCase(None, {})
    return _analyze(case, checkpoint, policy or default_policy(checkpoint.network), progress or silent, known)


@dataclass(frozen=True, slots=True, eq=False)
class _SharedCase:
    """What bundles that answer together share of a case.

    Parameters
    ----------
    prepared
        By the recipe's numbers that shape arrays.
    """

    surveyed: SurveyedCase | None
    prepared: dict[Recipe, PreparedCase]


def _analyze(case: Case, checkpoint: Checkpoint, policy: Policy, report: Progress, known: _SharedCase) -> Result:
    """As `analyze`; what is prepared is added to what is known."""
    timings: dict[str, float] = {}
    with _timed(timings, "prepare", report):
        recipe = checkpoint.recipe.of_arrays
        if recipe not in known.prepared:
            known.prepared[recipe] = prepare(case, recipe, known.surveyed)
        prepared = known.prepared[recipe]
        flags = assess(facts_of(case, prepared), checkpoint.recipe)
        breasts = _breasts_of(prepared, checkpoint.recipe)
    reasons = [flag.message for flag in flags if flag.withholds]
    if reasons:
        return Result((), (), prepared.modalities, flags, " ".join(reasons), str(policy), timings, breasts)
    for modality, array in prepared.arrays.items():
        _require_sound(modality, array)
    with reproducible():
        with _timed(timings, "scores", report):
            answers = _answers(prepared.arrays, checkpoint, policy, report)
            scores = _scores(answers, prepared.modalities, checkpoint)
        shown = [each.endpoint for each in scores if each.probability is not None]
        with _timed(timings, "saliency", report):
            log_odds = {endpoint: answers[frozenset(prepared.modalities)][endpoint] for endpoint in shown}
            told = partial(report, "saliency")
            saliency = explain_scores(prepared, checkpoint, log_odds, policy.request, told) if policy.saliency else ()
    withheld = "" if shown else " ".join(f"No score: {each.withheld.words}." for each in scores if each.withheld)
    flags = (*flags, *_unstable(scores))
    return Result(scores, saliency, prepared.modalities, flags, withheld, str(policy), timings, breasts)


def _breasts_of(prepared: PreparedCase, recipe: Recipe) -> AnalyzedBreasts | None:
    """The breasts that the network saw; a side too small to be a breast was not analysed."""
    found = prepared.breasts
    if found is None:
        return None
    left, right = (volume_ml >= recipe.breast.smallest_breast_ml for volume_ml in found.volumes_ml)
    laterality = Laterality.BOTH if left and right else Laterality.LEFT if left else Laterality.RIGHT
    return AnalyzedBreasts(Volume(found.share, found.affine, found.frame_of_reference_uid), laterality)


@dataclass(frozen=True, slots=True, eq=False)
class ActiveModel:
    """A bundle that answers, and how its answer is computed."""

    checkpoint: Checkpoint
    policy: Policy


def analyze_together(
    case: Case,
    models: Sequence[ActiveModel],
    progress: Progress | None = None,
    surveyed: SurveyedCase | None = None,
) -> Result:
    """One result from bundles that answer different endpoints of a case, each as `analyze` does.

    Bundles whose recipes give the same arrays share them. Raises StudyIneligible when none can analyse the case; one
    that cannot is named by a flag beside the others' answers.

    Parameters
    ----------
    surveyed
        The case, where it was surveyed before.
    """
    results, refused = list[Result](), list[tuple[ActiveModel, StudyIneligible]]()
    known = _SharedCase(surveyed, {})
    for each in models:
        try:
            results.append(_analyze(case, each.checkpoint, each.policy, progress or silent, known))
        except StudyIneligible as reason:
            refused.append((each, reason))
    if not results:
        raise refused[0][1]
    result = combined(results)
    return replace(result, flags=(*result.flags, *(unanswered(each.checkpoint, why) for each, why in refused)))


def unanswered(checkpoint: Checkpoint, reason: StudyIneligible) -> QualityFlag:
    """A flag for endpoints of a bundle that does not answer beside others that do."""
    questions = ", ".join(each.words for each in checkpoint.endpoints)
    return QualityFlag("NOT_ANSWERED", Severity.WARNING, f"Not answered: {questions} ({reason}).")


def withheld_result(checkpoint: Checkpoint, modalities: Sequence[Modality], reason: str) -> Result:
    """The result for modalities from which nothing may be scored: no number, and the reason of each endpoint."""
    read_by = {endpoint: checkpoint.calibrations(endpoint).of(modalities) for endpoint in checkpoint.endpoints}
    scores = tuple(
        Score(endpoint, None, 0.0, calibration, checkpoint.estimator, checkpoint.identity)
        for endpoint, calibration in read_by.items()
        if not calibration.shows_score
    )
    return Result(scores, (), tuple(modalities), withheld=reason)


@dataclass(frozen=True, slots=True)
class _Prediction:
    """The network's answer to padded arrays, without augmentation."""

    endpoint: Endpoint
    logits: tuple[float, ...]
    probability: float


@torch.no_grad()
def answer_arrays(checkpoint: Checkpoint, arrays: Arrays) -> tuple[_Prediction, ...]:
    """The answer to every endpoint for arrays (C, axis 0, axis 1, slices) as the network sees them, already padded."""
    for modality, array in arrays.items():
        _require_sound(modality, array)
    network, device = checkpoint.network, device_of(checkpoint.network)
    with reproducible():
        volumes = {m: torch.from_numpy(array.astype(np.float32))[None].to(device) for m, array in arrays.items()}
        logits = network(volumes)
    answers = []
    for endpoint in checkpoint.endpoints:
        if not bool(torch.isfinite(logits[endpoint]).all()):
            raise NumericsFault(f"the logits of {endpoint} hold a value that is not finite")
        probability = sigmoid(network.log_odds(endpoint, logits[endpoint]).item())
        answers.append(_Prediction(endpoint, tuple(logits[endpoint][0].tolist()), probability))
    return tuple(answers)


def score(arrays: Arrays, checkpoint: Checkpoint, policy: Policy, report: Progress = silent) -> tuple[Score, ...]:
    """Each endpoint's calibrated score by the checkpoint's estimator, with what it would be without each modality."""
    return _scores(_answers(arrays, checkpoint, policy, report), arrays, checkpoint)


def _answers(arrays: Arrays, checkpoint: Checkpoint, policy: Policy, report: Progress) -> VersionLogOdds:
    """The network's answers to every version, for all coalitions that contributions or "without" need."""
    return version_log_odds(
        checkpoint.network,
        arrays,
        checkpoint.recipe,
        checkpoint.estimator,
        coalitions=coalitions_within(arrays) if policy.contributions else _with_one_less(arrays),
        arithmetic=policy.arithmetic,
        report=report,
    )


def _scores(answers: VersionLogOdds, present: Iterable[Modality], checkpoint: Checkpoint) -> tuple[Score, ...]:
    """Each endpoint's score from the answers."""
    everything = frozenset(present)
    return tuple(_score_of(endpoint, everything, answers, checkpoint) for endpoint in checkpoint.endpoints)


def _with_one_less(arrays: Arrays) -> tuple[Coalition, ...]:
    """All modalities, and all but one of them."""
    return tuple(each for each in coalitions_within(arrays) if len(each) >= max(1, len(arrays) - 1))


def _score_of(endpoint: Endpoint, present: Coalition, answers: VersionLogOdds, checkpoint: Checkpoint) -> Score:
    """One endpoint's score from the log odds of every version, by coalition."""
    estimator, calibrations = checkpoint.estimator, checkpoint.calibrations(endpoint)
    calibration = calibrations.of(present)
    probabilities = calibrations.probabilities(pooled(answers, endpoint, estimator))
    worth = calibrations.worth(probabilities) if len(answers) == len(coalitions_within(present)) else {}
    each = [calibration.probability(float(log_odds)) for log_odds in answers[present][endpoint]]
    return Score(
        endpoint,
        probabilities[present] if calibration.shows_score else None,
        float(np.std(each)),
        calibration,
        estimator,
        checkpoint.identity,
        contributions=contributions(worth) if worth and calibration.shows_score else (),
        base_probability=calibrations.base_rate,
        without=_without(probabilities, present, calibrations),
    )


def _without(
    probabilities: Mapping[Coalition, float], present: Coalition, calibrations: EndpointCalibrations
) -> dict[Modality, float | None]:
    """The probability without each of several modalities; None where the rest may not be scored."""
    rest = {modality: present - {modality} for modality in Modality if modality in present and len(present) > 1}
    return {m: probabilities[others] if calibrations.of(others).shows_score else None for m, others in rest.items()}


def _unstable(scores: tuple[Score, ...]) -> tuple[QualityFlag, ...]:
    """A flag for each score that varies much with the placement of the images."""
    return tuple(
        QualityFlag(
            "UNSTABLE",
            Severity.WARNING,
            f"The score of {each.endpoint.words} varies with the placement of the images by {100 * each.spread:.0f} "
            f"points (standard deviation of {each.estimator.versions} versions); above {100 * MOST_SPREAD:.0f} it is "
            "unstable.",
        )
        for each in scores
        if each.unstable
    )


def _require_sound(modality: Modality, array: NDArray[np.floating]) -> None:
    """Raise NumericsFault, with modality and channel, unless the values can be those of a standardised volume."""
    for channel, values in enumerate(array):
        place = f"the {modality} array, channel {channel},"
        if not values.size or values.min() == values.max():
            raise NumericsFault(f"{place} is empty: no two voxels differ")
        if not np.isfinite(values).all():
            raise NumericsFault(f"{place} holds a value that is not finite")
        if max(-values.min(), values.max()) > _LARGEST_VALUE:
            raise NumericsFault(f"{place} reaches {np.abs(values).max():.3g}, it should be standardised")


@contextmanager
def _timed(timings: dict[str, float], stage: str, report: Progress) -> Iterator[None]:
    """Seconds spent within, under the stage's name; its beginning is reported."""
    report(stage, 0, 1)
    start = time.perf_counter()
    try:
        yield
    finally:
        timings[stage] = time.perf_counter() - start
