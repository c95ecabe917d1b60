"""Who is dead is seen by our own clock alone; a PACS that does not answer is asked again, and counts no attempt."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from ledger_studies import STUDY, SUMMARY, kept_report, stored_instance
from node.hosts import open_archive
from node.jobs import JobKind
from node.search_key import SearchKey
from node.service import refetching
from node.service.refetching import Refetcher
from node.settings import Settings
from node.states import StudyState
from node.storage.host_schema import refetch
from node.storage.hosts import Hosts, NodeHost
from node.storage.ledger.ledger import Ledger
from node.storage.ledger.refetches import HostsByLife
from node.storage.records import AnalysisRecord
from ports import free_port
from scripted_pacs import ScriptedPacs, aborting, hang_up, moved, scripted_pacs
from two_hosts import AT_A, A, claim, listening, receive

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
    for second in range(0, 15, 3):
        assert looks(refetcher, 1000.0 + second, 5.0, at=float(second)).dead == frozenset()
    found = looks(refetcher, 1015.0, 5.0, at=15.0)
    assert (found.dead, found.alive) == ({"archive 1"}, {"archive 0"})
    assert looks(refetcher, 1017.0, 6.0, at=17.0).dead == frozenset(), "it was alive"


@postgresql
def test_clocks_of_others_do_not_matter_and_a_planned_stop_is_no_death(refetcher: Refetcher) -> None:
    for second in range(0, 30, 2):
        found = looks(refetcher, 1e9 + second, float(second), None, at=float(second))
    assert (found.dead, found.alive) == (frozenset(), {"archive 0", "archive 1"})


@postgresql
def test_who_did_not_look_knows_of_nobody_that_he_is_dead(refetcher: Refetcher) -> None:
    for second in range(0, 14, 2):
        looks(refetcher, 5.0, at=float(second))
    assert looks(refetcher, 5.0, at=118.0).dead == frozenset(), "the database was away, or this machine stood still"
    for second in range(120, 132, 2):
        assert looks(refetcher, 5.0, at=float(second)).dead == frozenset()
    assert looks(refetcher, 5.0, at=134.0).dead == {"archive 0"}


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


def dead_host(ledger: Ledger, refetcher: Refetcher) -> int:
    """The number of host A, which has died."""
    key = SearchKey.open(refetcher.settings.storage.search_key_path).fingerprint
    listening(ledger, A, 100.0)
    refetcher.by_life = HostsByLife(frozenset((AT_A.archive,)), frozenset())
    return Hosts(ledger.engine).register(A, "a", AT_A.archive, "/srv", key)


def left_on(ledger: Ledger, host: int, study: str) -> None:
    """A complete study whose only image is with this host."""
    ledger.receiving.instances_stored([replace(stored_instance(1, study=study), host_id=host)], 90.0)
    ledger.operator.force(study, 200.0)


def asking(refetcher: Refetcher, *archives: ScriptedPacs) -> None:
    """These are the destinations to fetch from."""
    (one,) = refetcher.settings.destinations
    named = (one.model_copy(update={"name": f"pacs{each.port}", "port": each.port}) for each in archives)
    refetcher.settings = refetcher.settings.model_copy(update={"destinations": tuple(named)})


@postgresql
def test_a_pacs_that_does_not_answer_is_asked_once_for_all_studies_and_again_after_a_pause(
    ledger: Ledger, refetcher: Refetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = dead_host(ledger, refetcher)
    studies = [f"{STUDY}.{number}" for number in range(20)]
    for each in studies:
        left_on(ledger, host, each)
    with scripted_pacs(hang_up) as pacs:
        asking(refetcher, pacs)
        refetcher.run()
        refetcher.run()
        assert pacs.calls == 1
        with ledger.engine.connect() as db:
            rows = db.execute(select(refetch)).all()
        assert len(rows) == 20 and {each.attempts for each in rows} == {0}
        assert all("[[destinations]]" in each.reason for each in rows), "each says why it waits"
        assert all(0.0 < each.not_before - time.time() <= 15.0 for each in rows)
        later, steady = time.time() + 16.0, time.monotonic() + 16.0
        monkeypatch.setattr(time, "time", lambda: later)
        monkeypatch.setattr(time, "monotonic", lambda: steady)
        refetcher.run()
        assert pacs.calls == 2


@postgresql
def test_a_pacs_that_fails_once_connected_counts_an_attempt(ledger: Ledger, refetcher: Refetcher) -> None:
    left_on(ledger, dead_host(ledger, refetcher), STUDY)
    with scripted_pacs(aborting()) as pacs:
        asking(refetcher, pacs)
        assert refetcher.run() == 0
    with ledger.engine.connect() as db:
        assert db.execute(select(refetch.c.attempts)).scalar_one() == 1
    assert refetcher.paused == {}, "it was there: it is asked for other studies"


@postgresql
def test_a_claim_is_extended_while_the_pacs_says_nothing(
    ledger: Ledger, refetcher: Refetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refetching, "_EXTEND_SECONDS", 0.05)
    left_on(ledger, dead_host(ledger, refetcher), STUDY)
    until = list[float]()

    def say_nothing() -> None:
        for _ in range(2):
            with ledger.engine.connect() as db:
                until.append(db.execute(select(refetch.c.not_before)).scalar_one())
            time.sleep(1.0)

    with scripted_pacs(aborting(say_nothing)) as pacs:
        asking(refetcher, pacs)
        refetcher.run()
    assert until[1] - until[0] > 0.5


@postgresql
def test_the_next_pacs_is_asked_though_a_blind_moment_takes_the_dead_for_alive(
    ledger: Ledger, refetcher: Refetcher
) -> None:
    left_on(ledger, dead_host(ledger, refetcher), STUDY)

    def blind() -> None:
        refetcher.by_life = HostsByLife(frozenset(), frozenset((AT_A.archive,)))

    with scripted_pacs(moved(0, blind)) as first, scripted_pacs(moved(0)) as second:
        asking(refetcher, first, second)
        refetcher.run()
        assert (first.calls, second.calls) == (1, 1)


@postgresql
def test_a_host_that_has_come_back_keeps_its_results(ledger: Ledger, refetcher: Refetcher) -> None:
    a = dead_host(ledger, refetcher)
    receive(ledger, a, 1, now=90.0)
    ledger.operator.force(STUDY, 200.0)
    job = claim(ledger, AT_A)
    assert job is not None
    ledger.jobs.analyzed(job, AnalysisRecord((replace(kept_report(), host_id=a),), SUMMARY, ("pacs",)), 310.0)
    assert claim(ledger, AT_A, JobKind.DELIVER, now=311.0) is not None
    receive(ledger, refetcher.archive.host_id, 1, now=320.0)
    refetcher.watch.seconds = 0.1
    refetcher.look()
    time.sleep(0.2)
    refetcher.look()
    assert refetcher.by_life.dead == {AT_A.archive}
    listening(ledger, A, 400.0)  # and not looked since
    refetcher.run()
    assert ledger.reading.study(STUDY).study.revision == 1
