"""`mome-node queue`: what is typed is in force, audited with the name of who typed it, and can be undone."""

from __future__ import annotations

import getpass
import json
import time
from pathlib import Path

import pytest

from kept_studies import STUDY, keep
from node.cli import queue
from node.cli.main import main
from node.cli.queue import is_drained
from node.errors import NotReady
from node.jobs import JobKind, NodePart, Priority
from node.settings import Settings, load_settings
from node.settings_file import settings_toml
from node.settings_sections import Destination
from node.states import StudyState
from node.storage.health import HealthStore
from node.storage.holds import Hold, HoldKind
from node.storage.ledger.ledger import Ledger


@pytest.fixture
def config(tmp_path: Path) -> Path:
    pacs = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=104)
    file = tmp_path / "node.toml"
    ris = {"name": "ris", "host": "127.0.0.1", "port": 2575}
    file.write_text(settings_toml(Settings(storage={"root": tmp_path / "root"}, destinations=[pacs], hl7=[ris])))
    return file


@pytest.fixture
def ledger(config: Path) -> Ledger:
    """A study that waits for its analysis."""
    kept = keep(load_settings(config), 1)
    kept.gathering.settle(150, 160)
    return kept


def typed(config: Path, *words: str) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as ended:
        main(["queue", *words, "--config", str(config)])
    return int(ended.value.code or 0)


def persons(ledger: Ledger) -> list[tuple[str, str]]:
    found = [entry for entry, _ in ledger.audit.entries() if entry.event == "OPERATED"]
    return [(each.detail.partition(": ")[2], each.fields.person) for each in found]


def test_a_study_is_made_urgent_by_its_number(config: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(config, "priority", "1", "stat") == 0
    assert ledger.reading.study(STUDY).study.priority is Priority.STAT
    assert persons(ledger) == [("priority STAT", getpass.getuser())]
    capsys.readouterr()
    assert typed(config, "list") == 0
    assert "STAT" in capsys.readouterr().out
    assert typed(config, "priority", "1", "NOW") == 2
    assert typed(config, "priority", "7", "STAT") == 1


def test_a_study_is_cancelled(config: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(config, "cancel", STUDY) == 0
    assert ledger.reading.study(STUDY).study.state is StudyState.CANCELLED
    assert typed(config, "cancel", STUDY) == 1
    assert "nothing of this study is waiting" in capsys.readouterr().err
    assert typed(config, "list") == 0
    assert "nothing is waiting, running or failed" in capsys.readouterr().out


def test_the_node_is_paused_and_resumed(config: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    node = load_settings(config).node_name
    assert typed(config, "pause", "--why", "new disk") == 0
    assert ledger.jobs.claim(JobKind.ANALYZE, 200.0, 60.0, by=NodePart(node, "worker")) is None
    capsys.readouterr()
    assert typed(config, "list") == 0
    assert "is paused" in capsys.readouterr().out.replace("\n", " ")
    assert typed(config, "list", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["holds"][0]["why"], shown["jobs"][0]["priority"]) == ("new disk", "ROUTINE")
    assert typed(config, "resume") == 0
    assert typed(config, "resume") == 1
    assert persons(ledger) == [
        (f"pause {node}: new disk", getpass.getuser()),
        (f"resumed {node}", getpass.getuser()),
    ]


def test_a_destination_is_held_and_released_and_one_that_is_none_is_refused(
    config: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(config, "hold", "pasc") == 1
    assert "there are: pacs, ris" in capsys.readouterr().err
    for receiver in ("pacs", "ris"):
        assert typed(config, "hold", receiver, "--why", "upgrade") == 0
        assert [each.subject for each in ledger.holds.current()] == [receiver]
        assert typed(config, "release", receiver) == 0
    assert ledger.holds.current() == []


def test_a_node_that_does_not_run_is_not_drained(config: Path, ledger: Ledger) -> None:
    assert typed(config, "drain") == 5
    assert ledger.holds.current() == []


def test_a_drain_waits_for_associations_and_for_what_is_in_hand(
    config: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, health = load_settings(config), HealthStore(ledger.engine)
    node = settings.node_name
    health.beat(node, "listener", time.time(), 1, 100.0)
    job = ledger.jobs.claim(JobKind.ANALYZE, 200.0, 60.0, by=NodePart(node, "worker"))
    assert job is not None
    steps = [
        lambda: health.beat(node, "listener", time.time(), 1, None),  # no new association is accepted
        lambda: health.beat(node, "listener", time.time(), 0, None),  # the last one has ended
        lambda: ledger.jobs.give_back(node, time.time()),
    ]
    waited: list[bool] = []

    def sleep(_seconds: float) -> None:
        waited.append(is_drained(settings, ledger))
        steps.pop(0)()

    monkeypatch.setattr(queue.time, "sleep", sleep)
    assert typed(config, "drain", "--wait") == 0
    assert waited == [False, False, False]
    assert steps == []


def test_whoever_waits_for_a_drain_hears_that_it_was_ended(config: Path, ledger: Ledger) -> None:
    settings = load_settings(config)
    HealthStore(ledger.engine).beat(settings.node_name, "listener", time.time(), 0, 100.0)
    ledger.holds.hold(Hold(HoldKind.PAUSE, settings.node_name, 1.0, "alice"))
    with pytest.raises(NotReady, match="ended before"):
        is_drained(settings, ledger)
