"""The command line itself: the command that is meant is found, and each error has the exit code of its class."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from dicom_io.errors import DicomError, PeerFault, PeerUnreachable
from mome_core.errors import Ineligibility, StudyIneligible
from node.cli.main import command_meant, exit_code, main
from node.errors import NotReady, SettingsError
from node.exit_codes import Exit
from sr_templates.errors import ObjectsError


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["train", "cohort.csv"], "train"),
        (["model", "promote", "demo"], "model promote"),
        (["--", "echo", "pacs"], "echo"),
        (["model"], None),
        (["--help", "train"], None),
        (["modell", "list"], None),
        ([], None),
    ],
)
def test_the_command_that_is_meant_is_found_by_its_first_words(arguments: list[str], meant: str | None) -> None:
    assert command_meant(arguments) == meant


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("[dicom] is missing"), Exit.CONFIGURATION),
        (NotReady("no model"), Exit.NOT_READY),
        (PeerUnreachable("pacs: no answer", PeerFault.NO_ANSWER), Exit.PEER_UNREACHABLE),
        (DicomError("torn"), Exit.FAILURE),
        (ObjectsError("torn"), Exit.FAILURE),
        (StudyIneligible("no dynamic", Ineligibility.NO_DYNAMIC), Exit.FAILURE),
        (FileNotFoundError("x"), Exit.FAILURE),
        (LookupError("no such study"), Exit.FAILURE),
        (TypeError("a defect"), None),
    ],
)
def test_an_error_s_class_is_its_exit_code(error: Exception, code: Exit | None) -> None:
    assert exit_code(error) is code


def test_our_errors_are_one_line_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["config", "check", "--config", "/nowhere/node.toml"])
    assert ended.value.code == Exit.CONFIGURATION
    assert capsys.readouterr().err.startswith("mome-node: ")


@pytest.mark.parametrize(("arguments", "words"), [([], "Commands:"), (["model"], "promote"), (["peers"], "allow")])
def test_a_group_alone_lists_its_commands(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == Exit.USAGE
    shown = capsys.readouterr()
    assert words in shown.out + shown.err


def test_a_mistyped_command_is_answered_with_the_one_like_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["studies", "lst"])
    assert ended.value.code == Exit.USAGE
    assert "list" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "offered"), [("mome-node stu", "studies"), ("mome-node studies list --st", "--state")]
)
def test_a_shell_completes_commands_and_options(typed: str, offered: str) -> None:
    environment = {**os.environ, "_MOME_NODE_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": typed}
    command = [sys.executable, "-m", "node.cli.main"]
    completed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert offered in completed.stdout
