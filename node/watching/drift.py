"""A model's scores over time: drift against its validation, and a shadow beside the active model."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, median
from typing import Any

from mome_core.calibration import coalition_name, coalition_named
from mome_core.results import Endpoint
from node.models import BundleManifest, all_bundles_in_use, manifest_of, registry_of
from node.settings import Settings
from node.storage.decisions import Decision, ModelDecisions, ShadowAnswer, shadow_of
from node.storage.ledger.assessments import Assessments
from node.storage.overview import AnalysisRow, Overview
from node.summary import ScoreSummary
from node.verdicts import BandVerdicts, count_verdicts, standing

_DAY_SECONDS = 86_400.0
_LEAST_SCORES = 20  # on both sides, before a shift is reported
SHIFTED = 0.2  # population stability index; by convention below 0.1 is no shift and from 0.2 on is one
_OUTSIDE_PREFIX = "OUTSIDE_TRAINING_"


@dataclass(frozen=True, slots=True)
class _ScannerDrift:
    """The scores of one scanner's studies against those of the validation cases, which the bundle holds.

    Parameters
    ----------
    modalities
        What the studies had, e.g. "DCE+T2"; they are compared with validation cases scored from the same.
    answers
        How many scores.
    stability
        Population stability index; None with too few scores.
    distance
        Kolmogorov-Smirnov statistic; None with too few scores.
    outside
        Fraction of the scanner's studies with an input outside the range of the training data.
    """

    scanner: str
    endpoint: Endpoint
    modalities: str
    answers: int
    median: float
    stability: float | None
    distance: float | None
    outside: float

    @property
    def has_moved(self) -> bool:
        """Whether the shift is large enough for a person to look at it."""
        return self.stability is not None and self.stability >= SHIFTED


@dataclass(frozen=True, slots=True)
class _ShadowReport:
    """A shadow beside the active model on the same studies, for one endpoint.

    Parameters
    ----------
    agreement
        Fraction of studies that both models call alike, each at its own operating point.
    shift
        Mean of shadow - active, in units of probability.
    correlation
        Pearson's coefficient.
    disagreements
        Study Instance UID, active and shadow probability, the farthest apart first.
    """

    endpoint: str
    studies: int
    agreement: float
    shift: float
    correlation: float
    disagreements: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, slots=True)
class ModelReport:
    """Drift of the models that answer, agreement of the shadow, and the decisions about both.

    Parameters
    ----------
    active, shadow
        Manifests as they are written; the shadow's is empty when there is none.
    unanswered
        Study Instance UIDs that the shadow gave no score, with the reason.
    verdicts
        What readers said of the scores of the models that answer, by scanner and score band.
    """

    active: Mapping[str, Any]
    drift: list[_ScannerDrift]
    shadow: Mapping[str, Any]
    reports: list[_ShadowReport]
    unanswered: list[tuple[str, str]]
    decisions: list[Decision]
    verdicts: list[BandVerdicts] = field(default_factory=list)


def model_report(settings: Settings, overview: Overview, now: float, days: float = 7.0) -> ModelReport:
    """The models in use, with their scores of the last days; raises NotReady or CheckpointRefused for a lost bundle."""
    book = ModelDecisions(overview.engine)
    decisions = book.decisions()
    active, *others = map(manifest_of, all_bundles_in_use(settings, book))
    analyses = overview.analyses(now - days * _DAY_SECONDS)
    drift = [line for each in (active, *others) for line in drift_by_scanner(analyses, each)]
    verdicts = _verdicts(overview, (active, *others), now - days * _DAY_SECONDS)
    begun = shadow_of(decisions)
    if begun is None:
        return ModelReport(active.content, drift, {}, [], [], decisions, verdicts)
    shadow = manifest_of(registry_of(settings, book).bundle(begun.digest))
    answers = [each for each in book.shadow_answers(begun.digest) if each.at >= begun.at]
    unanswered = [(each.study_instance_uid, each.reason) for each in answers if not each.probabilities]
    reports = shadow_reports(answers, shadow, settings.model.estimator)
    return ModelReport(active.content, drift, shadow.content, reports, unanswered, decisions, verdicts)


def _verdicts(overview: Overview, models: Sequence[BundleManifest], since: float) -> list[BandVerdicts]:
    """Verdicts since then on scores of these models."""
    stand = standing(Assessments(overview.engine).since(since))
    return count_verdicts([each for each in stand if any(_is_of(each.score, model) for model in models)])


def _is_of(score: ScoreSummary, manifest: BundleManifest) -> bool:
    """Whether this model gave the score."""
    return (score.model.sha256, score.model.version) == (manifest.weights_sha256, manifest.version)


def drift_by_scanner(analyses: Iterable[AnalysisRow], manifest: BundleManifest) -> list[_ScannerDrift]:
    """The drift of one model (by its manifest) for each scanner, endpoint, and set of modalities."""
    answers: dict[tuple[str, Endpoint, str, str], list[float]] = defaultdict(list)
    outside: dict[str, list[bool]] = defaultdict(list)
    for each in analyses:
        outside[each.scanner].append(any(flag.code.startswith(_OUTSIDE_PREFIX) for flag in each.summary.flags))
        modalities = coalition_name(each.summary.modalities)
        for score in each.summary.scores:
            if _is_of(score, manifest) and score.probability is not None:
                answers[each.scanner, score.endpoint, modalities, score.estimator.name].append(score.probability)
    drift = []
    for (scanner, endpoint, modalities, estimator), values in sorted(answers.items()):
        validated = _validated(manifest, endpoint, modalities, estimator)
        drift.append(
            _ScannerDrift(
                scanner,
                endpoint,
                modalities,
                len(values),
                median(values),
                population_stability(validated, values),
                _kolmogorov_smirnov(validated, values),
                mean(outside[scanner]),
            )
        )
    return drift


def _validated(manifest: BundleManifest, endpoint: Endpoint, modalities: str, estimator: str) -> Sequence[float]:
    """Scores of the validation cases by the same estimator from the same modalities; none where not kept."""
    found = manifest.calibration(endpoint, coalition_named(modalities), estimator) if modalities else None
    return () if found is None or found.validation is None else found.validation.scores


def shadow_reports(answers: Sequence[ShadowAnswer], shadow: BundleManifest, estimator: str = "") -> list[_ShadowReport]:
    """One report for each endpoint that both models score, by the shadow's own calls."""
    pairs: dict[str, list[tuple[str, float, float, bool]]] = defaultdict(list)
    for each in answers:
        for score in each.summary.scores:
            ours = each.probabilities.get(score.endpoint)
            read = shadow.calibration(score.endpoint, each.summary.modalities, estimator)
            if ours is None or read is None or score.probability is None:
                continue
            same = read.call(ours) is score.call
            pairs[score.endpoint].append((each.study_instance_uid, score.probability, ours, same))
    return [_shadow_report(endpoint, found) for endpoint, found in sorted(pairs.items())]


