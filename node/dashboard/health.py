"""Health and throughput of the node, for page and API."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median, quantiles

from node.dashboard.site import Site
from node.identity import graphics_cards
from node.storage.health import OpenAlert, ProcessHeartbeat
from node.storage.hosts import Hosts
from node.summary import AnalysisSummary
from node.watching.metrics import Meter

_DAY_SECONDS = 86_400.0
_HOURS = 24


@dataclass(frozen=True, slots=True)
class _ProcessStatus:
    """A process with its last heartbeat, and whether that is recent."""

    beat: ProcessHeartbeat
    alive: bool


@dataclass(frozen=True, slots=True)
class _HostStatus:
    """A node, the folder that it keeps its files in, and whether it is heard; `heard_at` None: it was stopped."""

    node: str
    root: str
    heard_at: float | None
    is_heard: bool


@dataclass(frozen=True, slots=True)
class _Sender:
    """A scanner or PACS that has sent instances."""

    ae_title: str
    instances: int
    last_at: float


@dataclass(frozen=True, slots=True)
class NodeHealth:
    """Health of the node. Times in seconds; `_by_hour`: analyses in each of the last 24 hours, oldest first."""

    parts: list[_ProcessStatus]
    alerts: list[OpenAlert]
    free_bytes: int
    total_bytes: int
    reserve_bytes: int
    by_hour: list[int]
    delivered: int
    median_seconds: float | None
    slowest_seconds: float | None
    stages: list[tuple[str, float]]
    callers: list[_Sender]
    failures: list[tuple[str, int]]
    graphics: list[str]
    hosts: list[_HostStatus]


def node_health(site: Site, meter: Meter, now: float) -> NodeHealth:
    """Gather the health of the node."""
    totals = meter.up_to_date()
    analyses = site.overview.analyses(now - _DAY_SECONDS)
    seconds = site.overview.delivery_seconds(now - _DAY_SECONDS)
    disk = shutil.disk_usage(site.archive.root)
    return NodeHealth(
        parts=[_ProcessStatus(each, each.is_alive(now)) for each in site.watch.heartbeats()],
        alerts=site.watch.alerts(),
        free_bytes=disk.free,
        total_bytes=disk.total,
        reserve_bytes=site.settings.storage.reserve_mib * 2**20,
        by_hour=_by_hour([each.finished_at for each in analyses], now),
        delivered=len(seconds),
        median_seconds=median(seconds) if seconds else None,
        slowest_seconds=quantiles(seconds, n=20)[-1] if len(seconds) > 1 else None,
        stages=_stages(each.summary for each in analyses),
        callers=[_Sender(name, totals.instances[name], at) for name, at in sorted(totals.last_from.items())],
        failures=totals.failures.most_common(),
        graphics=graphics_cards(),
        hosts=[
            _HostStatus(each.node, each.root, each.heard_at, each.is_heard(now))
            for each in Hosts(site.ledger.engine).known()
        ],
    )


def _by_hour(moments: list[float], now: float) -> list[int]:
    """How many of these moments fall into each of the last 24 hours, oldest first."""
    counts = [0] * _HOURS
    for each in moments:
        counts[_HOURS - 1 - min(_HOURS - 1, max(0, int((now - each) // 3600)))] += 1
    return counts


def _stages(summaries: Iterable[AnalysisSummary]) -> list[tuple[str, float]]:
    """Median seconds of each stage of the analysis."""
    found: dict[str, list[float]] = {}
    for summary in summaries:
        for name, seconds in summary.timings_s.items():
            found.setdefault(name, []).append(seconds)
    return [(name, median(seconds)) for name, seconds in found.items()]
