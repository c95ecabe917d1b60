"""The model that answers, what it says of itself, and how its answers are spread."""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import median
from typing import Any

from node.dashboard.site import Site
from node.errors import NotReady
from node.models import find_bundle

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
    """A model with its manifest, and its answers of the last day and month by endpoint."""

    role: str
    name: str
    version: str
    sha256: str
    manifest: dict[str, Any]
    month: dict[str, Spread]
    day: dict[str, Spread]


def models_in_use(site: Site, now: float) -> list[ModelLine]:
    """The active model first, then others that answered in the last month."""
    analyses = site.overview.analyses(now - 30 * DAY_SECONDS)
    month = by_model(each.summary for each in analyses)
    day = by_model(each.summary for each in analyses if each.finished_at >= now - DAY_SECONDS)
    active = active_manifest(site)
    lines = []
    if active:
        digest = str(active.get("weights", {}).get("sha256", ""))
        lines.append(line("active", active, digest, month.pop(digest, {}), day.get(digest, {})))
    for digest, spreads in month.items():
        lines.append(line("earlier", {}, digest, spreads, day.get(digest, {})))
    return lines


def line(role: str, manifest: dict[str, Any], digest: str, month: dict[str, Any], day: dict[str, Any]) -> ModelLine:
    """One model; `month` and `day` hold its name and version beside the probabilities."""
    name, version = month.get("", ("", ""))
    return ModelLine(
        role=role,
        name=str(manifest.get("name", name)),
        version=str(manifest.get("version", version)),
        sha256=digest,
        manifest=manifest,
        month={endpoint: spread_of(values) for endpoint, values in month.items() if endpoint},
        day={endpoint: spread_of(values) for endpoint, values in day.items() if endpoint},
    )


def by_model(summaries: Any) -> dict[str, dict[str, Any]]:
    """Digest of the weights -> endpoint -> probabilities; under the empty endpoint, name and version."""
    found: dict[str, dict[str, Any]] = {}
    for summary in summaries:
        for score in summary.get("scores", ()):
            model = score["model"]
            answers = found.setdefault(model["sha256"], {"": (model["name"], model["version"])})
            answers.setdefault(score["endpoint"], []).append(score["probability"])
    return found


def spread_of(values: list[float]) -> Spread:
    """How these probabilities are spread."""
    bins = [0] * BINS
    for value in values:
        bins[min(BINS - 1, int(value * BINS))] += 1
    return Spread(len(values), median(values), tuple(bins))


def active_manifest(site: Site) -> dict[str, Any]:
    """What the bundle in the settings says of itself; empty when it cannot be read."""
    try:
        bundle = find_bundle(site.settings.model.path)
        found: dict[str, Any] = json.loads((bundle / "manifest.json").read_text("utf-8"))
    except (NotReady, OSError, ValueError):
        return {}
    return found
