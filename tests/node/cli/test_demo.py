"""The parts of `mome-node demo`: settings and PACS of its own, a study followed to its end, results by kind."""

from __future__ import annotations

import io
import socket
from pathlib import Path

import pytest
from rich.console import Console

from kept_studies import STUDY, delivered, keep
from node.cli.demo import copy_results, destinations, follow, free_port, show_outcome
from node.settings import Settings, load_settings
from node.states import StudyState


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(storage={"root": tmp_path / "root"})
    delivered(settings, keep(settings, 1))
    return settings


def test_the_demo_has_a_pacs_a_port_and_a_root_of_its_own(tmp_path: Path) -> None:
    with destinations(tmp_path, None) as (settings, file):
        (pacs,) = settings.destinations
        assert pacs.name == "demo-pacs"
        socket.create_connection((pacs.host, pacs.port), timeout=30).close()
        assert settings.storage.root.parent == tmp_path.absolute()
        assert not settings.dashboard.enabled
        assert load_settings(file).destinations == settings.destinations


def test_with_settings_of_a_site_their_destinations_are_used(tmp_path: Path) -> None:
    config = tmp_path / "site.toml"
    config.write_text('[[destinations]]\nname = "ours"\nae_title = "OURS"\nhost = "10.0.0.5"\nport = 104\n')
    with destinations(tmp_path / "out", config) as (settings, _):
        assert [each.name for each in settings.destinations] == ["ours"]


def test_a_study_is_followed_to_its_end(settings: Settings) -> None:
    shown = io.StringIO()
    detail = follow(STUDY, settings, Console(file=shown, width=120))
    assert detail.study.state is StudyState.DELIVERED
    lines = shown.getvalue().splitlines()
    states = [state for state in StudyState if any(line.strip().startswith(state) for line in lines)]
    assert states == [
        StudyState.STABLE,
        StudyState.ANALYZING,
        StudyState.ANALYZED,
        StudyState.DELIVERED,
    ]


def test_results_have_the_names_of_their_kinds(tmp_path: Path, settings: Settings) -> None:
    detail = follow(STUDY, settings, Console(file=io.StringIO()))
    copy_results(detail, settings, tmp_path / "results")
    assert {each.name: each.read_bytes() for each in (tmp_path / "results").iterdir()} == {"report.dcm": b"a report"}


def test_the_outcome_says_what_each_destination_got_and_where_the_files_are(tmp_path: Path, settings: Settings) -> None:
    shown = io.StringIO()
    console = Console(file=shown, width=200)
    show_outcome(follow(STUDY, settings, console), settings, tmp_path, console)
    assert "pacs: 1 object, job done" in shown.getvalue()
    assert str(tmp_path / "results") in shown.getvalue()


def test_a_free_port_can_be_bound() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
