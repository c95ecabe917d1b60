"""A run: faults one after the other while scanners send, the end of the work, and the verdict."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.faults import cluster as clusters
from benchmarks.faults.faults import FAULTS, Fault, Happened, happen
from benchmarks.faults.verdict import Verdict, judge, wait_for_the_end
from node.storage.hosts import Hosts


def planned(deaths: int) -> Iterator[Fault]:
    """So many deaths: half of them kill -9, the rest by turns; after each fifth one of the other faults."""
    by_name = {each.name: each for each in FAULTS}
    turns = ("kill", "power", "kill", "freeze", "kill", "partition")
    others = ("database", "disk", "clock")
    for number in range(deaths):
        yield by_name[turns[number % len(turns)]]
        if number % 4 == 3:
            yield by_name[others[number // 4 % len(others)]]


def run_faults(
    cluster: clusters.Cluster, faults: Iterable[Fault], chance: random.Random, short: float = 1.0
) -> list[Happened]:
    """Let one after the other happen to a host that it can happen to, with a pause between them."""
    happened = []
    for fault in faults:
        hosts = [each for each in cluster.hosts if fault.possible(each)]
        if not hosts:
            continue
        host = chance.choice(hosts)
        happened.append(happen(cluster, fault, host, fault.seconds * short))
        done = happened[-1]
        waits = [f"{each.claimed_after or -1:.0f}/{each.answered_after or -1:.0f}" for each in done.affected]
        print(f"{len(happened)} {fault.name} {host.name} {done.lasted:.0f} s, claimed/answered {waits}", flush=True)
        for each in done.affected:
            if each.answered_after is None:
                _tell(cluster, each.uid)
        time.sleep(chance.uniform(3.0, 8.0))
    return happened


def _tell(cluster: clusters.Cluster, uid: str) -> None:
    """What the ledger says of a study that nobody has answered while its host was dead."""
    detail = cluster.ledger.reading.study(uid)
    hosts = Hosts(cluster.ledger.engine).of_study(detail.study.id)
    print("  ", detail.study.state, hosts.words(time.time()), hosts.refetch)
    for each in detail.timeline:
        print("    ", f"{each.at % 3600:.1f}", each.event, each.detail, flush=True)


def run(
    folder: Path, faults: Iterable[Fault], *, hosts: int = 3, seed: int = 1, short: float = 1.0
) -> tuple[list[Happened], Verdict, bool]:
    """A whole run; what happened, the verdict, and whether hosts had a network of their own.

    short: by how much faults are shorter than usual.
    """
    chance = random.Random(seed)
    os.environ["MOME_STUB_SECONDS"] = str(clusters.STUB_SECONDS)
    with clusters.running(folder, hosts, 2, 5.0, seed) as cluster:
        cluster.begin_sending()
        happened = run_faults(cluster, faults, chance, short)
        cluster.end_sending()
        wait_for_the_end(cluster, 240.0)
        return happened, judge(cluster), bool(cluster.network.bridge)
