"""Pages of findings and answers are whole: every finding of the review, each on a test, file or page that is there."""

from __future__ import annotations

import re
from functools import cache

import pytest

from places import DOCS, ROOT

NUMBERS = [f"{kind}{n}" for kind, count in (("H", 6), ("M", 14), ("L", 12)) for n in range(1, count + 1)]
LINES = [line for page in ("findings.md", "questionnaire.md") for line in (DOCS / page).read_text().splitlines()]
ROWS = [line for line in LINES if line.startswith("| ") and not re.search(r"(---|rests on|held by) \|$", line)]


@cache
def named_in(path: str) -> frozenset[str]:
    return frozenset(re.findall(r"^def (test_\w+)", (ROOT / "tests" / path).read_text(), re.M))


def test_every_finding_of_the_review_has_one_row() -> None:
    assert [found for row in ROWS for found in re.findall(r"^\| ([HML]\d+) \|", row)] == NUMBERS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_what_a_row_rests_on_is_there(row: str) -> None:
    ground = row.split("|")[-2]
    tests = re.findall(r"`([\w/]+\.py)::(\w+)`", ground)
    for path, name in tests:
        assert name in named_in(path), f"{path}::{name}"
    files = re.findall(r"`((?:deploy|docs|node|tests)/[\w./-]+|SECURITY\.md)`", ground)
    assert all((ROOT / each).exists() for each in files), files
    assert tests or files or re.search(r"\]\([\w./#-]+\)", ground), "a row rests on a test, a file or a page"
