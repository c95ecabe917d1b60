"""Two hosts with disks of their own on one ledger, one step at a time."""

from __future__ import annotations

from dataclasses import replace

from ledger_studies import LEASE, stored_instance
from node.jobs import Job, JobKind, NodePart
from node.storage.health import LISTENER, HealthStore
from node.storage.hosts import Hosts
from node.storage.ledger.ledger import Ledger

A, B = "A@a:104", "B@b:104"
AT_A, AT_B = NodePart(A, "worker", "archive of a"), NodePart(B, "worker", "archive of b")


def registered(ledger: Ledger) -> tuple[int, int]:
    """The numbers of both hosts."""
    hosts = Hosts(ledger.engine)
    a, b = (hosts.register(part.node, part.node[2], part.archive, "/srv", "key") for part in (AT_A, AT_B))
    return a, b


def receive(ledger: Ledger, host: int | None, *images: int, now: float = 100.0) -> None:
    """Images of the study come to this host."""
    batch = [replace(stored_instance(each), host_id=host, path=f"image{each}") for each in images]
    ledger.receiving.instances_stored(batch, now)


def listening(ledger: Ledger, node: str, now: float, since: float = 1.0) -> None:
    """The listener of this node says that it is alive."""
    HealthStore(ledger.engine).beat(node, LISTENER, now, listening_since=since)


def claim(ledger: Ledger, by: NodePart, kind: JobKind = JobKind.ANALYZE, now: float = 300.0) -> Job | None:
    """What this process may do now."""
    return ledger.jobs.claim(kind, now, LEASE, by=by)
