"""Results by STOW-RS: to a real Orthanc, and to one that is down for a while."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread

import orthanc
import phantom
from node.jobs import JobKind
from node.settings_sections import Destination
from running_node import dcmsend, dcmtk_available, running

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not (orthanc.available() and orthanc.DICOMWEB_PLUGIN.exists() and dcmtk_available()),
        reason="needs Orthanc with DICOMweb and DCMTK (apt-get install orthanc orthanc-dicomweb dcmtk)",
    ),
]


def test_every_object_is_in_orthanc_once_however_often_it_was_down(tmp_path: Path) -> None:
    paths = phantom.study(tmp_path / "scanner", seed=12)
    study = str(dcmread(paths[0], stop_before_pixels=True).StudyInstanceUID)
    with orthanc.running() as server:
        web = Destination(name="web", ae_title="ORTHANC", host="127.0.0.1", port=1, web=f"{server.url}/dicom-web/")
        down = Destination(name="down", ae_title="X", host="127.0.0.1", port=1, web="http://127.0.0.1:1/dicom-web")
        with running(tmp_path / "node", [web, down]) as node:
            assert dcmsend(tmp_path / "scanner", node.port)
            node.wait_for_log("nothing listens on that port", 120)
            jobs = {}
            while jobs.get("web") != "done":
                jobs = {
                    job.destination: job.state
                    for job in node.ledger.reading.study(study).jobs
                    if job.kind is JobKind.DELIVER
                }
            kept = {each.sop_instance_uid for each in node.ledger.reading.study(study).objects}
        found = server.find("Instance", {"StudyInstanceUID": study})
    assert jobs["down"] == "waiting"
    assert {each["MainDicomTags"]["SOPInstanceUID"] for each in found} == kept
    assert len(found) == len(kept) >= 3
