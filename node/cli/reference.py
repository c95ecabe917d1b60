"""The page of all commands, written from the commands themselves: `python -m node.cli.reference > docs/commands.md`."""

from __future__ import annotations

import inspect
import re
from importlib import import_module

from node.cli.main import COMMANDS
from node.exit_codes import Exit

HEAD = """# Commands

Every command of `mome-node`, with its first words and an example; `mome-node COMMAND --help` tells all options. Nearly
all take `--config FILE` (or the environment variable `MOME_CONFIG`), and `--json` where they list or show. Written by
`python -m node.cli.reference`; a test compares this page with the program.

| command | does | example |
| --- | --- | --- |
"""
CODES = {
    Exit.OK: "done",
    Exit.FAILURE: "it could not be done; the message says why",
    Exit.USAGE: "the command line is not understood",
    Exit.CONFIGURATION: "the settings have a mistake",
    Exit.PEER_UNREACHABLE: "a peer does not answer",
    Exit.NOT_READY: "something is missing that the node needs",
}


def reference() -> str:
    """The whole page."""
    rows = [row(words, target) for words, target in sorted(COMMANDS.items())]
    codes = [f"| {code.value} | {words} |" for code, words in CODES.items()]
    return HEAD + "\n".join(rows) + "\n\n| exit code | means |\n| --- | --- |\n" + "\n".join(codes) + "\n"


def row(words: str, target: str) -> str:
    """One command: the first sentence of its help, and its example."""
    module, function = target.split(":")
    told = inspect.getdoc(getattr(import_module(module), function)) or ""
    first = " ".join(told.split("\n\n")[0].split()).split("Example:")[0].strip()
    example = re.search(r"Example:\s*(mome-node.*)", told)
    cells = (f"`{words}`", first.replace("|", "\\|"), f"`{example[1].strip()}`" if example else "")
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    print(reference(), end="")
