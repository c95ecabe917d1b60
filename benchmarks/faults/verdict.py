"""Compares what scanners were told with what is there: every acknowledged image, and one result for every study."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from benchmarks.faults.cluster import Cluster
from benchmarks.faults.senders import SentStudy
from node.states import FINAL, StudyState
from node.storage import host_schema, schema
from node.storage.database import reading
from node.storage.hosts import Hosts


@dataclass
class Verdict:
    """What a run left behind; every list but `waiting` and `failed` must be empty, and these say themselves why.

    Parameters
    ----------
    lost
        SOP Instance UIDs that were acknowledged and are neither on a host, with the right digest, nor in the PACS.
    unanswered
        Studies of which all was acknowledged, without a result in the PACS and without a word why.
    waiting, failed
        Studies without a result that say why they wait, or that they failed.
    twice
        Studies with two live results in the PACS: reports that no other report supersedes.
    halves
        Studies whose live result stands on fewer images than were acknowledged.
    """

    studies: int = 0
    images: int = 0
    refusals: int = 0
    states: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    only_in_pacs: int = 0
    unanswered: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    halves: list[str] = field(default_factory=list)
    superseded: int = 0

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.unanswered or self.twice or self.halves)


def wait_for_the_end(cluster: Cluster, seconds: float) -> None:
    """Return when every study is final, or after so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        counts = cluster.ledger.reading.counts()
        if not any(count for state, count in counts.items() if state not in FINAL):
            return
        time.sleep(1.0)


def judge(cluster: Cluster) -> Verdict:
    """Compare; everything runs again by now, and no scanner sends."""
    verdict, readable = Verdict(), _readable(cluster)
    for study in (each for scanner in cluster.scanners for each in scanner.studies):
        verdict.studies += 1
        verdict.refusals += study.refusals
        verdict.images += len(study.acknowledged)
        _judge_images(cluster, study, readable, verdict)
        _judge_result(cluster, study, verdict)
    return verdict


def _readable(cluster: Cluster) -> set[str]:
    """SOP Instance UIDs whose file lies on a host, with the content that the ledger knows."""
    kept, copy, known = schema.instance.c, host_schema.instance_copy.c, host_schema.host.c
    own = select(kept.sop_instance_uid, kept.sha256, kept.path, known.root).join(
        host_schema.host, known.id == kept.host_id
    )
    copies = (
        select(kept.sop_instance_uid, kept.sha256, copy.path, known.root)
        .join(schema.instance, kept.id == copy.instance_id)
        .join(host_schema.host, known.id == copy.host_id)
    )
    roots = {str(each.root.absolute()): each.root for each in cluster.hosts}
    with reading(cluster.ledger.engine) as db:
        rows = [*db.execute(own), *db.execute(copies)]
    return {row.sop_instance_uid for row in rows if _is_whole(roots[row.root] / row.path, row.sha256)}


def _is_whole(path: Any, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def _judge_images(cluster: Cluster, study: SentStudy, readable: set[str], verdict: Verdict) -> None:
    for uid in study.acknowledged.keys() - readable:
        if cluster.pacs.find("Instance", {"SOPInstanceUID": uid}):
            verdict.only_in_pacs += 1
        else:
            verdict.lost.append(uid)


def _judge_result(cluster: Cluster, study: SentStudy, verdict: Verdict) -> None:
    """A study of which not all was acknowledged owes nothing."""
    if not study.is_sent:
        return
    reports = [
        cluster.pacs.get(f"/instances/{each['ID']}/simplified-tags")
        for each in cluster.pacs.find("Instance", {"StudyInstanceUID": study.uid, "Modality": "SR"})
    ]
    superseded = {uid for each in reports for uid in _predecessors(each)}
    live = [each for each in reports if each["SOPInstanceUID"] not in superseded]
    verdict.superseded += len(superseded)
    if len(live) > 1:
        verdict.twice.append(study.uid)
    if any(int(each["NumberOfStudyRelatedInstances"]) < len(study.images) for each in live):
        verdict.halves.append(study.uid)
    record = cluster.ledger.reading.study(study.uid).study
    verdict.states[record.state] += 1
    if live and record.state is StudyState.DELIVERED:
        return
    why = record.reason or Hosts(cluster.ledger.engine).of_study(record.id).why_it_waits(record, time.time())
    if record.state is StudyState.FAILED:
        verdict.failed.append(f"{record.id}: {why}")
    elif why:
        verdict.waiting.append(f"{record.id}, {record.state}: {why}")
    else:
        verdict.unanswered.append(f"{record.id}, {record.state}")


def _predecessors(report: dict[str, Any]) -> list[str]:
    return [
        named["ReferencedSOPInstanceUID"]
        for before in report.get("PredecessorDocumentsSequence", [])
        for series in before["ReferencedSeriesSequence"]
        for named in series["ReferencedSOPSequence"]
    ]
