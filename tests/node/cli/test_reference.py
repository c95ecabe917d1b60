"""The page of commands tells all of them, each with an example that the program understands."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from node.cli.main import COMMANDS, main
from node.cli.reference import reference
from places import DOCS


def test_the_page_is_what_the_program_says() -> None:
    assert (DOCS / "commands.md").read_text() == reference(), "run: python -m node.cli.reference > docs/commands.md"


def test_every_command_has_its_line_and_an_example() -> None:
    lines = [line for line in reference().splitlines() if line.startswith("| `")]
    assert len(lines) == len(COMMANDS)
    assert [line for line in lines if "`mome-node " not in line] == []


def test_the_version_is_that_of_the_installed_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert (end.value.code, capsys.readouterr().out) == (0, f"mome-node {version('mome-node')}\n")
