"""The life of a result: the same bytes again, reproduced from the report alone, withdrawn, answered, and degraded."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

import orthanc
import phantom
from node.settings_sections import Destination
from node.states import StudyState
from ports import free_port
from running_node import RunningNode, dcmsend, dcmtk, dcmtk_available, running

pytestmark = pytest.mark.system
needs_servers = pytest.mark.skipif(
    not (orthanc.available() and dcmtk_available()), reason="needs Orthanc and DCMTK (apt-get install orthanc dcmtk)"
)
needs_faketime = pytest.mark.skipif(not shutil.which("faketime"), reason="needs faketime (apt-get install faketime)")
COMPREHENSIVE_3D_SR, ENHANCED_SR = "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.88.22"
KEY_OBJECTS, PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.88.59", "1.2.840.10008.5.1.4.1.1.30"
OLD_PACS = """[[TransferSyntaxes]]
[Plain]
TransferSyntax1 = LocalEndianExplicit
TransferSyntax2 = LittleEndianImplicit
[[PresentationContexts]]
[Old]
PresentationContext1 = VerificationSOPClass\\Plain
PresentationContext2 = SecondaryCaptureImageStorage\\Plain
PresentationContext3 = MultiframeTrueColorSecondaryCaptureImageStorage\\Plain
PresentationContext4 = EnhancedSRStorage\\Plain
PresentationContext5 = KeyObjectSelectionDocumentStorage\\Plain
[[Profiles]]
[Default]
PresentationContexts = Old
"""


def command(*arguments: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    program = [*prefix, sys.executable, "-m", "node.cli.main"]
    return subprocess.run([*program, *arguments], capture_output=True, text=True, check=False)


def study_of(path: Path) -> str:
    return str(dcmread(path, stop_before_pixels=True).StudyInstanceUID)


def digests(folder: Path) -> dict[str, str]:
    """SOP Instance UID -> SHA-256 of the whole file."""
    files = list(folder.rglob("*.dcm"))
    assert files
    return {
        str(dcmread(file, stop_before_pixels=True).SOPInstanceUID): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
    }


@needs_faketime
def test_on_another_day_and_in_another_order_the_objects_are_the_same_bytes(tmp_path: Path) -> None:
    paths = phantom.study(tmp_path / "sent", "philips", seed=7)
    random.Random(1).shuffle(paths)
    (tmp_path / "again").mkdir()
    for number, path in enumerate(paths):
        shutil.copy(path, tmp_path / "again" / f"{number:04d}")
    config = tmp_path / "node.toml"
    config.write_text(f'[storage]\nroot = "{tmp_path / "root"}"\n')
    made = []
    for folder, prefix in (("sent", ()), ("again", ("faketime", "2031-05-17 03:21:09"))):
        out = tmp_path / f"out-{folder}"
        ran = command("infer", str(tmp_path / folder), "--out", str(out), "-c", str(config), prefix=prefix)
        assert ran.returncode == 0, ran.stderr
        made.append(digests(out))
    assert made[0] == made[1]


@needs_servers
def test_a_report_is_reproduced_from_itself_withdrawn_and_answered(tmp_path: Path) -> None:
    study = study_of(phantom.study(tmp_path / "scanner", seed=8)[0])
    with orthanc.running() as server:
        pacs = Destination(name="pacs", ae_title=server.ae_title, host="127.0.0.1", port=server.dicom_port)
        with running(tmp_path / "node", [pacs]) as node:
            assert dcmsend(tmp_path / "scanner", node.port)
            assert node.wait_for_outcome(study).study.state is StudyState.DELIVERED
            report = in_pacs(server, study, COMPREHENSIVE_3D_SR)[0]
            report.save_as(tmp_path / "report.dcm", enforce_file_format=True)
            reproduces(node, tmp_path / "report.dcm")
            notices_a_changed_number(node, report, tmp_path / "changed.dcm")
            feeds_back(node, report, tmp_path)
            withdrawn(node, server, study)


def in_pacs(server: orthanc.Orthanc, study: str, sop_class: str) -> list[Dataset]:
    found = server.find("Instance", {"StudyInstanceUID": study, "SOPClassUID": sop_class})
    return [dcmread(BytesIO(server.file(each["ID"]))) for each in found]


def reproduces(node: RunningNode, report: Path) -> None:
    ran = command("reproduce", str(report), "-c", str(node.config), "--json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["different"] == [] and len(told["numbers"]) > 8


def notices_a_changed_number(node: RunningNode, report: Dataset, file: Path) -> None:
    number = next(each for each in report.iterall() if each.keyword == "NumericValue")
    number.value = "12.34"
    report.save_as(file, enforce_file_format=True)
    ran = command("reproduce", str(file), "-c", str(node.config))
    assert ran.returncode == 1 and "differs from 12.34" in ran.stdout


def feeds_back(node: RunningNode, report: Dataset, folder: Path) -> None:
    """A radiologist's corrected report comes back to the node."""
    report.SOPInstanceUID = report.file_meta.MediaStorageSOPInstanceUID = generate_uid(prefix="2.25.")
    report.SeriesInstanceUID = generate_uid(prefix="2.25.")
    (folder / "back").mkdir()
    report.save_as(folder / "back" / "corrected.dcm", enforce_file_format=True)
    assert dcmsend(folder / "back", node.port)
    told = json.loads(command("feedback", "list", "-c", str(node.config), "--json").stdout)
    assert [each["calling_ae_title"] for each in told] == ["MODALITY"]
    table = folder / "feedback.csv"
    assert command("feedback", "export", "--out", str(table), "-c", str(node.config)).returncode == 0
    assert len(table.read_text().splitlines()) == 2


