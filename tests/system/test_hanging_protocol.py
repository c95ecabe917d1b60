"""The hanging protocol for OHIF: whole by its own references, and hung by the viewer itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import ohif
import orthanc
from dicom_io.phantom.spec import PhantomSpec, Size
from phantom_results import answered_study
from places import ROOT
from sr_studies import DEVICE
from sr_templates.build import build_objects, encode
from sr_templates.kinds import Kind

PROTOCOL = json.loads((ROOT / "deploy" / "ohif" / "hanging-protocol.json").read_text())
_CONSTRAINTS = {"equals", "contains", "containsI", "doesNotContainI", "startsWith"}


def rules(protocol: dict[str, Any]) -> list[dict[str, Any]]:
    found = list(protocol["protocolMatchingRules"])
    for selector in protocol["displaySetSelectors"].values():
        found += selector["seriesMatchingRules"]
    return found


def test_every_pane_has_a_selector_and_the_grid_has_a_place_for_each() -> None:
    (stage,) = PROTOCOL["stages"]
    grid = stage["viewportStructure"]["properties"]
    assert len(stage["viewports"]) == grid["rows"] * grid["columns"] == 8
    shown = [each["displaySets"][0]["id"] for each in stage["viewports"]]
    assert set(shown) == set(PROTOCOL["displaySetSelectors"])
    assert shown == ["dynamic", "dynamic", "subtraction", "t2", "diffusion", "adc", "summary", "overlay"]


def test_every_rule_is_one_that_ohif_knows() -> None:
    for rule in rules(PROTOCOL):
        assert set(rule) == {"attribute", "constraint", "required", "weight"}
        assert set(rule["constraint"]) <= _CONSTRAINTS


def test_our_series_are_found_by_the_names_that_we_write() -> None:
    wanted = {"summary": Kind.SUMMARY, "overlay": Kind.OVERLAY}
    for selector, kind in wanted.items():
        (rule,) = PROTOCOL["displaySetSelectors"][selector]["seriesMatchingRules"]
        assert kind.label.description.startswith(rule["constraint"]["startsWith"])


@pytest.mark.exhaustive
@pytest.mark.system
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not (orthanc.available() and orthanc.DICOMWEB_PLUGIN.exists()), reason="needs Orthanc, DICOMweb")
@pytest.mark.skipif(not ohif.available() or shutil.which("node") is None, reason="needs chromium, npm and node")
def test_ohif_hangs_a_study_by_it(tmp_path: Path) -> None:
    study = answered_study(PhantomSpec(seed=5, size=Size.SMALL, post_phases=2), "siemens", "series-per-phase", tmp_path)
    objects = build_objects(study.result, study.evidence, DEVICE)
    extension = (
        f"const protocol = {json.dumps(PROTOCOL)};"
        "window.config.extensions.push({id: '@mome-node/hanging', "
        "getHangingProtocolModule: () => [{name: protocol.id, protocol}]});"
    )
    with orthanc.running() as server, ohif.viewer(server.http_port, extension) as url:
        for content in (*(path.read_bytes() for path in study.paths), *map(encode, objects)):
            upload = urllib.request.Request(f"{server.url}/instances", data=content, method="POST")  # noqa: S310
            urllib.request.urlopen(upload, timeout=60).close()  # noqa: S310
        job = {
            "url": url, "study": study.study_uid, "chromium": ohif.CHROMIUM, "arguments": ohif.CHROMIUM_ARGUMENTS,
            "modules": str(ohif.playwright()), "shots": str(tmp_path), "open": [], "hang": PROTOCOL["id"], "panes": 8,
        }  # fmt: skip
        (tmp_path / "job.json").write_text(json.dumps(job))
        driver = ["node", str(Path(__file__).with_name("ohif_driver.mjs")), str(tmp_path / "job.json")]
        run = subprocess.run(driver, capture_output=True, text=True, timeout=600, check=True)
    hung = json.loads(run.stdout)["hung"]
    assert "failed" not in hung, hung
    assert len(hung["panes"]) == 8
    corners = " | ".join(" ".join(each.split()) for each in hung["panes"])
    for expected in ("dynaVIEWS", "_SUB", "t2_tirm", "ADC", "AI result summary", "AI saliency overlay"):
        assert expected in corners
