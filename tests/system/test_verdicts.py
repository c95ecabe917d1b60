"""A reader's verdict in the PACS comes back to the node, and becomes a label of a cohort and a line of the report."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

import orthanc
import phantom
from mome_core.calibration import Call
from node.settings_sections import Destination
from node.states import StudyState
from ports import free_port
from reader_documents import OF_INTEREST, REJECTED_FOR_QUALITY, add_comment, key_objects, successor
from running_node import RunningNode, dcmsend, dcmtk_available, running
from sr_templates.build import encode

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not (orthanc.available() and dcmtk_available()),
        reason="needs Orthanc and DCMTK (apt-get install orthanc dcmtk)",
    ),
]
COMPREHENSIVE_3D_SR, KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.88.59"


def command(node: RunningNode, *arguments: str) -> str:
    program = [sys.executable, "-m", "node.cli.main", *arguments, "-c", str(node.config)]
    ran = subprocess.run(program, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def comes_back(pacs: orthanc.Orthanc, document: Dataset) -> None:
    """The reader's workstation stores it in the PACS, and the PACS sends it to the node."""
    pacs.send(pacs.keep(encode(document)), "node")


def verdicts(node: RunningNode) -> list[dict[str, Any]]:
    return [
        each["assessment"] for each in json.loads(command(node, "feedback", "list", "--json")) if each["assessment"]
    ]


def test_a_verdict_goes_from_the_pacs_to_the_node_to_the_label_of_a_cohort(tmp_path: Path) -> None:
    (tmp_path / "others" / "1").mkdir(parents=True)
    images = phantom.study(tmp_path / "scanner", seed=8)
    shutil.copy(phantom.study(tmp_path / "another", seed=9)[0], tmp_path / "others" / "1")
    study = str(dcmread(images[0], stop_before_pixels=True).StudyInstanceUID)
    with orthanc.running() as pacs:
        destination = Destination(name="pacs", ae_title=pacs.ae_title, host="127.0.0.1", port=pacs.dicom_port)
        with running(tmp_path / "node", [destination], dashboard={"port": free_port()}) as node:
            pacs.know("node", "MOMENODE", node.port)
            assert dcmsend(tmp_path / "scanner", node.port)
            detail = node.wait_for_outcome(study)
            assert detail.study.state is StudyState.DELIVERED and detail.summary is not None
            call = detail.summary.scores[0].call
            assert call is not Call.WITHHELD
            report = report_in(pacs, study)
            rejects_then_agrees(node, pacs, report)
            label = {Call.POSITIVE: "1", Call.NEGATIVE: "0"}[call]
            becomes_a_label(node, tmp_path, label, f"malignancy=verdict:agree-with-{call}")
            is_counted(node)
            withdraws_on_request(node, pacs, study)


def report_in(pacs: orthanc.Orthanc, study: str) -> Dataset:
    (found,) = (
        each
        for each in pacs.find("Instance", {"StudyInstanceUID": study, "SOPClassUID": COMPREHENSIVE_3D_SR})
        if "results" in dcmread(BytesIO(pacs.file(each["ID"]))).SeriesDescription
    )
    return dcmread(BytesIO(pacs.file(found["ID"])))


def rejects_then_agrees(node: RunningNode, pacs: orthanc.Orthanc, report: Dataset) -> None:
    """Two documents judge, one after the other, and two others do not."""
    comes_back(pacs, key_objects(OF_INTEREST, report))
    comes_back(pacs, successor(report, names="2.25.4711"))
    comes_back(pacs, key_objects(REJECTED_FOR_QUALITY, report, "breathing"))
    node.wait_for(lambda: len(node.ledger.assessments.since()) == 1, "the rejection")
    verified = successor(report)
    add_comment(verified, "confirmed at biopsy")
    comes_back(pacs, verified)
    node.wait_for(lambda: len(node.ledger.assessments.since()) == 2, "the verified report")
    told = [(each["verdict"], each["calling_ae_title"], each["comment"]) for each in verdicts(node)]
    assert told == [("not-usable", "ORTHANC", "breathing"), ("agree", "ORTHANC", "confirmed at biopsy")]
    assert len(json.loads(command(node, "feedback", "list", "--json"))) == 4
    log = node.log.read_text()
    assert "breathing" not in log and "biopsy" not in log


def becomes_a_label(node: RunningNode, folder: Path, label: str, source: str) -> None:
    """Of the study that was judged, in a cohort that did not list it."""
    manifest = folder / "cohort.csv"
    command(node, "feedback", "export", "--out", str(folder / "feedback.csv"))
    lines = list(csv.DictReader((folder / "feedback.csv").open()))
    assert {line["verdict"]: line["label"] for line in lines} == {"": "", "not-usable": "", "agree": label}
    subprocess.run(
        [sys.executable, "-m", "node.cli.main", "cohort", "init", str(folder / "others"), "--out", str(manifest)],
        check=True,
    )
    told = json.loads(command(node, "cohort", "add", str(manifest), "--verdicts", "--json"))
    assert (told["verdicts"]["given"], told["verdicts"]["added"]) == (1, 1)
    *others, judged = csv.DictReader(manifest.open())
    assert (judged["malignancy"], judged["label_source"]) == (label, source)
    assert [each["malignancy"] for each in others] == [""]
    assert Path(judged["case"]).is_dir() and judged["patient"].startswith("p")


def is_counted(node: RunningNode) -> None:
    """By scanner and score band; the newest verdict of a reader stands."""
    (line,) = json.loads(command(node, "model", "report", "--json"))["verdicts"]
    assert (line["scanner"], line["agree"], line["not_usable"]) == ("MODALITY", 1, 0)
    assert "agree" in command(node, "model", "report")


def withdraws_on_request(node: RunningNode, pacs: orthanc.Orthanc, study: str) -> None:
    """A reader finds the wrong side on the dashboard and asks for the withdrawal: the PACS gets a rejection note."""
    key = command(node, "access", "key", "rita", "--role", "operator").strip()
    place = f"http://127.0.0.1:{node.settings.dashboard.port}/api/studies/1/assess"
    said = {"revision": 1, "verdict": "wrong-side", "comment": "it is the other one", "retract": True}
    answer = httpx2.post(place, json=said, headers={"authorization": f"Bearer {key}"}, timeout=60)
    assert answer.status_code == 200 and "rejection note" in answer.json()["said"], answer.text

    def note() -> list[Dataset]:
        found = pacs.find("Instance", {"StudyInstanceUID": study, "SOPClassUID": KEY_OBJECTS})
        notes = (dcmread(BytesIO(pacs.file(each["ID"]))) for each in found)
        return [each for each in notes if "results withdrawn" in each.get("SeriesDescription", "")]

    node.wait_for(lambda: bool(note()), "the rejection note in the PACS")
    assert note()[0].ConceptNameCodeSequence[0].CodeValue == "113037", "patient safety"
    assert [each["verdict"] for each in verdicts(node)] == ["not-usable", "agree", "wrong-side"]