def withdrawn(node: RunningNode, server: orthanc.Orthanc, study: str) -> None:
    """A rejection note reaches the PACS and names what it rejects."""
    before = {str(each.SOPInstanceUID) for each in in_pacs(server, study, KEY_OBJECTS)}
    report = {str(each.SOPInstanceUID) for each in in_pacs(server, study, COMPREHENSIVE_3D_SR)}
    assert command("retract", study, "--reason", "quality", "-c", str(node.config)).returncode == 0
    deadline, notes = time.monotonic() + 60, list[Dataset]()
    while not notes:
        assert time.monotonic() < deadline, "no rejection note came"
        time.sleep(0.5)
        notes = [each for each in in_pacs(server, study, KEY_OBJECTS) if str(each.SOPInstanceUID) not in before]
    assert notes[0].ConceptNameCodeSequence[0].CodeValue in ("113001", "113037")
    rejected = {str(each.value) for each in notes[0].iterall() if each.keyword == "ReferencedSOPInstanceUID"}
    assert report <= rejected


@needs_servers
def test_an_old_pacs_gets_the_report_in_the_class_that_it_knows(tmp_path: Path) -> None:
    study = study_of(phantom.study(tmp_path / "scanner", seed=9)[0])
    (tmp_path / "old.cfg").write_text(OLD_PACS)
    (tmp_path / "stored").mkdir()
    port = free_port()
    accepted = ["-xf", str(tmp_path / "old.cfg"), "Default", "-od", str(tmp_path / "stored")]
    with subprocess.Popen([str(dcmtk("storescp")), *accepted, str(port)]) as old:
        try:
            with running(
                tmp_path / "node", [Destination(name="old", ae_title="OLD", host="127.0.0.1", port=port)]
            ) as node:
                assert dcmsend(tmp_path / "scanner", node.port)
                detail = node.wait_for_outcome(study)
        finally:
            old.terminate()
    stored = [str(dcmread(file).SOPClassUID) for file in (tmp_path / "stored").iterdir()]
    assert detail.study.state is StudyState.DELIVERED, detail.study.reason
    assert ENHANCED_SR in stored and not {COMPREHENSIVE_3D_SR, PARAMETRIC_MAP} & set(stored)
    answers = {each.sop_instance_uid: each for job in detail.jobs for each in job.receipts}
    left_out = {each.kind for each in detail.objects if not answers[each.sop_instance_uid].kept}
    assert {"saliency-map", "segmentation", "report"} <= left_out
