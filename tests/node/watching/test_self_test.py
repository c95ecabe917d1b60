"""The self-test: every test runs whatever the others found, and a PACS that is down is no reason not to start."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from node.models import find_bundle
from node.settings import Settings
from node.storage.archive import is_full
from node.watching.self_test import run_self_test


def test_a_sound_installation_passes_and_a_silent_pacs_is_not_required(tmp_path: Path) -> None:
    pacs = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 1}
    settings = Settings(storage={"root": tmp_path / "root"}, destinations=[pacs])
    results = {each.name: each for each in run_self_test(settings)}
    required = ["settings", "storage", "database", "audit trail", "DICOM port", "model", "known inference"]
    assert list(results) == [*required, "device time", "echo pacs"]
    assert [each.name for each in results.values() if not each.passed] == ["echo pacs"]
    assert [each.name for each in results.values() if each.required] == required
    assert "as expected" in results["known inference"].found
    assert " per study on " in results["device time"].found


def test_a_damaged_model_fails_and_the_others_are_still_tested(tmp_path: Path) -> None:
    shutil.copytree(find_bundle("demo"), tmp_path / "torn")
    with (tmp_path / "torn" / "model.safetensors").open("r+b") as file:
        file.truncate(1000)
    settings = Settings(storage={"root": tmp_path / "root"}, model={"path": str(tmp_path / "torn")})
    failed = {each.name: each.found for each in run_self_test(settings) if not each.passed}
    assert set(failed) == {"model", "known inference"}
    assert "SHA-256 differs" in failed["model"]


def test_a_disk_with_room_for_few_files_fails_before_it_takes_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(storage={"root": tmp_path / "root"})
    monkeypatch.setattr("node.watching.self_test.free_files", lambda _: 50_000)
    storage = next(each for each in run_self_test(settings) if each.name == "storage")
    assert not storage.passed and "room for 50000 more files" in storage.found
    assert not is_full(tmp_path, 0), "it still takes images"
    assert is_full(tmp_path, 0, reserve_files=2**63)
