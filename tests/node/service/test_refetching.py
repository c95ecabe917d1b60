"""Who is dead is seen by our own clock alone; a PACS that does not answer is asked again, and counts no attempt."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger_studies import STUDY
from node.hosts import open_archive
from node.search_key import SearchKey
from node.service.refetching import Refetcher
from node.settings import Settings
from node.states import StudyState
from node.storage.hosts import Hosts, NodeHost
from node.storage.ledger.ledger import Ledger
from node.storage.ledger.refetches import HostsByLife
from ports import free_port
from two_hosts import AT_A, A, listening, receive

postgresql = pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)


@pytest.fixture
def settings(ledger: Ledger, tmp_path: Path) -> Settings:
    """Of a node whose PACS is down."""
    url = ledger.engine.url.render_as_string(hide_password=False).replace("postgresql+psycopg", "postgresql")
    pacs = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": free_port()}
    return Settings(storage={"root": tmp_path / "root"}, database={"url": url}, destinations=[pacs])


@pytest.fixture
def refetcher(ledger: Ledger, settings: Settings) -> Refetcher:
    return Refetcher(settings, ledger, open_archive(settings, ledger))


def host(number: int, heard_at: float | None) -> NodeHost:
    return NodeHost(number, f"N@h{number}:104", "h", f"archive {number}", "/srv", "key", heard_at)


def looks(refetcher: Refetcher, *heard_at: float | None, at: float) -> HostsByLife:
    return refetcher.watch.look([host(number, each) for number, each in enumerate(heard_at)], at)


@postgresql
def test_a_host_whose_heartbeat_stands_still_has_died(refetcher: Refetcher) -> None:
    for second in range(0, 20, 2):
        assert looks(refetcher, 1000.0 + second, 5.0, at=float(second)).dead == frozenset()
    found = looks(refetcher, 1020.0, 5.0, at=20.0)
    assert (found.dead, found.alive) == ({"archive 1"}, {"archive 0"})
    assert looks(refetcher, 1022.0, 6.0, at=22.0).dead == frozenset(), "it was alive"


@postgresql
def test_clocks_of_others_do_not_matter_and_a_planned_stop_is_no_death(refetcher: Refetcher) -> None:
    for second in range(0, 30, 2):
        found = looks(refetcher, 1e9 + second, float(second), None, at=float(second))
    assert (found.dead, found.alive) == (frozenset(), {"archive 0", "archive 1"})


@postgresql
def test_who_did_not_look_knows_of_nobody_that_he_is_dead(refetcher: Refetcher) -> None:
    for second in range(0, 18, 2):
        looks(refetcher, 5.0, at=float(second))
    assert looks(refetcher, 5.0, at=118.0).dead == frozenset(), "the database was away, or this machine stood still"
    for second in range(120, 136, 2):
        assert looks(refetcher, 5.0, at=float(second)).dead == frozenset()
    assert looks(refetcher, 5.0, at=138.0).dead == {"archive 0"}


@postgresql
def test_a_pacs_that_does_not_answer_counts_no_attempt_and_is_named(
    ledger: Ledger, refetcher: Refetcher, settings: Settings
) -> None:
    key = SearchKey.open(settings.storage.search_key_path).fingerprint
    a = Hosts(ledger.engine).register(A, "a", AT_A.archive, "/srv", key)
    receive(ledger, a, 1, now=90.0)
    listening(ledger, A, 100.0)
    ledger.operator.force(STUDY, 200.0)
    refetcher.by_life = HostsByLife(frozenset((AT_A.archive,)), frozenset())
    assert refetcher.run() == 0
    study = ledger.reading.study(STUDY).study
    waits = Hosts(ledger.engine).of_study(study.id).why_it_waits(study, 1e6)
    assert "fetched in vain, 1 images are missing (attempt 0 of 10): " in waits and '[[destinations]] "pacs"' in waits
    assert study.state is StudyState.STABLE


@postgresql
def test_nothing_is_fetched_where_the_settings_do_not_want_it(settings: Settings, tmp_path: Path) -> None:
    assert [each.name for each in settings.refetch_peers] == ["pacs"]
    off = settings.model_copy(update={"hosts": settings.hosts.model_copy(update={"refetch": False})})
    alone = Settings(storage={"root": tmp_path}, destinations=settings.destinations)
    assert off.refetch_peers == alone.refetch_peers == ()
