"""A site with three studies whose headers were written by somebody hostile."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from pydicom.dataset import Dataset

from dicom_io.encoding.part10 import copy_instance
from dicom_io.network.service import CALLING_UNKNOWN, Peer
from live_node import instance, new_study, report
from node.audit import AuditEvent, AuditFields
from node.dashboard.app import build_app
from node.dashboard.site import Site
from node.jobs import JobKind
from node.reasons import Reason, ReasonCode
from node.service.indexing import StudyIndexer
from node.settings import Settings
from node.storage.accounts import AccountRole
from node.storage.records import AnalysisRecord, ObjectReceipt
from node.summary import AnalysisSummary
from sr_templates.build import encode

HOSTILE = "<script>alert(1)</script>"
PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that live as long as a test
FORMULA = "=1+1|calc"
SUMMARY = {
    "scores": [
        {
            "endpoint": "malignancy",
            "probability": 0.84,
            "among": {"negative_percent": 97, "negatives": 1240, "positive_percent": 61, "positives": 310},
            "threshold": 0.07,
            "spread": 0.1,
            "augmentations": 54,
            "contributions": {"DCE": 0.5, "T2": -0.16},
            "base_probability": 0.5,
            "model": {"name": "demo", "version": "1", "sha256": "a" * 64},
            "call": "positive",
            "withheld_reason": None,
            "calibration": {
                "coalition": "DCE+T2",
                "operating_point": 0.07,
                "target_sensitivity": 0.95,
                "sensitivity": {"count": 97, "of": 100, "low": 0.915, "high": 0.994},
                "specificity": {"count": 80, "of": 100, "low": 0.708, "high": 0.873},
                "auroc": {"value": 0.93, "low": 0.89, "high": 0.96},
                "cases": 200,
                "prevalence": 0.5,
            },
            "at_this_score": {"count": 42, "of": 50, "low": 0.71, "high": 0.92},
            "without": {"DCE": None, "T2": 0.8},
            "estimator": {
                "name": "published",
                "augmentation": "published",
                "pooling": "probabilities",
                "arithmetic": "float32",
                "versions": 54,
            },
        }
    ],
    "flags": [{"code": "motion", "severity": "warning", "message": f"motion {HOSTILE}"}],
    "series": [],
    "timings_s": {"scores": 4.2},
}

IMAGE = {
    "PatientID": "A1",
    "PatientName": "Doe^Jane",
    "Rows": 20,
    "Columns": 50,
    "PixelSpacing": [1, 1],
    "SliceThickness": 2,
    "ImagePositionPatient": [0, 0, 0],
    "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
    "FrameOfReferenceUID": "2.25.6",
    "SeriesNumber": 1,
    "InstanceNumber": 1,
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "BitsAllocated": 16,
    "BitsStored": 12,
    "HighBit": 11,
    "PixelRepresentation": 0,
}
"""An image that results can refer to."""

STRANGER = AuditFields(
    calling_ae_title=HOSTILE[:16],
    called_ae_title="MOMENODE",
    address="10.0.0.9",
    count=1,
    reason=ReasonCode.CALLING_UNKNOWN,
)


def hostile_site(folder: Path) -> Site:
    """Study 1 delivered, study 2 failed, study 3 receiving; and a caller that was turned away."""
    destination = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 1}
    opened = Site.open(Settings(storage={"root": folder / "root"}, destinations=(destination,)))
    delivered, failed, receiving = (new_study() for _ in range(3))
    for uid in (delivered, failed, receiving):
        receive(opened, folder, uid)
    now = time.time()
    for uid in (delivered, failed):
        opened.ledger.operator.force(uid, now)
    deliver(opened, delivered, now)
    job = opened.ledger.jobs.claim(JobKind.ANALYZE, now, 60.0)
    assert job is not None
    opened.ledger.jobs.failed(job, Reason(ReasonCode.ANALYSIS_FAILED, f"analysis failed: {HOSTILE}"), now, attempts=1)
    words = f"{CALLING_UNKNOWN.words}: {HOSTILE[:16]} called MOMENODE from 10.0.0.9"
    opened.ledger.audit.record(AuditEvent.REJECTED, now, words, fields=STRANGER)
    StudyIndexer(opened.settings, opened.archive, opened.ledger).run()
    return opened


def delivered_site(folder: Path, summary: AnalysisSummary | None = None) -> Site:
    """One study, delivered to its PACS, with a report that can be withdrawn."""
    destination = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 1}
    opened = Site.open(Settings(storage={"root": folder / "root"}, destinations=(destination,)))
    uid, now = new_study(), time.time()
    receive(opened, folder, uid, IMAGE)
    opened.ledger.operator.force(uid, now)
    made = report(folder / f"{uid}.dcm", 1)
    deliver(opened, uid, now, made, summary or AnalysisSummary.from_json(SUMMARY))
    return opened


def receive(site: Site, folder: Path, uid: str, values: dict[str, Any] | None = None) -> None:
    """One image of a study, with a script for a name, a formula for an accession number, a book for a comment."""
    values = values or {
        "PatientName": f"{HOSTILE}^X",
        "AccessionNumber": FORMULA,
        "SeriesDescription": HOSTILE,
        "StudyDescription": f'" onmouseover="alert(1)" {HOSTILE}',
        "ImageComments": HOSTILE + "c" * 65_000,
    }
    image = instance(uid, **values)
    file = folder / f"{uid}.dcm"
    image.save_as(file, enforce_file_format=True)
    received = copy_instance(file, site.archive.temporary_path())
    site.ledger.receiving.instances_stored(
        site.archive.keep_received([(received, Peer(HOSTILE[:16], "MOMENODE", "10.0.0.5"))]), time.time()
    )
    words, fields = "1 instances from MRI1 at 10.0.0.5", AuditFields(calling_ae_title="MRI1", count=1)
    site.ledger.audit.record(AuditEvent.RECEIVED, time.time(), words, uid, fields)


def deliver(
    site: Site, uid: str, now: float, report: Dataset | None = None, summary: AnalysisSummary | None = None
) -> None:
    """Analyse and deliver a study."""
    job = site.ledger.jobs.claim(JobKind.ANALYZE, now, 60.0)
    assert job is not None
    sop = str(report.SOPInstanceUID) if report else "2.25.1"
    encoded = [("report", "1.2.840.10008.5.1.4.1.1.88.34", sop, "2.25.2", encode(report) if report else b"a report")]
    kept = site.archive.keep_results(uid, 1, encoded)
    answer = summary or AnalysisSummary.from_json(SUMMARY)
    site.ledger.jobs.analyzed(job, AnalysisRecord(tuple(kept), answer, ("pacs",)), now)
    delivery = site.ledger.jobs.claim(JobKind.DELIVER, now, 60.0, "pacs")
    assert delivery is not None
    site.ledger.deliveries.delivered(delivery, [ObjectReceipt(sop, 0)], now)


def client_of(site: Site) -> TestClient:
    """A browser that nobody has logged in."""
    return TestClient(build_app(site), base_url="http://localhost:8090", follow_redirects=False)


def log_in_to(site: Site, role: AccountRole, *, patients: bool = True) -> TestClient:
    """The browser of somebody with a role, which sends the token of its pages with every request."""
    name, now = f"a {role}" if patients else f"a {role} without patients", time.time()
    site.access.accept(site.access.invite(name, role, now, patients=patients), PASSWORD, now)
    browser = client_of(site)
    answer = browser.post("/login", data={"name": name, "password": PASSWORD})
    assert answer.status_code == 303
    page = browser.get("/").text
    browser.headers["x-csrf-token"] = page.split('name="csrf" value="')[1].split('"')[0]
    return browser