def _shadow_report(endpoint: str, pairs: Sequence[tuple[str, float, float, bool]]) -> _ShadowReport:
    apart = sorted((pair for pair in pairs if not pair[3]), key=lambda pair: -abs(pair[1] - pair[2]))
    return _ShadowReport(
        endpoint=endpoint,
        studies=len(pairs),
        agreement=mean(same for *_, same in pairs),
        shift=mean(ours - theirs for _, theirs, ours, _ in pairs),
        correlation=_correlation([pair[1] for pair in pairs], [pair[2] for pair in pairs]),
        disagreements=tuple((uid, theirs, ours) for uid, theirs, ours, _ in apart),
    )


def _correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Pearson's coefficient; NaN where one side has no spread."""
    a, b = mean(first), mean(second)
    spread = math.sqrt(sum((x - a) ** 2 for x in first) * sum((y - b) ** 2 for y in second))
    return sum((x - a) * (y - b) for x, y in zip(first, second, strict=True)) / spread if spread else math.nan


def population_stability(old: Sequence[float], new: Sequence[float]) -> float | None:
    """Population stability index of two sets of probabilities, over fifths of [0, 1]; None for too few of either."""
    if min(len(old), len(new)) < _LEAST_SCORES:
        return None
    total = 0.0
    for fifth in range(5):
        before, after = (_fraction_in(values, fifth) for values in (old, new))
        total += (after - before) * math.log(after / before)
    return total


def _fraction_in(values: Sequence[float], fifth: int) -> float:
    # half a value is added, so that no fraction is zero
    return (sum(min(4, int(5 * each)) == fifth for each in values) + 0.5) / (len(values) + 2.5)


def _kolmogorov_smirnov(old: Sequence[float], new: Sequence[float]) -> float | None:
    """Kolmogorov-Smirnov statistic: the largest gap between the two cumulative distributions; None for too few."""
    if min(len(old), len(new)) < _LEAST_SCORES:
        return None
    return max(abs(_fraction_up_to(old, at) - _fraction_up_to(new, at)) for at in {*old, *new})


def _fraction_up_to(values: Sequence[float], at: float) -> float:
    return sum(each <= at for each in values) / len(values)
