"""The node dies once at each of its crash points while it analyses a study with the model; one result still comes."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread

from dicom_io.network.folder import folder_pacs
from node.crashpoints import NAMES
from node.settings_sections import Destination
from node.states import StudyState
from running_node import dcmsend, dcmtk_available, running
from scanner import acquire
from sr_templates.kinds import Kind

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not dcmtk_available(), reason="needs DCMTK (apt-get install dcmtk)"),
]


WITH_THE_MODEL = ("infer.started", "infer.done", "result.file_synced")
"""In `make test`; every point is met there by test_node_crashes.py, with an analysis that takes no time."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(each, marks=() if each in WITH_THE_MODEL else pytest.mark.exhaustive)
        for each in NAMES
        if not each.startswith("commit.")
    ],
)
def test_a_crash_anywhere_still_ends_in_one_delivered_result(tmp_path: Path, name: str) -> None:
    study = acquire(tmp_path / "scanner", "siemens")
    with folder_pacs(tmp_path / "pacs") as port:
        pacs = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=port)
        with running(tmp_path / "node", [pacs], environment={"MOME_CRASHPOINT": f"{name}:1"}) as node:
            for _ in range(20):
                if dcmsend(tmp_path / "scanner", node.port):
                    break
                node.wait_for_port()
            detail = node.wait_for_outcome(study)
            node.wait_for_log("is started again")
    assert detail.study.state in (StudyState.DELIVERED, StudyState.INELIGIBLE), detail.study.reason
    sent = [dcmread(each) for each in (tmp_path / "pacs").glob("*.dcm")]
    reports = [str(each.SOPInstanceUID) for each in sent if each.Modality == "SR"]
    kept = [each.sop_instance_uid for each in detail.objects if each.kind in (Kind.REPORT, Kind.REGION)]
    assert kept and sorted(reports) == sorted(kept), "each once, and nothing of another attempt"
    assert list((tmp_path / "node" / "root" / "temporary").iterdir()) == []
