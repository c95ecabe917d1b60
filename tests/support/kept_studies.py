"""A study that is in archive and ledger as if it had been received, and then as if it had been answered."""

from __future__ import annotations

from dicom_io.encoding.part10 import InstanceFile
from dicom_io.network.service import Peer
from live_node import instance
from node.jobs import JobKind
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger
from node.storage.records import AnalysisRecord, ObjectReceipt
from node.summary import AnalysisSummary

STUDY = "1.2.3"


def keep(
    settings: Settings,
    count: int,
    study: str = STUDY,
    *,
    called: str = "MOMENODE",
    sender: str = "MODALITY",
    **values: str,
) -> Ledger:
    """Instances as the listener would keep them."""
    archive, ledger = Archive(settings.storage.root), Ledger(settings.database_url)
    received = []
    for _ in range(count):
        image = instance(study, **values)
        file = InstanceFile(archive.temporary_path(), image.SOPClassUID, image.SOPInstanceUID, "1.2.840.10008.1.2.1")
        file.write(memoryview(encoded(image)))
        received.append((file.finish(), Peer(sender, called, "10.0.0.5")))
    ledger.receiving.instances_stored(archive.keep_received(received), 100.0)
    return ledger


def encoded(image: object) -> bytes:
    """The bytes of a data set alone, as they arrive."""
    from pynetdicom.dsutils import encode

    content = encode(image, False, True)  # type: ignore[arg-type]
    assert content is not None
    return content


def delivered(settings: Settings, ledger: Ledger) -> None:
    """Analyse and deliver the study."""
    archive = Archive(settings.storage.root)
    ledger.gathering.settle(150, 160)
    job = ledger.jobs.claim(JobKind.ANALYZE, 170, 60)
    assert job is not None
    objects = archive.keep_results(STUDY, 1, [("report", "1.2", "9.1", "9", b"a report")])
    ledger.jobs.analyzed(job, AnalysisRecord(tuple(objects), AnalysisSummary(), ("pacs",)), 180)
    delivery = ledger.jobs.claim(JobKind.DELIVER, 190, 60)
    assert delivery is not None
    ledger.deliveries.delivered(delivery, [ObjectReceipt("9.1", 0)], 200)
