"""Earlier node reports from an archive: of the same patient only, what stands only, and what is whole only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

import orthanc
from mome_core.visits import Visit
from node.prior_reports import PriorReports
from node.settings import Settings
from node.settings_sections import Destination
from ports import free_port
from reader_documents import OF_INTEREST, REJECTED_FOR_QUALITY, key_objects
from sr_templates.build import encode
from visited_hospital import DAYS, Hospital, issued_elsewhere

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not orthanc.available(), reason="needs Orthanc (apt-get install orthanc)"),
]


def encoded(document: Dataset) -> bytes:
    file = BytesIO()
    document.save_as(file, enforce_file_format=True)
    return file.getvalue()


@pytest.fixture(scope="module")
def pacs() -> Iterator[orthanc.Orthanc]:
    with orthanc.running({"node": ("MOMENODE", "127.0.0.1", free_port())}) as server:
        yield server


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory, pacs: orthanc.Orthanc) -> Hospital:
    """Another node, which examined the patient and somebody else with the same ID; the archive has both reports."""
    found = Hospital(tmp_path_factory.mktemp("another-node"), kinds=("report",))
    found.examine("visit-1", DAYS[0], 1.0)
    found.examine("other", DAYS[1], 1.2, issued_elsewhere)
    for uid in found.uids:
        pacs.keep(encoded(found.written(uid, "report")))
    return found


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, hospital: Hospital, pacs: orthanc.Orthanc) -> Hospital:
    """This node, to which the patient comes for the last visit; it knows the archive and no earlier study."""
    folder = tmp_path_factory.mktemp("this-node")
    pacs_ = Destination(name="pacs", ae_title=pacs.ae_title, host="127.0.0.1", port=pacs.dicom_port)
    found = Hospital(folder, kinds=("report",), priors_from="pacs", destinations=(pacs_,))
    found.examine("visit-3", DAYS[2], 0.7)
    return found


def asked(site: Hospital) -> tuple[Visit, ...]:
    reports = PriorReports.of_settings(site.settings, "pacs", site.ledger.reading.knows)
    return reports.before(site.uids[0], site.image(site.uids[0]))


def test_a_result_that_another_node_gave_stands_beside_this_one(hospital: Hospital, here: Hospital) -> None:
    theirs = hospital.ledger.reading.study(hospital.uids[0]).summary
    ours = here.ledger.reading.study(here.uids[0]).summary
    assert theirs is not None and theirs.visit is not None and ours is not None
    assert ours.elsewhere == (replace(theirs.visit, date="20250314"),)
    assert [line[:10] for line in here.stated(here.uids[0])] == ["2025-03-14", "2025-09-20"]
    assert [each.date for each in here.beside(here.uids[0])] == ["20250314", "20250920"], "the dashboard shows it too"


def test_another_patient_with_the_same_id_is_never_among_them(hospital: Hospital, here: Hospital) -> None:
    assert [each.date for each in asked(here)] == ["20250314"], "the other's study is from 2025-06-02"


def test_a_report_that_was_changed_or_moved_into_another_study_says_nothing(
    hospital: Hospital, here: Hospital, pacs: orthanc.Orthanc
) -> None:
    moved = hospital.written(hospital.uids[0], "report")
    moved.StudyInstanceUID, moved.SOPInstanceUID = generate_uid(), generate_uid()
    moved.file_meta.MediaStorageSOPInstanceUID = moved.SOPInstanceUID
    moved.StudyDate = "20250401"
    kept = pacs.keep(encoded(moved))
    try:
        assert [each.date for each in asked(here)] == ["20250314"]
    finally:
        pacs.forget(kept)


def test_what_a_later_revision_replaced_does_not_stand(
    hospital: Hospital, here: Hospital, pacs: orthanc.Orthanc
) -> None:
    report = hospital.written(hospital.uids[0], "report")
    later = dcmread(BytesIO(encoded(report)))
    later.SOPInstanceUID = later.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    later.PredecessorDocumentsSequence = [Dataset()]
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedSOPSequence = report.SeriesInstanceUID, [Dataset()]
    series.ReferencedSOPSequence[0].ReferencedSOPClassUID = report.SOPClassUID
    series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID = report.SOPInstanceUID
    later.PredecessorDocumentsSequence[0].StudyInstanceUID = report.StudyInstanceUID
    later.PredecessorDocumentsSequence[0].ReferencedSeriesSequence = [series]
    kept = pacs.keep(encoded(later))
    try:
        assert len(asked(here)) == 1, "the later one stands, once"
        del later.PredecessorDocumentsSequence
        pacs.forget(kept)
        kept = pacs.keep(encoded(later))
        assert asked(here) == (), "two that stand contradict each other"
    finally:
        pacs.forget(kept)


def test_what_a_reader_rejected_in_the_archive_does_not_stand(
    hospital: Hospital, here: Hospital, pacs: orthanc.Orthanc
) -> None:
    kept = pacs.keep(encode(key_objects(REJECTED_FOR_QUALITY, hospital.written(hospital.uids[0], "report"))))
    try:
        assert asked(here) == ()
    finally:
        pacs.forget(kept)
    kept = pacs.keep(encode(key_objects(OF_INTEREST, hospital.written(hospital.uids[0], "report"))))
    try:
        assert len(asked(here)) == 1
    finally:
        pacs.forget(kept)


def test_a_study_that_this_node_knows_is_left_to_its_own_ledger(hospital: Hospital, here: Hospital) -> None:
    reports = PriorReports.of_settings(here.settings, "pacs", lambda uid: uid == hospital.uids[0])
    assert reports.before(here.uids[0], here.image(here.uids[0])) == ()
    nobody = PriorReports.of_settings(here.settings, "", lambda _: False)
    assert nobody.before(here.uids[0], here.image(here.uids[0])) == ()


def test_an_archive_that_does_not_answer_holds_nothing_up(tmp_path: Path, here: Hospital) -> None:
    silent = Destination(name="pacs", ae_title="GONE", host="127.0.0.1", port=free_port())
    settings = Settings(storage={"root": tmp_path / "root"}, destinations=(silent,))
    reports = PriorReports.of_settings(settings, "pacs", lambda _: False)
    assert reports.before("1.2.3", here.image(here.uids[0])) == ()
