"""The page of all commands, written from the commands themselves: `python -m node.cli.reference > docs/commands.md`."""

from __future__ import annotations

import inspect
import re

from node.cli.commands import COMMANDS, CommandInfo
from node.exit_codes import Exit

_HEAD = """# Commands

Every command of `mome-node`, with its first words and an example; `mome-node COMMAND --help` tells all options. Nearly
all take `--config FILE` (or the environment variable `MOME_CONFIG`), and `--json` where they list or show. Written by
`python -m node.cli.reference`; a test compares this page with the program.

| command | does | example |
| --- | --- | --- |
"""
_CODES = {
    Exit.OK: "done",
    Exit.FAILURE: "it could not be done; the message says why",
    Exit.USAGE: "the command line is not understood",
    Exit.CONFIGURATION: "the settings have a mistake",
    Exit.PEER_UNREACHABLE: "a peer does not answer",
    Exit.NOT_READY: "something is missing that the node needs",
}


def reference() -> str:
    """The whole page."""
    rows = [_row(words, info) for words, info in sorted(COMMANDS.items())]
    codes = [f"| {code.value} | {words} |" for code, words in _CODES.items()]
    return _HEAD + "\n".join(rows) + "\n\n| exit code | means |\n| --- | --- |\n" + "\n".join(codes) + "\n"


def _row(words: str, info: CommandInfo) -> str:
    """One command: its summary and the example in its help."""
    example = re.search(r"Example:\s*(mome-node.*)", inspect.getdoc(info.load()) or "")
    summary = info.summary.replace("|", "\\|")
    return f"| `{words}` | {summary} | {f'`{example[1].strip()}`' if example else ''} |"


if __name__ == "__main__":
    print(reference(), end="")
