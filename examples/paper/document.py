"""docs/paper.md and its pictures, from the page and the figures of a run of paper.py.

    python examples/paper/document.py paper-run

The paper's numbers are those of docs/paper/published.json, and only those; the others come from the run's figures.json,
which is kept beside the pictures without its curves. A test builds the text again from both files.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from string import Template
from typing import Any

from PIL import Image

DOCS = Path(__file__).parents[2] / "docs"
TEXT = Path(__file__).with_name("paper.template.md")
SECTIONS = {
    "top": "header, main .tiles",
    "patients": "#patients",
    "discrimination": "#discrimination",
    "readers": "#readers",
    "groups": "#groups-of-patients",
    "bi-rads-4": "#bi-rads-4",
    "decisions": "#decision-curves",
    "modalities": "#missing-modalities",
    "contributions": "#contributions-of-the-modalities",
    "reliability": "#reliability",
    "errors": "#most-confident-errors",
}
"""Pictures by name, and the part of the page that each shows."""
COLORS = 128
WIDTH = 1240


def main(run: Path) -> None:
    """Pictures, figures, text."""
    folder = DOCS / "paper"
    folder.mkdir(exist_ok=True)
    take_pictures(run / "page.html", folder)
    figures = without_curves(json.loads((run / "figures.json").read_text("utf-8")))
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    (DOCS / "paper.md").write_text(text_of(figures, published()), "utf-8")


def take_pictures(page: Path, folder: Path) -> None:
    """Every section of the page as a PNG of few colours."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
        shown.goto(page.absolute().as_uri())
        for name, selector in SECTIONS.items():
            place = folder / f"{name}.png"
            shown.screenshot(path=place, full_page=True, clip=_box(shown, selector))
            Image.open(place).convert("RGB").quantize(COLORS).save(place, optimize=True)
        browser.close()


def _box(page: Any, selector: str) -> dict[str, float]:
    """The rectangle that holds every element of a selector."""
    boxes = [each.bounding_box() for each in page.locator(selector).all()]
    left, top = min(b["x"] for b in boxes), min(b["y"] for b in boxes)
    right, bottom = max(b["x"] + b["width"] for b in boxes), max(b["y"] + b["height"] for b in boxes)
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}


def without_curves(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures that the text quotes: curves are in the pictures."""
    for each in figures["sets"]:
        for model in each["models"]:
            del model["curves"]
            if model["bi_rads_4"]:
                for curve in ("spared", "missed", "decision", "difference"):
                    del model["bi_rads_4"][curve]
    return figures


def published() -> dict[str, str]:
    """What the paper reports, as far as our notes hold it."""
    return dict(json.loads((DOCS / "paper" / "published.json").read_text("utf-8")))


def text_of(figures: dict[str, Any], paper: dict[str, str]) -> str:
    """The page of the documentation."""
    internal, external = figures["sets"]
    first = internal["models"][0]
    here = {
        "conclusion": figures["conclusion"],
        "internal_cases": str(internal["cases"]),
        "external_cases": str(external["cases"]),
        "flow": "; ".join(_flow(each) for each in figures["sets"]),
        "internal_auroc": _interval(first["figures"]["auroc"]),
        "external_auroc": _interval(external["models"][0]["figures"]["auroc"]),
        "internal_auprc": _interval(first["figures"]["auprc"]),
        "external_auprc": _interval(external["models"][0]["figures"]["auprc"]),
        "compared": "; ".join(_compared(each) for each in internal["models"][1:]),
        "readers": "; ".join(_reader(each) for each in internal["readers"]),
        "dce_alone": _interval(_coalition(first, "DCE")["figures"]["auroc"]),
        "groups": str(sum(bool(each["figures"]) for each in internal["groups"])),
        "spared": "; ".join(_spared(each) for each in external["models"]),
        "shares": "; ".join(
            f"{m} {s['negative'] * 100:+.1f} / {s['positive'] * 100:+.1f}" for m, s in first["contributions"].items()
        ),
    }
    return Template(TEXT.read_text("utf-8")).substitute({**here, **{f"paper_{n}": v for n, v in paper.items()}})


def _interval(found: dict[str, float]) -> str:
    return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def _flow(found: dict[str, Any]) -> str:
    flow = found["flow"]
    out = sum(flow["excluded"].values()) + flow["unlabelled"] + sum(flow["withheld"].values())
    return f"{found['set']}: {flow['listed']} listed, {out} left out, {flow['measured']} measured"


def _compared(model: dict[str, Any]) -> str:
    found = model["against"]["auroc"]
    gap = found["difference"]["value"]
    return f"{model['model']} {found['first']:.3f}, difference {gap:+.3f}, p = {found['p_value']:.3f}"


def _reader(found: dict[str, Any]) -> str:
    gap = found["differences"]["mcc"]
    return f"{found['name'].replace('_', ' ')} {gap['difference']['value']:+.3f} (p = {gap['p_value']:.3f})"


def _coalition(model: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in model["coalitions"] if each["modalities"] == name)


def _spared(model: dict[str, Any]) -> str:
    four = model["bi_rads_4"]
    if not four or not four["downgrade"]:
        return f"{model['model']}: no operating point"
    spared, missed = four["downgrade"]["spared"], four["downgrade"]["missed"]
    return f"{model['model']}: {spared['count']} of {spared['of']} spared, {missed['count']} of {missed['of']} missed"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
