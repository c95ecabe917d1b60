"""What the documents tell people to type and to write is understood: commands, shell blocks, settings, files."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.cli.commands import COMMANDS, GROUPS
from node.cli.main import command_meant, main
from node.settings import load_settings
from places import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:\S*/)?mome-node [^`]+)`")
NO_COMMAND = re.compile(r"mome-node (-|COMMAND|[a-z]+ \| )")  # options of the program itself; several commands in one


def blocks(page: Path, *languages: str) -> list[str]:
    """The fenced blocks of a page in one of these languages."""
    return [content for language, content in FENCE.findall(page.read_text("utf-8")) if language in languages]


def typed(page: Path) -> Iterator[str]:
    """Every command line of ours on a page, in blocks and in sentences."""
    text = page.read_text("utf-8")
    lines = [line for block in blocks(page, "sh", "bash") for line in block.replace("\\\n", " ").splitlines()]
    lines += INLINE.findall(FENCE.sub("", text).replace("\n", " "))
    for line in lines:
        for part in re.split(r"\s(?:&&|\|\||[|>;])\s?", re.sub(r"\s#.*$", "", line.replace("\\|", "|"))):
            found = re.fullmatch(r"(?:.*[\s/])?(mome-node (?!mome-node)[a-z].*)", part)
            if found and not NO_COMMAND.match(found[1]):
                yield found[1]


def misunderstood(line: str, capsys: pytest.CaptureFixture[str]) -> str | None:
    """What the program says of a line's words and options; None where it understands them (then --help answers)."""
    given = shlex.split(line)[1:]
    if command_meant(given) is None and given[:1] not in [[group] for group in GROUPS]:
        return "no such command"
    with pytest.raises(SystemExit) as ended:
        main([*given, "--help"])
    told = capsys.readouterr().err
    return told if ended.value.code else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_ours_is_understood(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert {line: wrong for line in typed(page) if (wrong := misunderstood(line, capsys))} == {}


def test_the_pages_name_every_command() -> None:
    named = {command_meant(shlex.split(line)[1:]) for line in typed(ROOT / "docs" / "commands.md")}
    assert set(COMMANDS) - named == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_shell_block_is_shell_and_names_files_of_ours_that_exist(page: Path) -> None:
    for block in blocks(page, "sh", "bash"):
        told = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert told.returncode == 0, f"{page.name}: {told.stderr}{block}"
        for name in re.findall(r"(?:^|\s)((?:deploy|docs|examples|benchmarks|tests)/[\w./*-]+)", block):
            assert list(ROOT.glob(name)), f"{page.name}: {name} does not exist"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_settings_block_is_read(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(blocks(page, "toml")):
        here = re.sub(r'"/(etc|run|var)/', f'"{tmp_path}/\\1/', block)
        for name in re.findall(rf'"({re.escape(str(tmp_path))}/[^"]+)"', here):
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            if Path(name).suffix or "credentials" in name or "secrets" in name:
                Path(name).touch(0o600)
        file = tmp_path / f"{number}.toml"
        file.write_text(here)
        assert tomllib.loads(here), f"{page.name}: an empty block"
        load_settings(file)
