"""Instances from a folder into the node, and how a peer is named on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from live_node import instance, new_study
from node.cli.main import main
from node.cli.transfer import find_remote
from node.errors import SettingsError
from node.exit_codes import Exit
from node.settings import Settings
from node.storage.ledger.ledger import Ledger
from ups_server import WorklistServer


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    pacs = {"name": "pacs", "ae_title": "PACS", "host": "10.0.0.5", "port": 104}
    return Settings(storage={"root": tmp_path / "root"}, destinations=[pacs])


def test_a_peer_is_a_destination_or_an_address(settings: Settings) -> None:
    assert find_remote(settings, "pacs").host == "10.0.0.5"
    other = find_remote(settings, "MRI1@scanner.example:11112")
    assert (other.ae_title, other.host, other.port) == ("MRI1", "scanner.example", 11112)


@pytest.mark.parametrize("name", ["nobody", "MRI1@scanner", "@scanner:104", "MRI1@:104", "MRI1@scanner:dicom"])
def test_any_other_name_is_refused_with_the_known_ones(settings: Settings, name: str) -> None:
    with pytest.raises(SettingsError, match=r"known: pacs\), and it is not AETITLE@HOST:PORT"):
        find_remote(settings, name)


def test_a_folder_is_taken_once_and_what_is_no_instance_is_left_out(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    config, folder = tmp_path / "node.toml", tmp_path / "cd"
    config.write_text(f'[storage]\nroot = "{tmp_path / "root"}"\n')
    folder.mkdir()
    study = new_study()
    for n in range(2):
        instance(study).save_as(folder / f"{n}.dcm", enforce_file_format=True)
    (folder / "autorun.inf").write_text("no instance")
    for expected in ("2 stored", "2 duplicate"):
        with pytest.raises(SystemExit):
            main(["ingest", str(folder), "--config", str(config)])
        shown = capsys.readouterr()
        assert expected in shown.out and "1 left out" in shown.out
        assert "left out: autorun.inf" in shown.err
    assert len(list(Ledger(settings.database_url).reading.instances(study))) == 2


def test_a_peer_that_does_not_answer_has_its_own_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["echo", "PACS@127.0.0.1:1"])
    assert ended.value.code == Exit.PEER_UNREACHABLE
    assert "PACS" in capsys.readouterr().err


def test_a_receiver_of_messages_is_called_by_its_own_protocol(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "node.toml"
    with WorklistServer().running() as server:
        config.write_text(
            f'[storage]\nroot = "{tmp_path / "root"}"\n[[worklists]]\nname = "orders"\nurl = "{server.url}"\n'
            '[[hl7]]\nname = "ris"\nhost = "127.0.0.1"\nport = 1\n'
        )
        with pytest.raises(SystemExit) as answered:
            main(["echo", "orders", "--config", str(config)])
    assert (answered.value.code, "orders answers a search" in capsys.readouterr().out) == (Exit.OK, True)
    with pytest.raises(SystemExit) as silent:
        main(["echo", "ris", "--config", str(config)])
    assert (silent.value.code, "[[hl7]] ris" in capsys.readouterr().err) == (Exit.PEER_UNREACHABLE, True)


def test_a_destination_is_called_before_a_worklist_of_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "node.toml"
    config.write_text(
        f'[storage]\nroot = "{tmp_path / "root"}"\n[[worklists]]\nname = "pacs"\nurl = "http://127.0.0.1:1/"\n'
        '[[destinations]]\nname = "pacs"\nae_title = "PACS"\nhost = "127.0.0.1"\nport = 1\n'
    )
    with pytest.raises(SystemExit) as ended:
        main(["echo", "pacs", "--config", str(config)])
    assert (ended.value.code, "[[destinations]]" in capsys.readouterr().err) == (Exit.PEER_UNREACHABLE, True)
