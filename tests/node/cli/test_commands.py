"""The table of commands says of each what its own help says, and sends nobody to a module that is not there."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from node.cli.commands import COMMANDS, GROUPS

HEAVY = ("torch", "pynetdicom")


@pytest.mark.parametrize("words", COMMANDS)
def test_the_summary_is_the_first_line_of_the_command_s_help(words: str) -> None:
    info = COMMANDS[words]
    assert (inspect.getdoc(info.load()) or "").split("\n")[0] == info.summary


def test_every_group_has_commands_and_every_command_of_two_words_a_group() -> None:
    assert {words.split(" ")[0] for words in COMMANDS if " " in words} == set(GROUPS)


@pytest.mark.parametrize("module", ["access", "audit", "config", "feedback", "peers", "studies", "worklist"])
def test_a_command_that_only_reads_the_ledger_loads_neither_torch_nor_pynetdicom(module: str) -> None:
    script = f"import sys, node.cli.{module}; print([each for each in {HEAVY} if each in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
