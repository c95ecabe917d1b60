"""docs/python.md runs as it is written, block after block, and prints what it says; its first lines are ten."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
from pathlib import Path

import pytest
from PIL import Image

from places import DOCS

PAGE = (DOCS / "python.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_every_block_runs_and_prints_what_stands_below_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    names: dict[str, object] = {}
    alike = doctest.OutputChecker().check_output
    for block, expected in BLOCKS:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(block, "docs/python.md", "exec"), names)  # noqa: S102  the page itself is the test
        assert alike(expected, printed.getvalue(), doctest.ELLIPSIS), f"{block}\nprinted:\n{printed.getvalue()}"
    for picture in ("study.png", "saliency.png"):
        with Image.open(tmp_path / picture) as image:
            assert image.width > 1000


def test_ten_lines_lead_from_the_installation_to_a_saliency_map() -> None:
    start = PAGE.index("pip install")
    lines = [line for line in PAGE[start : PAGE.index("saliency.png")].splitlines() if line and line[:3] != "```"]
    assert len(lines) <= 10, lines
