"""The page: every figure and table of an evaluation, escaped, without network, the same twice."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from measured_models import exposure, measured
from mome_core.results import ModelIdentity
from mome_core.training.measured import Measured
from mome_core.training.report.page import render

SECTIONS = (
    "Patients",
    "Discrimination",
    "Readers",
    "Groups of patients",
    "BI-RADS 4",
    "Decision curves",
    "Missing modalities",
    "Contributions of the modalities",
    "Reliability",
    "Most confident errors",
)


@pytest.fixture(scope="module")
def evaluation() -> Measured:
    return measured()


@pytest.fixture(scope="module")
def page(evaluation: Measured) -> str:
    return render(evaluation)


def test_every_figure_and_table_of_every_set_is_there(page: str) -> None:
    assert tuple(re.findall(r"<h2>(.*?)</h2>", page)) == SECTIONS
    assert page.count("<h3>internal</h3>") == page.count("<h3>external</h3>") == len(SECTIONS)
    per_set = sum((4, 2, 4, 3, 3, 1, 1, 2))  # from discrimination to reliability
    assert page.count("<svg") == 2 * per_set


def test_the_conclusion_stands_before_everything_else(page: str) -> None:
    body = page[page.index("<body>") :]
    assert body.index("RESEARCH USE ONLY") < body.index('class="conclusion"') < body.index("<section")
    assert re.search(r'class="conclusion">On internal \(80 cases, \d+ positive\) ours ranks', body)


def test_the_page_needs_no_network_and_is_the_same_twice(evaluation: Measured, page: str) -> None:
    assert not re.search(r'src="|href="http|@import|url\((?!#)|<script', page)
    assert page == render(evaluation)


def test_names_from_manifests_and_bundles_are_escaped(evaluation: Measured, page: str) -> None:
    assert "<b>north" not in page and "&lt;b&gt;north" in page
    hostile = ModelIdentity("<i>$x_1$</i>", "1", "a" * 64, "<script>alert(1)</script>")
    first = evaluation.sets[0]
    models = (replace(first.models[0], identity=hostile), *first.models[1:])
    shown = render(replace(evaluation, sets=(replace(first, models=models),)))
    assert "<i>" not in shown and "<script" not in shown and "&lt;i&gt;$x_1$" in shown


def test_what_must_be_known_first_is_red_and_on_top(evaluation: Measured) -> None:
    first = evaluation.sets[0]
    seen = replace(first.models[0], exposure=exposure(first.cases, seen=12))
    shown = render(replace(evaluation, sets=(replace(first, models=(seen, *first.models[1:])), *evaluation.sets[1:])))
    red = 'class="warning" role="alert">internal: NOT A TEST of ours: 12 of 80 cases'
    assert shown.index(red) < shown.index('class="conclusion"') < shown.index("external: None of the 70 cases taught")
    assert shown.count('class="warning"') == 1


def test_one_model_on_one_set_has_a_page_without_comparisons() -> None:
    shown = render(measured(("ours",), "", sets=1))
    assert "ours reaches an AUROC of" in shown
    assert "difference" not in shown.partition("<h2>Readers")[0].partition("<h2>Discrimination")[2]


def test_what_is_not_in_the_manifest_has_no_section(evaluation: Measured) -> None:
    first = evaluation.sets[0]
    bare = replace(
        first,
        readers=(),
        groups=(),
        models=tuple(replace(m, category_four=None, coalitions=(), contributions={}) for m in first.models),
    )
    shown = render(replace(evaluation, sets=(bare,), patients=()))
    assert [s for s in SECTIONS if f"<h2>{s}</h2>" in shown] == [
        "Patients",
        "Discrimination",
        "Decision curves",
        "Reliability",
        "Most confident errors",
    ]
    assert 'href="#readers"' not in shown


def test_charts_take_the_colours_of_the_page(page: str) -> None:
    charts = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert "var(--model-1)" in charts and "currentColor" in charts
    assert not re.search(r"#0[1-4]0[0-9]0[0-9]", charts), "a stand-in colour was left"
    assert 'role="img" aria-label="ROC, internal' in charts


@pytest.mark.system
@pytest.mark.skipif(not shutil.which("chromium"), reason="Chromium is not installed: no page was opened")
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light")])
def test_the_page_opens_in_a_browser_and_fits(page: str, tmp_path: Path, width: int, scheme: str) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    (tmp_path / "page.html").write_text(page, "utf-8")
    complaints: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        shown.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        shown.on("pageerror", lambda error: complaints.append(str(error)))
        shown.on("request", lambda request: complaints.append(request.url) if request.url.startswith("http") else None)
        shown.goto((tmp_path / "page.html").as_uri())
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        assert min(shown.evaluate("[...document.querySelectorAll('svg')].map(e => e.clientWidth)")) >= 250
        browser.close()
    assert complaints == []
