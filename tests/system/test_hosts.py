"""Two hosts with disks of their own on one PostgreSQL: each works on what it keeps, and one dies."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

import orthanc
import postgres
from live_node import LiveNode, instance, live_node, new_study, wait_for
from live_node import __file__ as live_node_file
from newer_program import newer_program
from node.search_key import SearchKey
from node.settings_sections import Destination
from node.states import StudyState
from node.storage.hosts import Hosts

pytestmark = pytest.mark.system
_LEASE_ENDED_SECONDS = 25.0
_TAKEN_OVER_SECONDS = 60.0  # 20 and half a second on a quiet machine


@pytest.fixture(scope="module")
def pacs() -> Iterator[orthanc.Orthanc]:
    if not orthanc.available():
        pytest.skip("Orthanc is not installed: hosts were not tested against a real PACS")
    with orthanc.running() as server:
        yield server


@contextmanager
def two_nodes(pacs: orthanc.Orthanc, folder: Path, **sections: object) -> Iterator[tuple[LiveNode, LiveNode]]:
    """Nodes NODE_A and NODE_B, not yet started, on an empty PostgreSQL, and known to the PACS."""
    if not postgres.available():
        pytest.skip("PostgreSQL is not installed: hosts were not tested")
    to = Destination(name="pacs", ae_title=pacs.ae_title, host="127.0.0.1", port=pacs.dicom_port)
    with postgres.cluster() as cluster:
        sections = {"database": {"url": cluster.url()}, **sections}
        for each in ("a", "b"):
            (folder / each / "root").mkdir(parents=True)
        SearchKey.open(folder / "a" / "root" / "search.key")
        shutil.copy(folder / "a" / "root" / "search.key", folder / "b" / "root")
        with live_node(folder / "a", to, **sections) as a, live_node(folder / "b", to, **sections) as b:
            for title, node in (("NODE_A", a), ("NODE_B", b)):
                dicom = node.settings.dicom.model_copy(update={"ae_title": title})
                node.settings = node.settings.model_copy(update={"dicom": dicom})
                pacs.know(title, title, dicom.port)
            yield a, b


@pytest.fixture
def two(pacs: orthanc.Orthanc, tmp_path: Path) -> Iterator[tuple[LiveNode, LiveNode]]:
    """Nodes that have started together, and of which none fetches the other's studies by itself."""
    with two_nodes(pacs, tmp_path, hosts={"refetch": False}) as (a, b):
        starting = [threading.Thread(target=each.start) for each in (a, b)]
        for thread in starting:
            thread.start()
        for thread in starting:
            thread.join()
        assert not a.has_ended() and not b.has_ended()
        yield a, b


