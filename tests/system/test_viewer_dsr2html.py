"""What DCMTK's dsr2html makes of the report, on the first screen of a browser."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from sr_studies import DEVICE, Layout, make_evidence, make_result
from sr_templates.build import build_not_analysed, build_objects, encode
from sr_templates.kinds import Kind
from sr_templates.refusal import Refusal

CHROMIUM = shutil.which("chromium")
SCREEN = {"width": 1600, "height": 1000}
VISIBLE = """(height) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), words = [];
  while (walker.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    const box = range.getBoundingClientRect();
    if (box.height && box.bottom <= height) words.push(walker.currentNode.textContent.trim());
  }
  return words.join(" ");
}"""

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(CHROMIUM is None or shutil.which("dsr2html") is None, reason="needs chromium and DCMTK"),
]


def first_screen(report: bytes, folder: Path) -> str:
    """The text that is seen without scrolling."""
    from playwright.sync_api import sync_playwright

    (folder / "report.dcm").write_bytes(report)
    subprocess.run(["dsr2html", folder / "report.dcm", folder / "report.html"], check=True, capture_output=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=SCREEN)
        page.goto((folder / "report.html").as_uri())
        words = str(page.evaluate(VISIBLE, SCREEN["height"]))
        browser.close()
    return " ".join(words.split())


def test_the_first_screen_shows_warning_probability_operating_point_and_place(tmp_path: Path) -> None:
    evidence = make_evidence(Layout())
    report = build_objects(make_result(evidence), evidence, DEVICE).by_kind[Kind.REPORT][0]
    words = first_screen(encode(report), tmp_path)
    assert "AI result, research use only, not for diagnosis. Probability of malignancy 83 %" in words
    assert "above the operating point of 50 %" in words
    assert "left side, DCE series 4, image 1006" in words
    assert words.index("Impression") < words.index("Device Observer UID")


def test_the_first_screen_of_a_refusal_says_why(tmp_path: Path) -> None:
    objects = build_not_analysed(Refusal("The post-contrast phases are missing."), make_evidence(Layout()), DEVICE)
    words = first_screen(encode(objects.by_kind[Kind.REPORT][0]), tmp_path)
    assert "Not analysed, no score was given" in words
    assert "The post-contrast phases are missing." in words
