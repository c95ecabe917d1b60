"""A node that is stopped, reloaded or drained on purpose: nothing is lost, nothing is counted as a failure."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pynetdicom.sop_class import Verification

from live_node import LiveNode, instance, live_node, new_study, wait_for
from node.jobs import JobState
from node.settings_file import settings_toml
from node.settings_sections import Destination
from node.states import StudyEvent, StudyState
from node.storage.health import HealthStore
from raw_peer import deaf_peer

pytestmark = pytest.mark.system
DOCUMENTED_SECONDS = 15.0  # docs/operate.md; what has not ended by then is killed


def reload_with(node: LiveNode, text: str) -> None:
    (node.folder / "node.toml").write_text(text)
    signal_node(node, signal.SIGHUP)


def signal_node(node: LiveNode, number: int) -> None:
    assert node.process is not None
    os.kill(node.process.pid, number)


def under_analysis(node: LiveNode) -> str:
    """A study that was sent and whose analysis has begun."""
    study = new_study()
    node.send_until_all_are_kept([instance(study)])
    node.outcome(study, "ANALYZING")
    return study


@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
def test_a_stop_during_an_analysis_gives_it_back_in_the_documented_time(tmp_path: Path, twice: bool) -> None:
    with live_node(tmp_path) as node:
        node.busy.touch()
        node.start()
        study = under_analysis(node)
        began = time.monotonic()
        signal_node(node, signal.SIGTERM)
        if twice:
            time.sleep(1)
            signal_node(node, signal.SIGTERM)
        assert node.process is not None
        assert node.process.wait(240) == 0
        seconds = time.monotonic() - began
        detail = node.ledger.reading.study(study)
        assert (detail.study.state, detail.jobs[0].state, detail.jobs[0].attempts) == (
            StudyState.STABLE,
            JobState.WAITING,
            0,
        )
        assert [each.event for each in detail.timeline][-2:] == [StudyEvent.CLAIMED, StudyEvent.GIVEN_BACK]
        assert HealthStore(node.ledger.engine).heartbeats() == []
        said = node.log.read_text()
        assert '"event": "stopping"' in said
        assert '"event": "stopped"' in said
        assert seconds < DOCUMENTED_SECONDS, "on a machine that does much else, too"
        node.busy.unlink()
        node.start()
        again = node.outcome(study, "DELIVERED", "ANALYZED")
        assert again.jobs[0].attempts == 1


def test_kill_minus_nine_during_a_stop_still_counts_only_what_was_lost(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        node.busy.touch()
        node.start()
        study = under_analysis(node)
        signal_node(node, signal.SIGTERM)
        time.sleep(0.3)
        node.kill()
        node.busy.unlink()
        node.start()
        detail = node.outcome(study, "DELIVERED", "ANALYZED")
        assert detail.jobs[0].attempts <= 2


def test_a_delivery_to_a_peer_that_does_not_answer_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    with deaf_peer() as port:
        deaf = Destination(name="deaf", ae_title="DEAF", host="127.0.0.1", port=port)
        with live_node(tmp_path, deaf) as node:
            node.start()
            study = new_study()
            node.send_until_all_are_kept([instance(study)])

            def sending() -> bool:
                try:
                    jobs = node.ledger.reading.study(study).jobs
                except LookupError:
                    return False
                return any(job.destination == "deaf" and job.state is JobState.RUNNING for job in jobs)

            wait_for(sending, 60, "the delivery to begin")
            attempts = next(each.attempts for each in node.ledger.reading.study(study).jobs if each.destination)
            began = time.monotonic()
            assert node.stop() == 0
            assert time.monotonic() - began < DOCUMENTED_SECONDS
            detail = node.ledger.reading.study(study)
            assert detail.study.state is StudyState.ANALYZED
            assert [(job.state, job.attempts) for job in detail.jobs if job.destination] == [
                (JobState.WAITING, attempts - 1)
            ]


def test_new_settings_of_the_model_wait_for_the_analysis_in_hand(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        node.busy.touch()
        node.start()
        study = under_analysis(node)
        cropped = node.settings.results.model_copy(update={"crop_map": True})
        reload_with(node, settings_toml(node.settings.model_copy(update={"results": cropped})))
        wait_for(lambda: "ends after the work in hand" in node.log.read_text(), 60, "the worker to hear of it")
        node.busy.unlink()
        detail = node.outcome(study, "DELIVERED", "ANALYZED")
        assert detail.jobs[0].attempts == 1
        assert StudyEvent.GIVEN_BACK not in [each.event for each in detail.timeline]
        assert '"restarting": ["worker"]' in node.log.read_text()
        late = new_study()
        node.send_until_all_are_kept([instance(late)])
        node.outcome(late, "DELIVERED", "ANALYZED")


def test_a_start_that_failed_leaves_no_trace_of_processes(tmp_path: Path) -> None:
    with live_node(tmp_path) as node, socket.create_server(("127.0.0.1", 0)) as taken:
        node.start()
        health = HealthStore(node.ledger.engine)
        parts = {"listener", "scheduler"}  # a live node's worker sends none
        wait_for(lambda: {each.part for each in health.heartbeats()} == parts, 60, "their heartbeats")
        node.stop()
        dicom = node.settings.dicom.model_copy(update={"port": taken.getsockname()[1]})
        config = tmp_path / "other.toml"
        config.write_text(settings_toml(node.settings.model_copy(update={"dicom": dicom})))
        command = [sys.executable, "-m", "node.cli.main", "serve", "--config", str(config)]
        assert subprocess.run(command, capture_output=True, check=False, timeout=240).returncode == 5
        assert health.heartbeats() == []
        node.start()
        wait_for(lambda: {each.part for each in health.heartbeats()} == parts, 60, "their heartbeats")
        assert {each.node for each in health.heartbeats()} == {node.settings.node_name}


@pytest.mark.slow
def test_callers_are_reloaded_under_a_stream_without_one_refusal(tmp_path: Path) -> None:
    """60 seconds of associations of an allowed caller while `callers` changes five times."""
    with live_node(tmp_path) as node:
        callers = node.settings.dicom.model_copy(update={"callers": ("MODALITY",)})
        node.settings = node.settings.model_copy(update={"dicom": callers})
        node.start()
        outcomes: list[bool] = []
        ended = threading.Event()

        def stream() -> None:
            while not ended.is_set():
                outcomes.append(attempt(lambda: node.associate(Verification)))

        threads = [threading.Thread(target=stream) for _ in range(3)]
        for thread in threads:
            thread.start()
        study, began = new_study(), time.monotonic()
        for number in range(5):
            let_in(node, [f"MRI{each}" for each in range(number + 1)])
            node.send_until_all_are_kept([instance(study)])
            ended.wait(max(0.0, began + 12 * (number + 1) - time.monotonic()))
        ended.set()
        for thread in threads:
            thread.join()
        assert time.monotonic() - began >= 60
        assert len(outcomes) > 50
        assert outcomes.count(False) == 0
        assert node.log.read_text().count('"event": "listening"') == 1
        print(f"{len(outcomes)} associations in {time.monotonic() - began:.0f} s, none refused")


def attempt(associate: Callable[[], object]) -> bool:
    """Whether an association is accepted."""
    association = associate()
    if association.is_established:  # type: ignore[attr-defined]
        association.release()  # type: ignore[attr-defined]
        return True
    return False


def let_in(node: LiveNode, titles: list[str]) -> None:
    """Reload settings in which these callers are allowed besides the modality, and wait until the last one is."""
    dicom = node.settings.dicom.model_copy(update={"callers": ("MODALITY", *titles)})
    reload_with(node, settings_toml(node.settings.model_copy(update={"dicom": dicom})))
    wait_for(lambda: attempt(lambda: node.associate(Verification, ae_title=titles[-1])), 60, f"{titles[-1]} to be in")