def command(node: LiveNode, *words: str) -> str:
    """What `mome-node` says on a node's host."""
    line = [sys.executable, "-m", "node.cli.main", *words, "--config", str(node.folder / "node.toml")]
    answer = subprocess.run(line, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def state(node: LiveNode, study: str) -> StudyState:
    return node.ledger.reading.study(study).study.state


def test_a_host_dies_and_no_study_of_it_fails_or_is_answered_by_half(
    pacs: orthanc.Orthanc, two: tuple[LiveNode, LiveNode]
) -> None:
    a, b = two
    first, second = new_study(), new_study()
    a.send_until_all_are_kept([instance(first) for _ in range(3)])
    b.send_until_all_are_kept([instance(second) for _ in range(3)])
    for node, study in ((a, first), (b, second)):
        assert node.outcome(study, "DELIVERED", "FAILED").study.state is StudyState.DELIVERED
        shares = Hosts(node.ledger.engine).of_study(node.ledger.reading.study(study).study.id).shares
        assert [(each.hosts[0].node, each.images, each.results) for each in shares] == [(node.settings.node_name, 3, 1)]

    a.busy.touch()
    running, half = new_study(), new_study()
    images, parts = ([instance(study) for _ in range(4)] for study in (running, half))
    for each in images:
        pacs.keep(_encoded(each))
    a.send_until_all_are_kept(images)
    a.outcome(running, "ANALYZING")
    assert len(a.send(parts[:2])) == 2
    a.kill()
    died = time.monotonic()
    a.busy.unlink()

    third = new_study()
    b.send_until_all_are_kept([instance(third) for _ in range(3)])
    assert b.outcome(third, "DELIVERED", "FAILED").study.state is StudyState.DELIVERED
    while time.monotonic() - died < _LEASE_ENDED_SECONDS:
        assert (state(b, running), state(b, half)) == (StudyState.ANALYZING, StudyState.RECEIVING)
        time.sleep(0.5)

    def is_told() -> bool:
        return "its images lie on" in json.loads(command(b, "studies", "show", running, "--json"))["waits"]

    wait_for(is_told, 90, "the silence of the dead host to be told")
    assert "(silent for " in command(b, "studies", "show", running)
    assert (
        "2 unfinished studies have images only on"
        in subprocess.run(
            [sys.executable, "-m", "node.cli.main", "check", "--json", "--config", str(b.folder / "node.toml")],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
    )
    assert (state(b, running), state(b, half)) == (StudyState.ANALYZING, StudyState.RECEIVING)

    command(b, "studies", "fetch", running, "--from", "pacs")
    detail = b.outcome(running, "DELIVERED", "FAILED")
    assert (detail.study.state, detail.study.revision) == (StudyState.DELIVERED, 1)
    b.send_until_all_are_kept(parts)
    assert b.outcome(half, "DELIVERED", "FAILED").study.state is StudyState.DELIVERED
    assert b.ledger.reading.study(half).study.instances == 4

    for study in (first, second, third, running, half):
        results = pacs.find("Instance", {"StudyInstanceUID": study, "Modality": "SR"})
        assert len(results) == 1, "one live result each"


def test_studies_of_a_dead_host_are_fetched_from_the_pacs_and_answered_once(
    pacs: orthanc.Orthanc, tmp_path: Path
) -> None:
    with two_nodes(pacs, tmp_path) as (a, b):
        a.start()
        a.busy.touch()
        running, half, gone = new_study(), new_study(), new_study()
        images = {study: [instance(study) for _ in range(4)] for study in (running, half, gone)}
        a.send_until_all_are_kept([*images[running], *images[gone]])
        a.outcome(running, "ANALYZING", "STABLE")
        assert len(a.send(images[half][:2])) == 2
        a.kill()
        died = time.time()
        for each in (*images[running], *images[half][:1], *images[gone][:3]):
            pacs.keep(_encoded(each))
        b.start()
        detail = b.outcome(running, "DELIVERED", "FAILED", seconds=90)
        assert (detail.study.state, detail.study.revision) == (StudyState.DELIVERED, 1)
        claims = [each.at for each in detail.timeline if each.event == "CLAIMED"]
        print(f"claimed {claims[-1] - died:.0f} s after the death, by a node that was started after it")

        def is_said() -> bool:
            return "1 images are missing" in json.loads(command(b, "studies", "show", gone, "--json"))["waits"]

        wait_for(is_said, 90, "what the PACS does not have to be told")
        assert state(b, gone) in (StudyState.ANALYZING, StudyState.STABLE)

        assert state(b, half) is StudyState.RECEIVING
        for each in images[half][1:]:
            pacs.keep(_encoded(each))
            time.sleep(0.5)
        detail = b.outcome(half, "DELIVERED", "FAILED", seconds=90)
        assert (detail.study.state, detail.study.revision, detail.study.instances) == (StudyState.DELIVERED, 1, 4)

        a.busy.unlink()
        a.start()
        assert b.outcome(gone, "DELIVERED", "FAILED").study.state is StudyState.DELIVERED
        for study in (running, gone):
            assert len(pacs.find("Instance", {"StudyInstanceUID": study, "Modality": "SR"})) == 1, "one live result"


def test_a_host_that_comes_back_finishes_its_studies(two: tuple[LiveNode, LiveNode]) -> None:
    a, b = two
    a.busy.touch()
    study = new_study()
    a.send_until_all_are_kept([instance(study) for _ in range(3)])
    a.outcome(study, "ANALYZING")
    a.kill()
    time.sleep(_LEASE_ENDED_SECONDS)
    assert state(b, study) is StudyState.ANALYZING
    a.busy.unlink()
    a.start()
    detail = a.outcome(study, "DELIVERED", "FAILED")
    assert detail.study.state is StudyState.DELIVERED
    assert len([each for each in detail.timeline if each.event == "CLAIMED"]) == 2


def test_a_frozen_hosts_study_is_taken_over_on_a_shared_root_and_its_late_results_are_dropped(
    pacs: orthanc.Orthanc, tmp_path: Path
) -> None:
    if not postgres.available():
        pytest.skip("PostgreSQL is not installed: hosts were not tested")
    (tmp_path / "a" / "root").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "root").symlink_to(tmp_path / "a" / "root")
    with postgres.cluster() as cluster:
        sections = {"database": {"url": cluster.url()}}
        to = Destination(name="pacs", ae_title=pacs.ae_title, host="127.0.0.1", port=pacs.dicom_port)
        with live_node(tmp_path / "a", to, **sections) as a, live_node(tmp_path / "b", to, **sections) as b:
            a.start()
            a.busy.touch()
            study = new_study()
            a.send_until_all_are_kept([instance(study) for _ in range(3)])
            a.outcome(study, "ANALYZING")
            b.start()
            assert a.process is not None
            os.killpg(a.process.pid, signal.SIGSTOP)
            frozen_at = time.time()
            detail = b.outcome(study, "DELIVERED", "FAILED")
            claims = [each.at for each in detail.timeline if each.event == "CLAIMED"]
            assert claims[-1] - frozen_at < _TAKEN_OVER_SECONDS
            a.busy.unlink()
            os.killpg(a.process.pid, signal.SIGCONT)
            wait_for(lambda: "analysis dropped" in a.log.read_text(), 60, "the late result to be dropped")
            after = b.ledger.reading.study(study)
            assert (after.study.state, after.study.revision, len(claims)) == (StudyState.DELIVERED, 1, 2)
            assert len(pacs.find("Instance", {"StudyInstanceUID": study, "Modality": "SR"})) == 1


def test_nodes_are_upgraded_one_after_the_other_and_no_study_fails(
    two: tuple[LiveNode, LiveNode], tmp_path: Path
) -> None:
    a, b = two
    paths = (newer_program(tmp_path / "newer"), Path(live_node_file).parent)
    newer = {"PYTHONPATH": ":".join(map(str, paths)), "PYTHONSAFEPATH": "1"}
    for node in two:
        assert answered(node)
    assert a.stop() == 0
    assert answered(b)
    a.start(**newer)
    for node in two:
        assert answered(node), "the older one works beside the newer"
    assert b.stop() == 0
    b.start()
    assert answered(b), "the older one was restarted on the newer schema"
    assert b.stop() == 0
    b.start(**newer)
    for node in two:
        assert answered(node)
    assert a.ledger.reading.counts().keys() == {StudyState.DELIVERED}


def answered(node: LiveNode) -> bool:
    """Whether a study that is sent to this node now is delivered."""
    study = new_study()
    node.send_until_all_are_kept([instance(study) for _ in range(3)])
    return node.outcome(study, "DELIVERED", "FAILED").study.state is StudyState.DELIVERED


def _encoded(image: Dataset) -> bytes:
    content = BytesIO()
    image.save_as(content, enforce_file_format=True)
    return content.getvalue()
