"""The model that answers, what it says of itself, and how its answers are spread."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from mome_core.errors import MomeError
from node.dashboard.site import Site
from node.errors import NotReady
from node.models import bundle_in_use
from node.storage.decisions import ModelDecisions
from node.summary import AnalysisSummary
from node.watching.drift import Watch, stability, watch_models

DAY_SECONDS = 86_400.0
BINS = 10


@dataclass(frozen=True, slots=True)
class Spread:
    """The probabilities of one endpoint over a time: how many, their median, and how many in each tenth."""

    answers: int
    median: float
    bins: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModelLine:
    """A model with its manifest, and its answers of the last week and month by endpoint.

    shift : population stability index of the last week against the three before; absent with too few answers.
    """

    role: str
    name: str
    version: str
    sha256: str
    manifest: dict[str, Any]
    month: dict[str, Spread]
    week: dict[str, Spread]
    shift: dict[str, float]


def models_in_use(site: Site, now: float) -> list[ModelLine]:
    """The active model first, then others that answered in the last month."""
    analyses = site.overview.analyses(now - 30 * DAY_SECONDS)
    week_ago = now - 7 * DAY_SECONDS
    new = by_model(each.summary for each in analyses if each.finished_at >= week_ago)
    old = by_model(each.summary for each in analyses if each.finished_at < week_ago)
    active = active_manifest(site)
    digest = str(active.get("weights", {}).get("sha256", ""))
    earlier = sorted((new.keys() | old.keys()) - {digest})
    lines = [line("active", active, digest, new.get(digest, {}), old.get(digest, {}))] if active else []
    return lines + [line("earlier", {}, each, new.get(each, {}), old.get(each, {})) for each in earlier]


def line(role: str, manifest: dict[str, Any], digest: str, new: dict[str, Any], old: dict[str, Any]) -> ModelLine:
    """One model; `new` and `old` hold its name and version beside the probabilities."""
    name, version = new.get("", old.get("", ("", "")))
    endpoints = sorted((new.keys() | old.keys()) - {""})
    shifts = {each: stability(old.get(each, []), new.get(each, [])) for each in endpoints}
    return ModelLine(
        role=role,
        name=str(manifest.get("name", name)),
        version=str(manifest.get("version", version)),
        sha256=digest,
        manifest=manifest,
        month={each: spread_of(new.get(each, []) + old.get(each, [])) for each in endpoints},
        week={each: spread_of(new[each]) for each in endpoints if each in new},
        shift={each: shift for each, shift in shifts.items() if shift is not None},
    )


def by_model(summaries: Iterable[AnalysisSummary]) -> dict[str, dict[str, Any]]:
    """Digest of the weights -> endpoint -> probabilities; under the empty endpoint, name and version."""
    found: dict[str, dict[str, Any]] = {}
    for summary in summaries:
        for score in summary.scores:
            model = score.model
            answers = found.setdefault(model.sha256, {"": (model.name, model.version)})
            answers.setdefault(score.endpoint, []).append(score.probability)
    return found


def spread_of(values: list[float]) -> Spread:
    """How these probabilities are spread."""
    bins = [0] * BINS
    for value in values:
        bins[min(BINS - 1, int(value * BINS))] += 1
    return Spread(len(values), median(values), tuple(bins))


def active_manifest(site: Site) -> dict[str, Any]:
    """What the bundle that answers says of itself; empty when it cannot be read."""
    try:
        bundle = bundle_in_use(site.settings, ModelDecisions(site.ledger.engine))
        found: dict[str, Any] = json.loads((bundle / "manifest.json").read_text("utf-8"))
    except (NotReady, OSError, ValueError):
        return {}
    return found


def watched(site: Site, now: float) -> Watch | None:
    """Drift, shadow and decisions; None when a bundle cannot be read."""
    try:
        return watch_models(site.settings, site.overview, now)
    except (NotReady, MomeError):
        return None
