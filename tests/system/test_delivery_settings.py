"""The sample settings of install.md with a real Orthanc, and wrong ones: each ends in a sentence with the remedy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import orthanc
from live_node import LiveNode, instance, live_node, new_study, wait_for
from node.jobs import JobKind
from node.settings_sections import Destination
from node.storage.records import JobRecord

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not orthanc.available(), reason="Orthanc is not installed"),
]


def sample(node: LiveNode, **dicom: object) -> None:
    """What install.md says nearly every site sets; more, or else, where a test says so."""
    here = node.settings.dicom.model_copy(update={"callers": ("MODALITY",), **dicom})
    node.settings = node.settings.model_copy(update={"dicom": here})


def delivery_of(node: LiveNode, study: str) -> JobRecord:
    return next(job for job in node.ledger.reading.study(study).jobs if job.kind is JobKind.DELIVER)


def doctor(node: LiveNode) -> dict[str, dict[str, str]]:
    command = [sys.executable, "-m", "node.cli.main", "doctor", "--json", "--config", str(node.folder / "node.toml")]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return {each["name"]: each for each in json.loads(told.stdout)}


def test_the_sample_settings_deliver_with_commitment(tmp_path: Path) -> None:
    with orthanc.running() as pacs:
        to = Destination(name="pacs", ae_title="ORTHANC", host="127.0.0.1", port=pacs.dicom_port, commitment=True)
        with live_node(tmp_path, to) as node:
            sample(node)
            pacs.know("node", "MOMENODE", node.settings.dicom.port)
            node.start()
            study = new_study()
            node.send_until_all_are_kept([instance(study)])
            detail = node.outcome(study, "DELIVERED")
            found = doctor(node)
    receipts = next(job.receipts for job in detail.jobs if job.kind is JobKind.DELIVER)
    assert receipts and all(each.committed_at for each in receipts)
    assert found["pacs: return"]["level"] == "ok"


@pytest.mark.parametrize(
    ("change", "words", "line"),
    [
        ({"ae_title": "WRONG"}, 'ae_title = "WRONG" of [[destinations]] "pacs"', "pacs: echo"),
        ({"port": 1}, "port = 1 of", "pacs: port"),
        ({"host": "pacs.invalid"}, 'host = "pacs.invalid"', "pacs: port"),
        ({"tls": True}, "tls = false", "pacs: echo"),
    ],
    ids=["their AE title", "port", "host", "TLS"],
)
def test_a_wrong_setting_is_named_by_delivery_and_doctor(
    tmp_path: Path, change: dict[str, object], words: str, line: str
) -> None:
    with orthanc.running(settings={"DicomCheckCalledAet": True}) as pacs:
        right = {"name": "pacs", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": pacs.dicom_port}
        with live_node(tmp_path, Destination(**{**right, "commitment": True, **change})) as node:
            sample(node)
            pacs.know("node", "MOMENODE", node.settings.dicom.port)
            node.start()
            study = new_study()
            node.send_until_all_are_kept([instance(study)])
            wait_for(lambda: bool(reason_of(node, study)), 60, "the delivery to say why")
            assert words in reason_of(node, study)
            found = doctor(node)
    assert found[line]["level"] == "FAILED"
    assert words in found[line]["message"] + found[line]["hint"]


def test_a_pacs_that_looks_for_us_elsewhere_is_told_where_we_are(tmp_path: Path) -> None:
    with orthanc.running() as pacs:
        to = Destination(name="pacs", ae_title="ORTHANC", host="127.0.0.1", port=pacs.dicom_port, commitment=True)
        with live_node(tmp_path, to) as node:
            sample(node)
            pacs.know("node", "MOMENODE", orthanc.free_port())
            node.start()
            found = doctor(node)
    assert found["pacs: return"]["level"] == "FAILED"
    assert f"port {node.settings.dicom.port}" in found["pacs: return"]["hint"]


def reason_of(node: LiveNode, study: str) -> str:
    try:
        return delivery_of(node, study).reason
    except (LookupError, StopIteration):
        return ""
