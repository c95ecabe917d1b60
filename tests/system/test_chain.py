"""One study from the scanner's socket to the PACS, with the real servers that a hospital has."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

import orthanc
from dicom_io.network.folder import folder_pacs
from dicom_io.phantom.spec import Size
from mome_core.calibration import Call
from mome_core.case import Modality
from node.jobs import JobKind, JobState
from node.settings_sections import Destination
from node.states import StudyState
from node.storage.records import StudyDetail
from places import ROOT
from ports import free_port
from running_node import RunningNode, dcmsend, dcmtk_available, running
from scanner import acquire

pytestmark = pytest.mark.system
needs_servers = pytest.mark.skipif(
    not (orthanc.available() and dcmtk_available()), reason="needs Orthanc and DCMTK (apt-get install orthanc dcmtk)"
)
needs_dcmtk = pytest.mark.skipif(not dcmtk_available(), reason="needs DCMTK (apt-get install dcmtk)")
REFEREE = ROOT.parent / "shared" / "tools" / "check_outputs.sh"
SR, PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.30"


def delivered_objects(server: orthanc.Orthanc, study: str) -> list[Dataset]:
    """Everything in the PACS that belongs to the study and was made by the node."""
    found = server.find("Instance", {"StudyInstanceUID": study})
    return [dcmread(BytesIO(server.file(each["ID"]))) for each in found]


def referenced(data_set: Dataset) -> set[str]:
    return {str(each.value) for each in data_set.iterall() if each.keyword == "ReferencedSOPInstanceUID"}


@needs_servers
@pytest.mark.parametrize(
    ("vendor", "layout", "sender"),
    [
        ("siemens", "series-per-phase", "storescu"),
        ("ge", "one-series", "dcmsend"),
        ("philips", "one-series", "dcmsend"),
    ],
)
def test_a_study_comes_back_to_orthanc_as_report_and_map(tmp_path: Path, vendor: str, layout: str, sender: str) -> None:
    study = acquire(tmp_path / "scanner", vendor, layout, Size.DEMO)
    sent = {str(dcmread(p, stop_before_pixels=True).SOPInstanceUID) for p in (tmp_path / "scanner").rglob("*.dcm")}
    with orthanc.running() as server:
        pacs = Destination(name="pacs", ae_title=server.ae_title, host="127.0.0.1", port=server.dicom_port)
        with running(tmp_path / "node", [pacs]) as node:
            assert dcmsend(tmp_path / "scanner", node.port, sender)
            detail = node.wait_for_outcome(study)
            assert detail.study.state is StudyState.DELIVERED, detail.study.reason
            assert {each.sop_instance_uid for each in detail.objects}
            objects = delivered_objects(server, study)
    by_class = {str(each.SOPClassUID): each for each in objects}
    assert {SR, PARAMETRIC_MAP} <= by_class.keys()
    for sop_class in (SR, PARAMETRIC_MAP):
        results = {str(each.SOPInstanceUID) for each in objects}
        assert referenced(by_class[sop_class]) - results <= sent
        assert referenced(by_class[sop_class]) & sent
    validate(tmp_path, objects)


def validate(folder: Path, objects: list[Dataset]) -> None:
    """The referee's verdict on what the PACS holds, against the source study."""
    if not REFEREE.exists():
        return
    out, source = folder / "results", folder / "flat"
    for place in (out, source):
        place.mkdir()
    for each in objects:
        each.save_as(out / f"{each.SOPInstanceUID}.dcm", enforce_file_format=True)
    for number, path in enumerate((folder / "scanner").rglob("*.dcm")):
        (source / f"{number}.dcm").symlink_to(path)
    verdict = subprocess.run(
        ["bash", REFEREE, out, source],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "PYTHON": sys.executable, "NO_PIXELMED": "1"},
    )
    assert verdict.returncode == 0, verdict.stdout


@needs_servers
def test_storage_commitment_is_asked_for_and_noted(tmp_path: Path) -> None:
    study = acquire(tmp_path / "scanner", "siemens")
    port = free_port()
    with orthanc.running({"node": ("MOMENODE", "127.0.0.1", port)}) as server:
        pacs = Destination(
            name="pacs", ae_title=server.ae_title, host="127.0.0.1", port=server.dicom_port, commitment=True
        )
        with running(tmp_path / "node", [pacs], port=port) as node:
            assert dcmsend(tmp_path / "scanner", node.port)
            detail = node.wait_for_outcome(study)
    delivery = next(job for job in detail.jobs if job.kind is JobKind.DELIVER)
    assert delivery.state is JobState.DONE
    assert all(each.committed_at for each in delivery.receipts if each.status == 0)


