"""An evaluation as a page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mome_core.case import Modality
from mome_core.model.checkpoint import Checkpoint
from mome_core.results import Endpoint
from mome_core.training.breakdown import (
    against_readers,
    by_group,
    downgrade,
    mean_contributions,
)
from mome_core.training.evaluate import Evaluation, evaluate
from mome_core.training.exposure import exposure_report
from mome_core.training.report import Breakdown, MeasuredModel, render
from training_examples import examples


@pytest.mark.slow
def test_every_side_of_a_trained_model_is_on_its_page(folder: Path, trained: Checkpoint) -> None:
    cases = examples(folder, 24, first=200)
    about = evaluate(trained, cases, Endpoint.MALIGNANCY, repeats=100)
    shares = mean_contributions(trained, about)
    assert set(shares) == set(Modality) and all(value >= 0 for value in shares.values())
    sites = ["<b>north</b>"] * 12 + ["south"] * 12
    sides = Breakdown(
        groups=by_group(about, {"site": sites}, repeats=100),
        readers=against_readers(about, {"reader_a": [str(3 + int(each)) for each in about.truth]}, repeats=100),
        downgrade=downgrade(about, ["4"] * 24, about, ["4"] * 24),
        contributions=shares,
    )
    page = render([measured(trained, about)], {}, sides)
    for title in ("Contributions", "Groups of patients", "Readers", "BI-RADS 4"):
        assert f"<h2>{title}</h2>" in page
    assert page.count("<svg") == 3 and "<b>north" not in page
    assert page == render([measured(trained, about)], {}, sides)


def measured(model: Checkpoint, about: Evaluation) -> MeasuredModel:
    return MeasuredModel(model.identity, about, exposure_report(model.manifest, about.examples))


@pytest.mark.system
@pytest.mark.skipif(not shutil.which("chromium"), reason="Chromium is not installed: no page was opened")
def test_the_page_opens_in_a_browser_without_a_complaint(
    folder: Path,
    trained: Checkpoint,
    tmp_path: Path,
) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    about = evaluate(trained, examples(folder, 24, first=200), Endpoint.MALIGNANCY, repeats=100)
    (tmp_path / "page.html").write_text(render([measured(trained, about)], {}))
    complaints: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if request.url.startswith("http") else None)
        page.goto((tmp_path / "page.html").as_uri())
        assert page.locator("svg").first.bounding_box()["width"] > 300
        assert "RESEARCH USE ONLY" in page.inner_text("body")
        browser.close()
    assert complaints == []
