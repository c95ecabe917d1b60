"""Seconds per study are measured once for a bundle, an estimator and a device; the doctor reads what is remembered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evaluation_sites import write_bundle
from mome_core.device_time import DeviceTime
from node.settings import Settings
from node.watching import device_times
from node.watching.device_times import StudyTime, measured_times, remembered_times
from node.watching.doctor import check_device_time
from node.watching.findings import FindingLevel


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The estimators that were measured; each study takes ten seconds."""
    seen: list[str] = []

    def measure(checkpoint: Any, _policy: Any) -> DeviceTime:
        seen.append(checkpoint.estimator.name)
        return DeviceTime(6.0, 4.0)

    monkeypatch.setattr(device_times, "device_time", measure)
    return seen


def test_a_bundle_is_measured_once_and_the_doctor_says_what_was_found(tmp_path: Path, asked: list[str]) -> None:
    settings = Settings(storage={"root": tmp_path}, model={"device": "cpu"})
    unknown = check_device_time(settings)
    assert (unknown.level, unknown.hint, asked) == (FindingLevel.UNKNOWN, "measure it: mome-node check", [])
    (found,) = measured_times(settings)
    assert (measured_times(settings), remembered_times(settings)) == ((found,), (found,))
    assert len(asked) == 1
    known = check_device_time(settings)
    assert known.level is FindingLevel.OK
    assert known.message.endswith(
        "about 10 s per study on cpu, a queue builds up at more than 360 an hour for each worker"
    )


def test_what_cannot_be_read_is_measured_anew(tmp_path: Path, asked: list[str]) -> None:
    settings = Settings(storage={"root": tmp_path}, model={"device": "cpu"})
    (found,) = measured_times(settings)
    (tmp_path / "device-times.json").write_text("{")
    assert remembered_times(settings) == ()
    assert measured_times(settings) == (found,) and len(asked) == 2


def test_an_ae_title_with_bundles_of_its_own_has_a_time_of_its_own(tmp_path: Path, asked: list[str]) -> None:
    write_bundle(tmp_path / "ours", 1, "somebody")
    other = {"ae_title": "OTHER", "models": [str(tmp_path / "ours")]}
    alike = {"ae_title": "THIRD", "models": ["demo"]}
    settings = Settings(
        storage={"root": tmp_path / "root"}, model={"device": "cpu", "allow_unsigned": True}, ae_titles=[other, alike]
    )
    first, second = measured_times(settings)
    assert (second.models, len(asked)) == (("ours 1",), 2) and first.models != second.models


def test_hours_and_seconds_are_said_alike() -> None:
    slow = StudyTime(("mome 1",), "cpu", 5400.0)
    assert str(slow) == "mome 1: about 90 min per study on cpu, a queue builds up from one study an hour on"
    assert str(StudyTime(("a 1", "b 2"), "cuda", 0.84)).startswith("a 1 with b 2: about 0.84 s per study on cuda")
