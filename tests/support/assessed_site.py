"""A node whose one study is answered (malignancy 73 %, positive) and waits for what its readers say."""

from __future__ import annotations

from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_io.encoding.part10 import copy_instance
from dicom_io.network.service import Peer
from node.settings import Settings
from node.storage.records import StoreOutcome
from told_results import STUDY, AnsweredSite


class AssessedSite(AnsweredSite):
    """With the settings that its services read, and a PACS that sends documents."""

    def __init__(self, folder: Path, *receivers: str, **told: object) -> None:
        super().__init__(folder, *receivers, **told)  # type: ignore[arg-type]
        self.folder = folder
        self.settings = Settings(storage={"root": folder / "root"})

    def report(self) -> Dataset:
        """The report of the newest revision."""
        kept = next(each for each in self.ledger.reading.study(STUDY).objects if each.kind == "report")
        return dcmread(self.archive.root / kept.path)

    def arrives(self, document: Dataset, now: float = 300.0, sender: str = "PACS") -> StoreOutcome:
        """A document comes over the network."""
        file = self.folder / f"{document.SOPInstanceUID}.dcm"
        document.save_as(file, enforce_file_format=True)
        received = copy_instance(file, self.archive.temporary_path())
        kept = self.archive.keep_received([(received, Peer(sender, "MOMENODE", "10.0.0.6"))])
        return self.ledger.receiving.instances_stored(kept, now)[0]
