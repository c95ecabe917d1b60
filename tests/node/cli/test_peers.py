"""A caller that was rejected is let in by one command, which changes one line of the settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from node.cli.main import main
from node.errors import SettingsError
from node.settings import load_settings
from node.settings_file import allow_caller, example_toml, with_caller

SETTINGS = """# ours
[dicom]
callers = ["MRI1"]  # the first scanner
networks = ["10.0.0.0/24"]

[gather]
quiet_seconds = 30.0  # callers = ["not here"]
"""


def test_one_line_changes_and_comments_stay() -> None:
    changed = with_caller(SETTINGS, "MRI2", "10.1.0.7")
    assert changed == SETTINGS.replace('["MRI1"]', '["MRI1", "MRI2"]').replace(
        '["10.0.0.0/24"]', '["10.0.0.0/24", "10.1.0.7"]'
    )


def test_who_is_there_already_is_not_added_again() -> None:
    assert with_caller(SETTINGS, "MRI1", "") == SETTINGS


def test_an_empty_list_lets_everyone_in_and_stays_empty() -> None:
    assert with_caller(example_toml(), "MRI2", "") == example_toml()


@pytest.mark.parametrize("ae_title", ['A"]', "B']", "C # D", "E]"])
def test_a_hostile_ae_title_stays_one_value(tmp_path: Path, ae_title: str) -> None:
    file = tmp_path / "node.toml"
    file.write_text(with_caller(SETTINGS, ae_title, ""))
    assert load_settings(file).dicom.callers == ("MRI1", ae_title)


def test_a_name_that_is_no_ae_title_is_refused() -> None:
    with pytest.raises(ValueError, match="1 to 16"):
        with_caller(SETTINGS, "MUCH TOO LONG A NAME", "")


def test_a_list_over_several_lines_is_left_to_the_editor() -> None:
    with pytest.raises(SettingsError, match="one line"):
        with_caller('[dicom]\ncallers = [\n  "MRI1",\n]\n', "MRI2", "")


def test_the_command_edits_the_file_and_says_what_comes_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "node.toml"
    file.write_text(SETTINGS)
    file.chmod(0o640)
    with pytest.raises(SystemExit) as ended:
        main(["peers", "allow", "MRI2", "--address", "10.1.0.7", "--config", str(file)])
    assert ended.value.code in {0, None}
    assert load_settings(file).dicom.callers == ("MRI1", "MRI2")
    assert file.stat().st_mode & 0o777 == 0o640
    assert "reload" in capsys.readouterr().out
    assert [each.name for each in tmp_path.iterdir()] == ["node.toml"]


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can give a file away")
def test_a_file_that_root_edits_stays_its_owners(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text(SETTINGS)
    os.chown(file, 65534, 65533)
    file.chmod(0o600)
    assert allow_caller(file, "MRI2", "10.1.0.7")
    status = file.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (65534, 65533, 0o600)


def test_a_change_that_is_not_valid_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text(SETTINGS)
    for address, why in (("0.0.0.0/0", "one host"), ("", "AE title")):
        with pytest.raises((SettingsError, ValueError), match=why):
            allow_caller(file, "MRI2" if address else "MUCH TOO LONG A NAME", address)
    assert (file.read_text(), [each.name for each in tmp_path.iterdir()]) == (SETTINGS, ["node.toml"])
