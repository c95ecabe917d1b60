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

pytestmark = pytest.mark.system


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


def test_what_the_archive_does_not_have_does_not_come(pacs: orthanc.Orthanc, stored: dict[str, list[str]]) -> None:
    remote, here = RemoteAE("pacs", pacs.ae_title, "127.0.0.1", pacs.dicom_port), MemoryScp()
    with accepting(here, [build_context(MRImageStorage)]) as us:
        pacs.know("here", "HERE", us.port)
        series, uids = next(iter(stored.items()))
        moved = move_instances("HERE", remote, study_of(stored), {series: [uids[0], "1.2.3"]}, destination="HERE")
        assert (moved.completed, len(here.kept)) == (1, 1)
        assert move_study("HERE", remote, new_study(), destination="HERE").completed == 0
