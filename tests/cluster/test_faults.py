"""Hosts of a cluster die while scanners send, and nothing is lost, answered twice or by half.

The short form; `python -m benchmarks.faults` is the long one, and wrote docs/faults.md.
"""

from __future__ import annotations

import random
import urllib.request
from io import BytesIO
from pathlib import Path

import pytest

from benchmarks.faults import cluster as clusters
from benchmarks.faults.cluster import Cluster
from benchmarks.faults.faults import FAULTS
from benchmarks.faults.run import planned, run, run_faults
from benchmarks.faults.senders import SentStudy
from benchmarks.faults.verdict import judge, wait_for_the_end
from live_node import report

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(5400),
    pytest.mark.skipif(
        bool(clusters.missing_programs()), reason="not installed: PostgreSQL, Orthanc or DCMTK; no host was killed"
    ),
]
BY_NAME = {each.name: each for each in FAULTS}


def lose_an_image(cluster: Cluster, study: SentStudy) -> None:
    """From every host and from the PACS."""
    uid = next(iter(study.acknowledged))
    for _, sha256, _ in (each for each in cluster.ledger.reading.instances(study.uid) if each[0] == uid):
        for host in cluster.hosts:
            for file in (host.root / "instances").rglob(f"{sha256}.dcm"):
                file.unlink()
    for each in cluster.pacs.find("Instance", {"SOPInstanceUID": uid}):
        request = urllib.request.Request(f"{cluster.pacs.url}/instances/{each['ID']}", method="DELETE")  # noqa: S310
        urllib.request.urlopen(request, timeout=60).close()  # noqa: S310


def answer_again(cluster: Cluster, study: SentStudy, images: int) -> None:
    """By a report of another host on so many images."""
    made, content = report(next(iter(study.images.values())), 1, device="another"), BytesIO()
    made.NumberOfStudyRelatedInstances = images
    made.save_as(content, enforce_file_format=True)
    cluster.pacs.keep(content.getvalue())


def test_a_host_dies_and_the_database_restarts_and_every_study_is_answered_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOME_STUB_SECONDS", str(clusters.STUB_SECONDS))
    with clusters.running(tmp_path, 3, 2, 4.0, seed=5) as cluster:
        cluster.begin_sending()
        happened = run_faults(cluster, (BY_NAME["kill"], BY_NAME["database"]), random.Random(5))
        cluster.end_sending()
        wait_for_the_end(cluster, 240.0)
        verdict = judge(cluster)
        assert verdict.is_clean and not verdict.failed, verdict
        assert verdict.states == {"DELIVERED": verdict.studies} and verdict.studies > 2
        assert happened[0].affected, "the host that was killed had nothing in hand"
        assert all(each.answered_after is not None for each in happened[0].affected)

        first, second, third = [each for scanner in cluster.scanners for each in scanner.studies[:2]][:3]
        lose_an_image(cluster, first)
        answer_again(cluster, second, images=4)
        answer_again(cluster, third, images=2)
        planted = judge(cluster)
        assert len(planted.lost) == 1, "the verdict sees what is lost"
        assert planted.twice == [second.uid, third.uid] and planted.halves == [third.uid]


@pytest.mark.exhaustive
def test_every_fault_by_turns(tmp_path: Path) -> None:
    happened, verdict, _ = run(tmp_path, planned(12), seed=7)
    assert verdict.is_clean and not verdict.failed, verdict
    assert sum(each.fault.is_death for each in happened) >= 8
