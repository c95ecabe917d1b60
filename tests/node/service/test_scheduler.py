"""What is periodic is done on time, whatever the wall clock does; a failure of the database or the disk is repeated."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from apscheduler.schedulers import base

from live_node import wait_for
from node.errors import NodeError
from node.service.delivery import DeliveryClient, delivery_clients
from node.service.scheduler import Every, PeriodicTask, SteadyTime, deliver_until, periodic_tasks, planned, repeatable
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger

HOURS_26 = timedelta(hours=26)


class JumpingClock(datetime):
    """The wall clock, set by so much."""

    jump = timedelta(0)

    @classmethod
    def now(cls, tz: object = None) -> datetime:
        return (datetime.now(UTC) + cls.jump).astimezone(tz)  # type: ignore[arg-type]


@pytest.mark.parametrize("jump", [HOURS_26, -HOURS_26])
def test_a_jump_of_the_wall_clock_neither_delays_a_run_nor_makes_one_early(
    jump: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "datetime", JumpingClock)
    monkeypatch.setattr(JumpingClock, "jump", timedelta(0))
    often: list[float] = []
    seldom: list[float] = []
    scheduler = planned(
        (
            PeriodicTask("often", 0.05, lambda: often.append(time.monotonic())),
            PeriodicTask("seldom", 3600.0, lambda: seldom.append(time.monotonic()), first_seconds=3600.0),
        )
    )
    scheduler.start()
    try:
        wait_for(lambda: len(often) > 2, 30, "the first runs")
        monkeypatch.setattr(JumpingClock, "jump", jump)
        jumped_at, runs = time.monotonic(), len(often)
        wait_for(lambda: len(often) > runs + 5, 30, "runs after the jump")
    finally:
        scheduler.shutdown()
    assert often[runs + 5] - jumped_at < 20
    assert len(often) < 200, "it spins"
    assert seldom == []


def test_steady_time_is_utc_and_goes_on() -> None:
    zone = SteadyTime()
    first = datetime.now(zone)
    assert abs(first - datetime.now(UTC)) < timedelta(seconds=60)
    assert first.utcoffset() == zone.dst(first) == timedelta(0)
    assert datetime.now(zone) >= first


def test_the_first_run_has_a_delay_of_its_own() -> None:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    every = Every(30.0, first_seconds=10.0)
    assert every.get_next_fire_time(None, now) - now == timedelta(seconds=10)
    assert every.get_next_fire_time(now, now) - now == timedelta(seconds=30)


def test_every_periodic_task_of_a_node_can_be_done(tmp_path: Path) -> None:
    settings = Settings(storage={"root": tmp_path})
    tasks = periodic_tasks(settings, None, Ledger(settings.database_url), Archive(tmp_path))
    names = "audit head, settle, search index, verdicts, retention, previews, echoes, explain, self-test, alerts"
    assert ", ".join(each.name for each in tasks) == names
    for each in tasks:
        each.run()


def test_a_failure_of_the_disk_is_logged_and_the_step_comes_round_again(caplog: pytest.LogCaptureFixture) -> None:
    def step() -> None:
        raise NodeError("the disk is full")

    with caplog.at_level(logging.ERROR):
        assert repeatable(step)() is None
    assert "the disk is full" in caplog.text


def test_a_destination_without_work_is_asked_again_until_the_node_stops(tmp_path: Path) -> None:
    pacs = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 1}
    settings = Settings(storage={"root": tmp_path}, destinations=(pacs,))
    clients = delivery_clients(settings, Ledger(settings.database_url), Archive(tmp_path))
    assert [each.destination.name for each in clients] == ["pacs"]
    stopping = threading.Event()
    thread = threading.Thread(target=deliver_until, args=(stopping, clients[0].deliver_next))
    thread.start()
    stopping.set()
    thread.join(30)
    assert not thread.is_alive() and isinstance(clients[0], DeliveryClient)
