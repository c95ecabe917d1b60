"""What an operator asks of a running node: urgent first, pause, drain, hold, cancel; crashes in between included."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dicom_io.network.contexts import acceptor_contexts
from live_node import LiveNode, instance, live_node, new_study, wait_for
from memory_scp import MemoryScp, accepting
from node.jobs import JobState, Priority
from node.settings_sections import Destination
from node.states import StudyEvent, StudyState

pytestmark = pytest.mark.system


def queue(node: LiveNode, *words: str, seconds: float = 240) -> subprocess.CompletedProcess[str]:
    """`mome-node queue ...` as an operator types it."""
    command = [sys.executable, "-m", "node.cli.main", "queue", *words, "--config", str(node.folder / "node.toml")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)


def state_of(node: LiveNode, study: str) -> str:
    return str(node.ledger.reading.study(study).study.state)


def send(node: LiveNode, count: int) -> list[str]:
    """So many studies of one image each, complete when this returns."""
    studies = [new_study() for _ in range(count)]
    node.send_until_all_are_kept([instance(each) for each in studies])
    wait_for(lambda: all(state_of(node, each) != "RECEIVING" for each in studies), 120, "the studies to be complete")
    return studies


def claims(node: LiveNode) -> list[str]:
    """Studies in the order in which their analysis was begun."""
    return [uid for entry, uid in node.ledger.audit.entries() if entry.event is StudyEvent.CLAIMED]


def test_a_stat_study_among_fifty_that_wait_is_analysed_next(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        node.start()
        assert queue(node, "pause").returncode == 0
        waiting = send(node, 50)
        (urgent,) = send(node, 1)
        number = node.ledger.reading.study(urgent).study.id
        assert queue(node, "priority", str(number), "STAT").returncode == 0
        assert claims(node) == [], "a paused node began an analysis"
        assert queue(node, "resume").returncode == 0
        wait_for(lambda: len(claims(node)) >= 5, 120, "the first analyses")
        began = claims(node)
        assert began[0] == urgent
        assert began[1:5] == waiting[:4]
        assert node.ledger.reading.study(urgent).study.priority is Priority.STAT


def test_a_pause_outlives_kill_minus_nine_and_the_start_after_it(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        node.start()
        assert queue(node, "pause", "--why", "new disk").returncode == 0
        (study,) = send(node, 1)
        node.kill()
        node.start()
        node.send_until_all_are_kept([instance(new_study())])  # reception goes on
        wait_for(lambda: node.log.read_text().count("ready to analyse") == 2, 120, "the second worker")
        assert state_of(node, study) == "STABLE"
        assert "new disk" in queue(node, "list").stdout
        assert queue(node, "resume").returncode == 0
        node.outcome(study, "DELIVERED", "ANALYZED")


def test_a_drained_node_finishes_rejects_and_works_again_after_a_stop(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        node.busy.touch()
        node.start()
        studies = send(node, 2)
        wait_for(lambda: "ANALYZING" in [state_of(node, each) for each in studies], 60, "an analysis")
        assert queue(node, "drain").returncode == 0
        wait_for(lambda: not node.echo(), 60, "associations to be rejected")
        node.busy.unlink()
        assert queue(node, "drain", "--wait").returncode == 0
        done = sorted(state_of(node, each) for each in studies)
        assert done in (["ANALYZED", "STABLE"], ["DELIVERED", "STABLE"]), "in hand: finished; waiting: not begun"
        assert node.stop() == 0
        assert node.ledger.holds.current() == []
        node.start()
        for each in studies:
            detail = node.outcome(each, "DELIVERED", "ANALYZED")
            assert detail.jobs[0].attempts == 1


def test_kill_minus_nine_during_a_drain_leaves_it_in_force(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        node.busy.touch()
        node.start()
        (study,) = send(node, 1)
        node.outcome(study, "ANALYZING")
        assert queue(node, "drain").returncode == 0
        wait_for(lambda: not node.echo(), 60, "associations to be rejected")
        node.kill()
        config = node.folder / "node.toml"
        with node.log.open("ab") as log:
            node.process = subprocess.Popen(
                [sys.executable, LIVE, "serve", str(config)], stdout=log, stderr=log, start_new_session=True
            )
        wait_for(lambda: node.log.read_text().count('"event": "listening"') == 2, 240, "the second listener")
        assert not node.echo()
        wait_for(lambda: node.log.read_text().count("ready to analyse") == 2, 120, "the second worker")
        assert state_of(node, study) == "ANALYZING", "what the crash left is taken up only after the drain"
        node.busy.unlink()
        assert queue(node, "resume").returncode == 0
        wait_for(node.echo, 60, "associations to be accepted")
        detail = node.outcome(study, "DELIVERED", "ANALYZED")
        assert detail.jobs[0].attempts == 2


def test_an_analysis_that_runs_is_cancelled_and_the_next_one_begins(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        node.busy.touch()
        node.start()
        first, second = send(node, 1) + send(node, 1)
        node.outcome(first, "ANALYZING")
        assert queue(node, "cancel", first).returncode == 0
        assert state_of(node, first) == "CANCELLED"
        node.outcome(second, "ANALYZING")
        assert node.stop() == 0
        assert state_of(node, first) == "CANCELLED"


def test_what_goes_to_a_destination_that_is_held_waits_and_the_other_gets_it(tmp_path: Path) -> None:
    with accepting(MemoryScp(), acceptor_contexts()) as pacs, accepting(MemoryScp(), acceptor_contexts()) as research:
        places = [
            Destination(name=name, ae_title="ANY", host="127.0.0.1", port=each.port)
            for name, each in (("pacs", pacs), ("research", research))
        ]
        with live_node(tmp_path, *places) as node:
            node.start()
            assert queue(node, "hold", "pacs", "--why", "upgrade").returncode == 0
            (study,) = send(node, 1)

            def jobs() -> dict[str, JobState]:
                return {job.destination: job.state for job in node.ledger.reading.study(study).jobs if job.destination}

            wait_for(lambda: jobs().get("research") is JobState.DONE, 60, "the other destination")
            assert jobs()["pacs"] is JobState.WAITING
            node.kill()
            node.start()
            assert jobs()["pacs"] is JobState.WAITING
            assert queue(node, "release", "pacs").returncode == 0
            assert node.outcome(study, "DELIVERED").study.state is StudyState.DELIVERED


LIVE = str(Path(__file__).parents[1] / "support" / "live_node.py")


def test_two_devices_analyse_two_studies_at_a_time(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        workers = node.settings.worker.model_copy(update={"devices": ("cpu:0", "cpu:1")})
        node.settings = node.settings.model_copy(update={"worker": workers})
        node.busy.touch()
        node.start()
        studies = send(node, 3)
        wait_for(lambda: [state_of(node, each) for each in studies].count("ANALYZING") == 2, 120, "both devices")
        assert sorted(state_of(node, each) for each in studies) == ["ANALYZING", "ANALYZING", "STABLE"]
        holders = {(each.node, each.part) for each in node.ledger.jobs.holders()}
        name = node.settings.node_name
        assert holders == {(name, "worker-cpu:0"), (name, "worker-cpu:1")}
        node.busy.unlink()
        for each in studies:
            assert node.outcome(each, "DELIVERED", "ANALYZED").jobs[0].attempts == 1
