"""Who has a ledger shows that it is alive, and nobody needs a database or a port to see it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from node.cli.main import main
from node.exit_codes import Exit
from node.service.ledger_lock import LedgerLock, failing, is_alive
from node.settings import Settings
from node.settings_file import settings_toml


def settings_with(root: Path, **sections: object) -> Settings:
    root.mkdir()
    return Settings(storage={"root": root, "reserve_mib": 1}, **sections)


def checked(settings: Settings, folder: Path, *options: str) -> int:
    """The exit code of `mome-node check`."""
    config = folder / "node.toml"
    config.write_text(settings_toml(settings))
    with pytest.raises(SystemExit) as ended:
        main(["check", *options, "--config", str(config)])
    return int(ended.value.code or 0)


def test_a_supervisor_is_alive_while_it_beats(tmp_path: Path) -> None:
    settings = settings_with(tmp_path / "root")
    assert not is_alive(settings)
    with LedgerLock(settings) as lock:
        os.utime(lock.path, (1.0, 1.0))
        assert checked(settings, tmp_path, "--alive") == Exit.NOT_READY
        lock.beat()
        assert checked(settings, tmp_path, "--alive") == Exit.OK
        assert not is_alive(settings, time.time() + 60)


def test_nodes_that_share_a_root_do_not_speak_for_each_other(tmp_path: Path) -> None:
    url = {"url": "postgresql://mome@127.0.0.1:1/mome"}
    one = settings_with(tmp_path / "root", database=url)
    other = one.model_copy(update={"dicom": one.dicom.model_copy(update={"ae_title": "OTHER"})})
    with LedgerLock(one) as lock:
        lock.beat()
        assert (is_alive(one), is_alive(other)) == (True, False)
    assert checked(one, tmp_path, "--alive") == Exit.OK, "a database that is away is no death"


def test_a_node_is_ready_when_its_supervisor_finds_nothing_that_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_with(tmp_path / "root")
    with LedgerLock(settings) as lock:
        assert checked(settings, tmp_path, "--ready") == Exit.NOT_READY
        lock.note_failing(["worker", "disk"])
        assert checked(settings, tmp_path, "--ready") == Exit.NOT_READY
        lock.note_failing([])
        assert checked(settings, tmp_path, "--ready") == Exit.OK
        assert capsys.readouterr().out.splitlines() == ["supervisor", "worker, disk", "ok"]
        assert failing(settings, time.time() + 60) == ["supervisor"], "what it found is old"
    assert failing(settings) == ["supervisor"]
    assert [each.name for each in settings.storage.root.iterdir()] == ["serve.lock"]
