"""An archive sends a whole study, or the instances of a list, to the AE title that it is told."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import pytest
from pynetdicom import build_context
from pynetdicom.sop_class import MRImageStorage

import orthanc
from dicom_io.network.remote import RemoteAE
from dicom_io.network.retrieve import move_instances, move_study
from live_node import instance, new_study
from memory_scp import MemoryScp, accepting
from scripted_pacs import moved, scripted_pacs


@pytest.fixture(scope="module")
def pacs() -> Iterator[orthanc.Orthanc]:
    if not orthanc.available():
        pytest.skip("Orthanc is not installed: C-MOVE was not tested")
    with orthanc.running() as server:
        yield server


@pytest.fixture
def stored(pacs: orthanc.Orthanc) -> dict[str, list[str]]:
    """A study of two series in the archive: SOP Instance UIDs by series."""
    study, found = new_study(), dict[str, list[str]]()
    for number in range(6):
        content, image = BytesIO(), instance(study)
        image.SeriesInstanceUID = f"{study}.{number % 2}"
        image.save_as(content, enforce_file_format=True)
        pacs.keep(content.getvalue())
        found.setdefault(str(image.SeriesInstanceUID), []).append(str(image.SOPInstanceUID))
    return found


def study_of(stored: dict[str, list[str]]) -> str:
    return next(iter(stored)).rpartition(".")[0]


@pytest.mark.system
def test_a_study_and_the_instances_of_a_list_come(pacs: orthanc.Orthanc, stored: dict[str, list[str]]) -> None:
    remote, here = RemoteAE("pacs", pacs.ae_title, "127.0.0.1", pacs.dicom_port), MemoryScp()
    with accepting(here, [build_context(MRImageStorage)]) as us:
        pacs.know("here", "HERE", us.port)
        moved = move_study("HERE", remote, study_of(stored), destination="HERE")
        assert (moved.status, moved.completed, moved.failed, len(here.kept)) == (0, 6, 0, 6)
        here.kept.clear()
        wanted = {series: uids[:2] for series, uids in stored.items()}
        moved = move_instances("HERE", remote, study_of(stored), wanted, destination="HERE")
        assert (moved.status, moved.completed) == (0, 4)
        assert {uid for uids in wanted.values() for uid in uids} == {
            uid for uids in stored.values() for uid in uids if any(uid.encode() in each for each in here.kept)
        }


@pytest.mark.system
def test_what_the_archive_does_not_have_does_not_come(pacs: orthanc.Orthanc, stored: dict[str, list[str]]) -> None:
    remote, here = RemoteAE("pacs", pacs.ae_title, "127.0.0.1", pacs.dicom_port), MemoryScp()
    with accepting(here, [build_context(MRImageStorage)]) as us:
        pacs.know("here", "HERE", us.port)
        series, uids = next(iter(stored.items()))
        moved = move_instances("HERE", remote, study_of(stored), {series: [uids[0], "1.2.3"]}, destination="HERE")
        assert (moved.completed, len(here.kept)) == (1, 1)
        assert move_study("HERE", remote, new_study(), destination="HERE").completed == 0


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [((0xB000, 0xA701, 0), 0xA701), ((0xA801, 0xB000), 0xA801), ((0, 0xB000), 0xB000), ((0, 0), 0)],
)
def test_the_worst_status_of_several_requests_counts(statuses: tuple[int, ...], worst: int) -> None:
    wanted = {f"1.2.{number}": ["1.2.3"] for number in range(len(statuses))}
    with scripted_pacs(*(moved(each) for each in statuses)) as pacs:
        remote = RemoteAE("pacs", "PACS", "127.0.0.1", pacs.port)
        assert move_instances("HERE", remote, "1.2", wanted, destination="HERE").status == worst
    assert pacs.calls == len(statuses)
