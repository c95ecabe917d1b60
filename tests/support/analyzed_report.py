"""A study whose report is on disk and due to be delivered, and the client that delivers it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from live_node import instance, report
from node.dicom_settings import DicomSettings
from node.jobs import JobKind, RetryPolicy
from node.service.delivery import DeliveryClient
from node.settings_sections import Destination
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger
from node.storage.records import AnalysisRecord, StoredInstance
from node.summary import AnalysisSummary

STUDY = "1.2.3"


def delivery_client(
    ledger: Ledger, folder: Path, destination: Destination, here: DicomSettings | None = None, sop_class: str = ""
) -> DeliveryClient:
    """With one analysed study whose report, of this class, is to be delivered; failed attempts are repeated at once."""
    archive = Archive(folder / "root")
    ledger.jobs.retry = ledger.deliveries.retry = RetryPolicy(refusals=3, first_seconds=0.001, longest_seconds=0.002)
    image = StoredInstance(STUDY, "1.2.3.1", "1.2", "1.2.3.1.1", "1.2.1", "p", "a", "path", 10, "MR")
    ledger.receiving.instances_stored([image], 100)
    ledger.gathering.settle(150, 160)
    job = ledger.jobs.claim(JobKind.ANALYZE, 170, 60)
    assert job is not None
    source, content = folder / "source.dcm", BytesIO()
    instance(STUDY).save_as(source, enforce_file_format=True)
    made = report(source, 1)
    if sop_class:
        made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = sop_class
    made.save_as(content, enforce_file_format=True)
    names = (str(made.SOPClassUID), str(made.SOPInstanceUID), str(made.SeriesInstanceUID))
    objects = archive.keep_results(STUDY, 1, [("report", *names, content.getvalue())])
    ledger.jobs.analyzed(job, AnalysisRecord(tuple(objects), AnalysisSummary(), (destination.name,)), 180)
    return DeliveryClient(here or DicomSettings(), destination, ledger, archive)
