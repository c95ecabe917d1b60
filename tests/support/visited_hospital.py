"""A node to which the studies of patients come one after the other, and what it says of their earlier results."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

import phantom
from dicom_io.encoding.part10 import copy_instance
from dicom_io.network.service import Peer
from dicom_io.phantom.options import StudyOptions
from mome_core.visits import Visit
from node.analyst import make_analyst
from node.earlier import visits_of_study
from node.service.worker import analyze_next
from node.settings import Settings
from node.settings_sections import Destination
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger

DAYS = (datetime(2025, 3, 14, 9, 30), datetime(2025, 6, 2, 14, 0), datetime(2025, 9, 20, 8, 15))


def items(parent: Dataset) -> Iterator[Dataset]:
    """Every content item below."""
    for item in parent.get("ContentSequence", []):
        yield item
        yield from items(item)


class Hospital:
    """A node to which the studies of patients come one after the other; it analyses each before the next."""

    def __init__(self, folder: Path, destinations: tuple[Destination, ...] = (), **results: object) -> None:
        self.folder = folder
        results = {"kinds": ("report", "pdf"), "language": "de", **results}
        self.settings = Settings(storage={"root": folder / "root"}, results=results, destinations=destinations)
        self.archive = Archive(folder / "root", self.settings.storage.search_key_path)
        self.ledger = Ledger(self.settings.database_url)
        self.analyst = make_analyst(self.settings)
        self.now = 1000.0
        self.uids: list[str] = []

    def examine(
        self, name: str, start: datetime, lesion_scale: float, change=lambda image: None, **spec: object
    ) -> str:
        """Write a study, change its headers, receive and analyse it; gives its UID."""
        folder = self.folder / name
        paths = phantom.study(
            folder,
            options=StudyOptions(study=name, start=start),
            size="small",
            seed=4,
            lesion_scale=lesion_scale,
            **spec,
        )
        phantom.edited(paths, change)
        received = [copy_instance(path, self.archive.temporary_path()) for path in paths]
        kept = self.archive.keep_received([(each, Peer("MR1", "MOMENODE", "10.0.0.5")) for each in received])
        self.ledger.receiving.instances_stored(kept, self.now)
        self.ledger.gathering.settle(self.now + 100, self.now + 110)
        self.now += 1000
        assert analyze_next(lambda _: (), self.ledger, self.archive, self.analyst)
        self.uids.append(kept[0].study_instance_uid)
        return kept[0].study_instance_uid

    def image(self, uid: str) -> Path:
        return self.archive.root / next(self.ledger.reading.instances(uid))[2]

    def beside(self, uid: str) -> tuple[Visit, ...]:
        summary = self.ledger.reading.study(uid).summary
        assert summary is not None
        return visits_of_study(self.ledger, self.archive, uid, self.image(uid), summary)

    def written(self, uid: str, kind: str) -> Dataset:
        kept = next(each for each in self.ledger.reading.study(uid).objects if each.kind == kind)
        return dcmread(self.archive.root / kept.path)

    def stated(self, uid: str) -> list[str]:
        """The lines of the report about the patient's visits."""
        return [
            str(item.TextValue)
            for item in items(self.written(uid, "report"))
            if item.ConceptNameCodeSequence[0].CodeValue == "EARLIER_RESULT"
        ]


def issued_elsewhere(image: Dataset) -> None:
    """The same patient ID by another issuer, with a name that differs in one letter."""
    image.IssuerOfPatientID, image.PatientName = "OTHER HOSPITAL", "PHANTOM^BREASTS"
