"""Studies are found as soon as their first image is here, and by what came late."""

from __future__ import annotations

from pathlib import Path

from dicom_io.encoding.part10 import copy_instance
from dicom_io.network.service import Peer
from live_node import instance
from node.jobs import Priority
from node.patient_search import RowLabels, study_search
from node.search_key import SearchKey
from node.service.indexing import StudyIndexer
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger
from node.storage.overview import Overview
from node.storage.worklist import Worklist, WorklistRow

STUDY = "1.2.3"


class Place:
    """A storage root with its ledger, and a scanner that sends to it."""

    def __init__(self, folder: Path, **sections: object) -> None:
        self.folder = folder
        self.settings = Settings(storage={"root": folder / "root"}, dashboard={"patients": "name"}, **sections)
        self.archive, self.ledger = Archive(folder / "root"), Ledger(self.settings.database_url)

    def receive(self, series: int, now: float, called: str = "MOMENODE", **values: str) -> None:
        image = instance(STUDY, SeriesInstanceUID=f"{STUDY}.{series}", SpecificCharacterSet="ISO_IR 192", **values)
        file = self.folder / f"{image.SOPInstanceUID}.dcm"
        image.save_as(file, enforce_file_format=True)
        received = copy_instance(file, self.archive.temporary_path())
        self.ledger.receiving.instances_stored(
            self.archive.keep_received([(received, Peer("MRI1", called, "10.0.0.5"))]), now
        )

    def index(self) -> int:
        return StudyIndexer(self.settings, self.archive, self.ledger).run()

    @property
    def key(self) -> SearchKey:
        return SearchKey.open(self.settings.storage.search_key_path)

    def found(self, text: str) -> list[WorklistRow]:
        return Worklist(self.ledger.engine).rows(search=study_search(text, self.key, patients=True))


def test_a_study_is_found_when_its_first_image_is_here(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.receive(
        1, 100.0, PatientName="Müller^Änne", PatientID="P1", StudyDate="20261129", StudyDescription="MR Mamma"
    )
    assert place.found("mueller") == []
    assert place.index() == 1
    assert place.index() == 0, "once"
    (row,) = place.found("muller anne 2026-11-29 mri1")
    labels = RowLabels.unsealed(place.key, row.labels)
    assert (labels.patient_name, labels.patient_id, labels.study_description) == ("Müller^Änne", "P1", "MR Mamma")
    assert row.scanner == "MRI1"


def test_what_came_late_is_found_when_the_study_is_complete(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.receive(1, 100.0, PatientName="Muster^Anna")
    place.index()
    place.receive(2, 110.0, PatientName="Muster^Anna", AccessionNumber="A17")
    assert place.found("A17") == []
    place.ledger.gathering.settle(150.0, 160.0)
    assert place.index() == 1
    assert len(place.found("A17")) == 1


def test_another_key_or_another_wish_of_the_site_indexes_all_anew(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.receive(1, 100.0, PatientName="Muster^Anna")
    assert place.index() == 1
    place.settings.storage.search_key_path.unlink()
    assert place.found("muster") == [], "the old digests say nothing to the new key"
    assert place.index() == 1
    assert len(place.found("muster")) == 1
    shown = place.settings.dashboard.model_copy(update={"patients": "none"})
    place.settings = place.settings.model_copy(update={"dashboard": shown})
    assert place.index() == 1
    (row,) = place.found("muster")
    assert RowLabels.unsealed(place.key, row.labels).patient_name == ""


def test_a_file_that_is_gone_or_damaged_stops_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.receive(1, 100.0, PatientName="Muster^Anna")
    for file in place.archive.instance_files():
        file.write_bytes(b"damaged")
    assert place.index() == 1
    assert place.index() == 0
    assert place.found("mri1") != []


def priority_of(place: Place) -> Priority:
    return place.ledger.reading.study(STUDY).study.priority


def test_a_new_study_is_as_urgent_as_its_ae_title_or_the_rule_that_fits(tmp_path: Path) -> None:
    entity = {"ae_title": "MOMESTAT", "priority": "STAT"}
    rule = {"priority": "LOW", "study_description": "*research*"}
    place = Place(tmp_path, ae_titles=(entity,), priorities=(rule,))
    place.receive(1, 100.0, called="MOMESTAT", StudyDescription="MR Mamma")
    place.index()
    assert priority_of(place) is Priority.STAT
    assert place.ledger.reading.study(STUDY).study.called_ae_title == "MOMESTAT"
    said = [each.detail for each in Overview(place.ledger.engine).events(1) if each.event == "OPERATED"]
    assert said == ["AE title MOMESTAT: priority STAT"]
    ruled = Place(tmp_path / "ruled", ae_titles=(entity,), priorities=(rule,))
    ruled.receive(1, 100.0, called="MOMESTAT", StudyDescription="Breast RESEARCH protocol")
    ruled.index()
    assert priority_of(ruled) is Priority.LOW


def test_what_an_operator_says_of_a_priority_stays(tmp_path: Path) -> None:
    place = Place(tmp_path, ae_titles=({"ae_title": "MOMESTAT", "priority": "STAT"},))
    place.receive(1, 100.0, called="MOMESTAT")
    place.index()
    place.ledger.operator.prioritise(STUDY, Priority.ROUTINE, "alice", 110.0)
    place.receive(2, 120.0, called="MOMESTAT")
    place.ledger.gathering.settle(150.0, 160.0)
    assert place.index() == 1
    assert priority_of(place) is Priority.ROUTINE


def test_a_study_of_an_earlier_version_learns_its_patient_under_the_key(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.receive(1, 100.0, PatientName="Ann^One", PatientID="P1")
    with place.ledger.engine.begin() as db:
        known = db.exec_driver_sql("SELECT patient_digest FROM study").scalar_one()
        db.exec_driver_sql("UPDATE study SET patient_digest = ''")
    assert place.index() == 1
    with place.ledger.engine.begin() as db:
        assert db.exec_driver_sql("SELECT patient_digest FROM study").scalar_one() == known
