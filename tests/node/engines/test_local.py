"""Processes of this machine: what the studies of a batch do to each other, which is nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine_work import UNOPENABLE, TroubleWork
from node.engines.engine import Batch, Engine, Limits, LostTask, Work
from node.engines.local import LocalEngine
from node.engines.ray_cluster import RayEngine
from places import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(params=[LocalEngine(2), RayEngine(workers=2)], ids=["local", "ray"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Each engine; Ray's processes find packages and tests as this one does."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'tests/support'}")
    found: Engine = request.param
    return found


def answers(
    engine: Engine, work: Work[int, int], numbers: list[int], limits: Limits | None = None
) -> list[int | LostTask]:
    """What came back, each once, in the order of the tasks."""
    told: dict[int, int | LostTask] = {}

    def tell(place: int, answer: int | LostTask) -> None:
        assert place not in told, "a task was answered twice"
        told[place] = answer

    engine.run(Batch(numbers, work, limits or Limits()), tell)
    return [told[place] for place in range(len(numbers))]


def test_every_task_is_answered_once_by_processes_that_opened_the_work_once(engine: Engine, tmp_path: Path) -> None:
    assert answers(engine, TroubleWork(tmp_path), list(range(40))) == [n * n for n in range(40)]
    assert 1 <= len(list(tmp_path.glob("opened-*"))) <= 2
    assert sorted(map(int, (tmp_path / "tried").read_text().split())) == list(range(40))


def test_a_crash_a_glutton_and_one_that_hangs_are_lost_and_harm_no_other(engine: Engine, tmp_path: Path) -> None:
    found = answers(engine, TroubleWork(tmp_path), [1, -1, 2, -2, 3, -3, 4, -4, 5], Limits(seconds=8, memory_gib=3))
    crashed, glutton, hung = found[1], found[3], found[5]
    assert isinstance(crashed, LostTask) and "died 3 times" in crashed.reason
    assert isinstance(glutton, LostTask) and "memory" in glutton.reason
    assert isinstance(hung, LostTask) and "longer than 8 s" in hung.reason
    assert [found[n] for n in (0, 2, 4, 6, 7, 8)] == [1, 4, 9, 16, 16, 25]  # -4 died once and was tried again
    tried = (tmp_path / "tried").read_text().split()
    assert (tried.count("-1"), tried.count("-4"), tried.count("-3")) == (3, 2, 1)


def test_work_that_cannot_be_opened_ends_the_batch(engine: Engine) -> None:
    with pytest.raises(LookupError, match="no such model"):
        answers(engine, UNOPENABLE, [1, 2])
