"""What a radiologist sees: results of a phantom study in a real viewer, judged by text on the page and by pixels.

The screenshots go to `docs/ohif/` when MOME_SCREENSHOTS=1, so that what the documentation shows was really seen.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import ohif
import orthanc
from dicom_io.phantom.spec import PhantomSpec, Size
from phantom_results import DEVICE, AnsweredStudy, answered_study
from places import ROOT
from sr_templates.build import ResultObjects, build_objects, encode
from sr_templates.kinds import Kind

VIEWPORT = (slice(70, 960), slice(310, 1540))  # rows and columns of the screenshot that show the image
STEPS: list[dict[str, Any]] = [
    {"name": "report", "series": "AI breast MRI results"},
    {"name": "region", "series": "AI region measurements", "settle": 9000, "away": 6},
    {"name": "map", "series": "AI saliency map", "settle": 9000},
    {"name": "segmentation", "series": "AI region of highest saliency", "confirm": True},
    {"name": "overlay", "series": "AI saliency overlay", "scroll": 3},
    {"name": "summary", "series": "AI result summary"},
]

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(3600),  # pixels are drawn by the CPU
    pytest.mark.skipif(
        not (orthanc.available() and orthanc.DICOMWEB_PLUGIN.exists()), reason="needs Orthanc, DICOMweb"
    ),
    pytest.mark.skipif(not ohif.available(), reason="needs chromium and npm"),
    pytest.mark.skipif(shutil.which("node") is None, reason="needs node"),
]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the browser reported of one study."""

    layout: str
    study: AnsweredStudy
    objects: ResultObjects
    report: dict[str, Any]

    def picture(self, name: str) -> np.ndarray:
        """(rows, columns, 3) of the image area."""
        opened = self.report["opened"][name]
        assert "failed" not in opened, opened
        return np.asarray(Image.open(opened["shot"]).convert("RGB")).astype(int)[VIEWPORT]


def look(study: AnsweredStudy, objects: ResultObjects, shots: Path) -> dict[str, Any]:
    """Put study and results into Orthanc, open each result in OHIF, and bring back text and screenshots."""
    shots.mkdir(parents=True, exist_ok=True)
    with orthanc.running() as server, ohif.viewer(server.http_port) as url:
        for content in (*(path.read_bytes() for path in study.paths), *map(encode, objects)):
            upload = urllib.request.Request(f"{server.url}/instances", data=content, method="POST")  # noqa: S310
            urllib.request.urlopen(upload, timeout=60).close()  # noqa: S310
        job = {
            "url": url,
            "study": study.study_uid,
            "chromium": ohif.CHROMIUM,
            "arguments": ohif.CHROMIUM_ARGUMENTS,
            "modules": str(ohif.playwright()),
            "shots": str(shots),
            "open": STEPS,
        }
        (shots / "job.json").write_text(json.dumps(job))
        driver = ["node", str(Path(__file__).with_name("ohif_driver.mjs")), str(shots / "job.json")]
        run = subprocess.run(driver, capture_output=True, text=True, timeout=850, check=False)
        (shots / "job.json").unlink()
    assert run.returncode == 0, run.stderr[-2000:]
    report: dict[str, Any] = json.loads(run.stdout)
    return report


@pytest.fixture(scope="module", params=["series-per-phase", "one-series"])
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    layout: str = request.param
    folder = tmp_path_factory.mktemp(layout)
    study = answered_study(PhantomSpec(seed=5, size=Size.SMALL, post_phases=2), "siemens", layout, folder / "received")
    objects = build_objects(study.result, study.evidence, DEVICE)
    kept = os.environ.get("MOME_SCREENSHOTS") == "1"
    shots = ROOT / "docs" / "ohif" / layout if kept else folder / "shots"
    return Seen(layout, study, objects, look(study, objects, shots))


def coloured(picture: np.ndarray) -> np.ndarray:
    """(n, 2) rows and columns of pixels that are neither grey nor the page's blue."""
    spread = picture.max(axis=2) - picture.min(axis=2)
    dense = spread > 60
    return np.argwhere(dense)


def test_the_study_browser_lists_every_result(seen: Seen) -> None:
    listed = " ".join(seen.report["series"])
    for instance in seen.objects:
        assert instance.SeriesDescription in listed


def test_the_page_shows_the_report_with_names_numbers_and_units(seen: Seen) -> None:
    text = " ".join(seen.report["opened"]["report"]["text"].split())
    for words in (
        "Tracking Identifier: Bilateral breast malignancy",
        "Probability of cancer: 83.2 %",
        "Operating point: 50 %",
        "Contribution of DCE: 20 %",
        "Contribution of T2: 3.7 %",
        "Completeness error of saliency: 1.2 %",
        "Algorithm Name: MOME demo",
        "Research use only, not for diagnosis",
        "Knows phantoms and nothing else.",
    ):
        assert words in text


def test_the_first_screen_of_the_report_shows_probability_operating_point_warning_and_place(seen: Seen) -> None:
    words = " ".join(seen.report["opened"]["report"]["onScreen"].split())
    assert "AI result, research use only, not for diagnosis. Probability of malignancy 83 %" in words
    assert "above the operating point of 50 %" in words
    assert "Region of highest saliency, not a lesion outline: left side, DCE series" in words


def test_a_click_on_the_measurement_jumps_to_its_slice(seen: Seen) -> None:
    """OHIF's overlay reads "I:17 (16/32)": Instance Number, then the place in the stack."""
    opened = seen.report["opened"]["region"]
    assert "failed" not in opened, opened
    jumped = opened["jumped"]
    impression = str(seen.objects.by_kind[Kind.REGION][0].ContentSequence[0].TextValue)
    wanted = impression.split("image ")[1].rstrip(".")
    assert jumped["first"].split()[0] == jumped["back"].split()[0] == f"I:{wanted}"
    assert jumped["away"] != jumped["first"]


@pytest.mark.parametrize("name", ["map", "segmentation"])
def test_colour_appears_at_the_lesion(seen: Seen, name: str) -> None:
    """OHIF opens a middle slice or the segment; the lesion lies in the left breast: right of the middle, anterior."""
    places = coloured(seen.picture(name))
    rows, columns = VIEWPORT[0].stop - VIEWPORT[0].start, VIEWPORT[1].stop - VIEWPORT[1].start
    at_lesion = places[(places[:, 1] > columns * 0.55) & (places[:, 1] < columns * 0.75) & (places[:, 0] < rows * 0.45)]
    assert len(at_lesion) > 150
    elsewhere = places[(places[:, 1] < columns * 0.5) & (places[:, 0] > rows * 0.1) & (places[:, 0] < rows * 0.9)]
    assert len(elsewhere) < len(at_lesion) / 10


def test_overlay_and_summary_are_shown_in_colour(seen: Seen) -> None:
    assert len(coloured(seen.picture("summary"))) > 5000
    assert len(coloured(seen.picture("overlay"))) > 150


def test_the_browser_reports_no_error_of_the_page(seen: Seen) -> None:
    assert not seen.report["errors"]
