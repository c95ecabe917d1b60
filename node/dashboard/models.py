"""The active model, what its manifest says, and how its scores are distributed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from mome_core.calibration import Calibration, coalition_words, withheld_words
from mome_core.errors import MomeError
from mome_core.model.estimators import estimators_of
from mome_core.results import Endpoint
from node.dashboard.formatting import endpoint_title
from node.dashboard.site import Site
from node.errors import NotReady
from node.models import bundle_in_use
from node.storage.decisions import ModelDecisions
from node.summary import AnalysisSummary
from node.watching.drift import ModelReport, model_report, population_stability
from sr_templates.dicom.score_words import share_words
from sr_templates.dicom.text import percent

_DAY_SECONDS = 86_400.0
_BINS = 10
_Manifest = Mapping[str, Any]  # a bundle's manifest.json


@dataclass(frozen=True, slots=True)
class _ScoreDistribution:
    """The probabilities of one endpoint over a time: how many, their median, and how many in each tenth of [0, 1]."""

    answers: int
    median: float
    bins: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _CalibrationLine:
    """What one set of modalities was validated for, in words; `withheld` says why it gives no call."""

    endpoint: str
    modalities: str
    cases: int = 0
    auroc: str = ""
    operating_point: str = ""
    sensitivity: str = ""
    specificity: str = ""
    withheld: str = ""


@dataclass(frozen=True, slots=True)
class _ModelCard:
    """What a manifest says of its model, as pairs of label and value."""

    statement: str = ""
    facts: Sequence[tuple[str, str]] = ()
    calibrations: Sequence[_CalibrationLine] = ()


@dataclass(frozen=True, slots=True)
class ModelInUse:
    """A model with its manifest, and its scores of the last week and month by endpoint.

    shift : population stability index of the last week against the three weeks before; absent with too few answers.
    """

    role: str
    name: str
    version: str
    sha256: str
    manifest: _Manifest
    month: Mapping[Endpoint, _ScoreDistribution]
    week: Mapping[Endpoint, _ScoreDistribution]
    shift: Mapping[Endpoint, float]

    @property
    def card(self) -> _ModelCard:
        """The manifest for people."""
        return model_card(self.manifest)


@dataclass(slots=True)
class _ModelScores:
    """The scores of one model."""

    name: str = ""
    version: str = ""
    probabilities: dict[Endpoint, list[float]] = field(default_factory=lambda: defaultdict(list))


def models_in_use(site: Site, now: float) -> list[ModelInUse]:
    """The active model first, then others that gave a score in the last month."""
    analyses = site.overview.analyses(now - 30 * _DAY_SECONDS)
    week_ago = now - 7 * _DAY_SECONDS
    new = scores_by_model(each.summary for each in analyses if each.finished_at >= week_ago)
    old = scores_by_model(each.summary for each in analyses if each.finished_at < week_ago)
    active = _active_manifest(site)
    digest = str(active.get("weights", {}).get("sha256", ""))
    earlier = sorted((new.keys() | old.keys()) - {digest})
    models = [model_in_use("active", active, digest, new[digest], old[digest])] if active else []
    return models + [model_in_use("earlier", {}, each, new[each], old[each]) for each in earlier]


def model_in_use(role: str, manifest: _Manifest, digest: str, new: _ModelScores, old: _ModelScores) -> ModelInUse:
    """One model with its scores of the last week (`new`) and of the three weeks before (`old`)."""
    week, before = new.probabilities, old.probabilities
    endpoints = sorted(week.keys() | before.keys())
    shifts = {each: population_stability(before.get(each, []), week.get(each, [])) for each in endpoints}
    return ModelInUse(
        role=role,
        name=str(manifest.get("name", new.name or old.name)),
        version=str(manifest.get("version", new.version or old.version)),
        sha256=digest,
        manifest=manifest,
        month={each: distribution(week.get(each, []) + before.get(each, [])) for each in endpoints},
        week={each: distribution(week[each]) for each in endpoints if each in week},
        shift={each: shift for each, shift in shifts.items() if shift is not None},
    )


def scores_by_model(summaries: Iterable[AnalysisSummary]) -> defaultdict[str, _ModelScores]:
    """The scores of each model, by the SHA-256 of its weights."""
    found: defaultdict[str, _ModelScores] = defaultdict(_ModelScores)
    for summary in summaries:
        for score in summary.scores:
            scores = found[score.model.sha256]
            scores.name, scores.version = score.model.name, score.model.version
            if score.probability is not None:
                scores.probabilities[score.endpoint].append(score.probability)
    return found


def distribution(probabilities: Sequence[float]) -> _ScoreDistribution:
    """The distribution of some probabilities in [0, 1]."""
    bins = [0] * _BINS
    for value in probabilities:
        bins[min(_BINS - 1, int(value * _BINS))] += 1
    return _ScoreDistribution(len(probabilities), median(probabilities), tuple(bins))


def model_card(manifest: _Manifest) -> _ModelCard:
    """The parts of a manifest that a page shows; empty for a manifest that could not be read."""
    provenance = manifest.get("provenance", {})
    facts = [(_label(key), str(value)) for key, value in provenance.items() if isinstance(value, (str, int, float))]
    estimators = estimators_of(manifest) if manifest else ()
    facts += [("Estimator", f"{each.estimator.name}: {each.estimator}") for each in estimators]
    lines = [
        _calibration_line(endpoint, calibration)
        for endpoint, calibrations in (estimators[0].endpoints.items() if estimators else ())
        for calibration in calibrations.coalitions.values()
    ]
    return _ModelCard(str(manifest.get("statement", "")), facts, lines)


def _calibration_line(endpoint: Endpoint, calibration: Calibration) -> _CalibrationLine:
    validation, name = calibration.validation, coalition_words(calibration.coalition)
    if validation is None:
        return _CalibrationLine(endpoint_title(endpoint), name, withheld=withheld_words(calibration))
    auroc = validation.auroc
    return _CalibrationLine(
        endpoint_title(endpoint),
        name,
        validation.cases,
        f"{auroc.value:.2f} ({auroc.low:.2f}-{auroc.high:.2f})",
        percent(calibration.threshold),
        share_words(validation.sensitivity),
        share_words(validation.specificity),
        withheld_words(calibration),
    )


def _active_manifest(site: Site) -> _Manifest:
    """The manifest of the active bundle; empty when it cannot be read."""
    try:
        bundle = bundle_in_use(site.settings, ModelDecisions(site.ledger.engine))
        found: _Manifest = json.loads((bundle / "manifest.json").read_text("utf-8"))
    except (NotReady, OSError, ValueError):
        return {}
    return found


def report_of_models(site: Site, now: float) -> ModelReport | None:
    """Drift, shadow and decisions; None when a bundle cannot be read."""
    try:
        return model_report(site.settings, site.overview, now)
    except (NotReady, MomeError):
        return None


def _label(key: str) -> str:
    return key.replace("_", " ").capitalize()