@needs_servers
def test_a_study_is_fetched_from_the_pacs_and_an_unknown_one_is_named(tmp_path: Path) -> None:
    study, port = acquire(tmp_path / "scanner", "ge"), free_port()
    with orthanc.running({"node": ("MOMENODE", "127.0.0.1", port)}) as server:
        assert dcmsend(tmp_path / "scanner", server.dicom_port)
        pacs = Destination(name="pacs", ae_title=server.ae_title, host="127.0.0.1", port=server.dicom_port)
        with running(tmp_path / "node", [pacs], port=port) as node:
            fetch = [
                sys.executable,
                "-m",
                "node.cli.main",
                "studies",
                "fetch",
                "--from",
                "pacs",
                "-c",
                str(node.config),
            ]
            ran = subprocess.run([*fetch, study], capture_output=True, text=True, check=False)
            assert ran.returncode == 0, ran.stderr
            assert node.wait_for_outcome(study).study.state is StudyState.DELIVERED
            unknown = subprocess.run([*fetch, "1.2.3"], capture_output=True, text=True, check=False)
        refused = subprocess.run([*fetch, study], capture_output=True, text=True, check=False)
    assert unknown.returncode == 1 and "pacs" in unknown.stderr
    assert refused.returncode == 1 and "is the node serving?" in refused.stderr


@needs_dcmtk
def test_a_study_without_a_dynamic_is_answered_from_what_the_model_was_validated_for(tmp_path: Path) -> None:
    detail = without(tmp_path, Modality.DCE)
    assert detail.study.state is StudyState.DELIVERED, detail.study.reason
    assert detail.summary is not None and "MISSING_DCE" in [each.code for each in detail.summary.flags]
    (score,) = detail.summary.scores
    assert score.calibration is not None and score.calibration.coalition == "DWI+T2"
    assert score.call is not Call.WITHHELD and score.without[Modality.DWI] is None  # T2 alone may not be scored


@needs_dcmtk
def test_a_study_with_t2_only_ends_ineligible_with_both_reasons_in_the_pacs(tmp_path: Path) -> None:
    detail = without(tmp_path, Modality.DCE, Modality.DWI)
    assert detail.study.state is StudyState.INELIGIBLE
    assert "DCE" in detail.study.reason or "dynamic" in detail.study.reason
    assert "from T2 alone the model does not tell patients apart" in detail.study.reason


def without(folder: Path, *modalities: Modality) -> StudyDetail:
    """The outcome of a study that lacks these; its report is in the PACS."""
    study = acquire(folder / "scanner", "siemens", without=frozenset(modalities))
    with folder_pacs(folder / "pacs") as port:
        pacs = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=port)
        with running(folder / "node", [pacs]) as node:
            assert dcmsend(folder / "scanner", node.port)
            detail = node.wait_for_outcome(study)
    assert {str(dcmread(each).Modality) for each in (folder / "pacs").glob("*.dcm")} >= {"SR"}
    return detail


@needs_dcmtk
def test_a_pacs_that_is_down_gets_its_results_later_and_keeps_no_other_waiting(tmp_path: Path) -> None:
    study, late = acquire(tmp_path / "scanner", "siemens"), free_port()
    with folder_pacs(tmp_path / "up") as port:
        up = Destination(name="up", ae_title="UP", host="127.0.0.1", port=port)
        down = Destination(name="down", ae_title="DOWN", host="127.0.0.1", port=late)
        with running(tmp_path / "node", [down, up]) as node:
            assert dcmsend(tmp_path / "scanner", node.port)
            node.wait_for(lambda: delivered_to(node, study, "up"), "the results to reach the PACS that is up")
            with folder_pacs(tmp_path / "down", port=late):
                detail = node.wait_for_outcome(study)
    assert {job.state for job in detail.jobs} == {JobState.DONE}
    assert len(list((tmp_path / "down").glob("*.dcm"))) == len(list((tmp_path / "up").glob("*.dcm"))) > 0


def delivered_to(node: RunningNode, study: str, destination: str) -> bool:
    try:
        jobs = node.ledger.reading.study(study).jobs
    except LookupError:
        return False
    return any(job.destination == destination and job.state is JobState.DONE for job in jobs)
