"""What a model's answers show over time: drift against its own baseline, and a shadow beside the active model."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

from node.models import Registry, bundle_in_use, described
from node.settings import Settings
from node.storage.decisions import Decision, ModelDecisions, ShadowAnswer, shadow_of
from node.storage.overview import AnalysisRow, Overview

DAY_SECONDS = 86_400.0
FEWEST = 20  # answers on both sides before a shift is told
MOVED = 0.2  # of the population stability index: below 0.1 nothing, from 0.2 on a shift, by convention
OUTSIDE = "OUTSIDE_TRAINING_"


@dataclass(frozen=True, slots=True)
class ScannerDrift:
    """What one scanner's studies were answered, against the answers that the bundle remembers of its validation.

    stability : population stability index; distance : Kolmogorov-Smirnov statistic; absent with too few answers.
    outside : share of its studies with an input outside of what the model was trained on.
    """

    scanner: str
    endpoint: str
    answers: int
    median: float
    stability: float | None
    distance: float | None
    outside: float

    @property
    def has_moved(self) -> bool:
        """Whether a person should look."""
        return self.stability is not None and self.stability >= MOVED


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """A shadow beside the active model on the same studies, for one endpoint.

    agreement : share of studies on the same side of each model's own threshold. shift : mean of shadow - active.
    disagreements : study, active and shadow probability, the farthest apart first.
    """

    endpoint: str
    studies: int
    agreement: float
    shift: float
    correlation: float
    disagreements: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, slots=True)
class Watch:
    """Everything that a person wants to know about the models in use.

    active, shadow : manifests; the shadow's is empty when none is on. unanswered : what it could not answer, and why.
    """

    active: dict[str, Any]
    drift: list[ScannerDrift]
    shadow: dict[str, Any]
    reports: list[ShadowReport]
    unanswered: list[tuple[str, str]]
    decisions: list[Decision]


def watch_models(settings: Settings, overview: Overview, now: float, days: float = 7.0) -> Watch:
    """The models in use, with the answers of the last days; raises NotReady or CheckpointRefused for a lost bundle."""
    book = ModelDecisions(overview.engine)
    decisions = book.decisions()
    active = described(bundle_in_use(settings, book))
    drift = drift_by_scanner(overview.analyses(now - days * DAY_SECONDS), active)
    begun = shadow_of(decisions)
    if begun is None:
        return Watch(active, drift, {}, [], [], decisions)
    shadow = described(Registry(settings.storage.root).bundle(begun.digest))
    answers = [each for each in book.shadow_answers(begun.digest) if each.at >= begun.at]
    thresholds = {endpoint: point["threshold"] for endpoint, point in shadow["endpoints"].items()}
    unanswered = [(each.study_instance_uid, each.reason) for each in answers if not each.probabilities]
    return Watch(active, drift, shadow, shadow_reports(answers, thresholds), unanswered, decisions)


def drift_by_scanner(analyses: Iterable[AnalysisRow], manifest: Mapping[str, Any]) -> list[ScannerDrift]:
    """One line for each scanner and endpoint that this model answered."""
    sha256 = manifest["weights"]["sha256"]
    baseline: Mapping[str, list[float]] = manifest["provenance"].get("baseline", {})
    answers: dict[tuple[str, str], list[float]] = defaultdict(list)
    outside: dict[str, list[bool]] = defaultdict(list)
    for each in analyses:
        outside[each.scanner].append(any(flag.code.startswith(OUTSIDE) for flag in each.summary.flags))
        for score in each.summary.scores:
            if score.model.sha256 == sha256:
                answers[each.scanner, score.endpoint].append(score.probability)
    return [
        ScannerDrift(
            scanner,
            endpoint,
            len(values),
            median(values),
            stability(baseline.get(endpoint, ()), values),
            distance(baseline.get(endpoint, ()), values),
            mean(outside[scanner]),
        )
        for (scanner, endpoint), values in sorted(answers.items())
    ]


def shadow_reports(answers: Sequence[ShadowAnswer], thresholds: Mapping[str, float]) -> list[ShadowReport]:
    """One report for each endpoint that both models answer. thresholds : of the shadow, by endpoint."""
    pairs: dict[str, list[tuple[str, float, float, bool]]] = defaultdict(list)
    for each in answers:
        for score in each.summary.scores:
            endpoint = score.endpoint
            if endpoint in each.probabilities:
                ours, theirs = each.probabilities[endpoint], score.probability
                same = (ours >= thresholds[endpoint]) == (theirs >= score.threshold)
                pairs[endpoint].append((each.study_instance_uid, theirs, ours, same))
    return [report_of(endpoint, found) for endpoint, found in sorted(pairs.items())]


def report_of(endpoint: str, pairs: Sequence[tuple[str, float, float, bool]]) -> ShadowReport:
    """One endpoint's report."""
    apart = sorted((pair for pair in pairs if not pair[3]), key=lambda pair: -abs(pair[1] - pair[2]))
    return ShadowReport(
        endpoint=endpoint,
        studies=len(pairs),
        agreement=mean(same for *_, same in pairs),
        shift=mean(ours - theirs for _, theirs, ours, _ in pairs),
        correlation=correlation([pair[1] for pair in pairs], [pair[2] for pair in pairs]),
        disagreements=tuple((uid, theirs, ours) for uid, theirs, ours, _ in apart),
    )


def correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Pearson's coefficient; NaN where one side has no spread."""
    a, b = mean(first), mean(second)
    spread = math.sqrt(sum((x - a) ** 2 for x in first) * sum((y - b) ** 2 for y in second))
    return sum((x - a) * (y - b) for x, y in zip(first, second, strict=True)) / spread if spread else math.nan


def stability(old: Sequence[float], new: Sequence[float]) -> float | None:
    """Population stability index of two sets of probabilities over fifths; None for too few of either."""
    if min(len(old), len(new)) < FEWEST:
        return None
    total = 0.0
    for fifth in range(5):
        before, after = (share(values, fifth) for values in (old, new))
        total += (after - before) * math.log(after / before)
    return total


def share(values: Sequence[float], fifth: int) -> float:
    """The share of these values in a fifth of the scale; half a value is added, so that none is zero."""
    return (sum(min(4, int(5 * each)) == fifth for each in values) + 0.5) / (len(values) + 2.5)


def distance(old: Sequence[float], new: Sequence[float]) -> float | None:
    """Kolmogorov-Smirnov statistic: the largest gap between the two cumulative distributions; None for too few."""
    if min(len(old), len(new)) < FEWEST:
        return None
    return max(abs(below(old, at) - below(new, at)) for at in {*old, *new})


def below(values: Sequence[float], at: float) -> float:
    """The share of values that are not larger."""
    return sum(each <= at for each in values) / len(values)
