"""The phantom's way through the node: each step that fails says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from live_node import instance, new_study
from node.dicom_settings import DicomSettings
from node.settings import Settings
from node.settings_sections import Destination
from node.states import StudyState
from node.storage.ledger.ledger import Ledger
from node.storage.records import StoredInstance
from node.watching.findings import FindingLevel
from node.watching.phantom_check import PhantomStep, final_state, find_results, own_listener, send_phantom

NOBODY = DicomSettings(port=1)


def test_our_own_listener_is_called_by_loopback_and_its_own_title() -> None:
    remote = own_listener(DicomSettings(host="::", ae_title="NODE7"))
    assert (remote.ae_title, remote.host, remote.tls) == ("NODE7", "127.0.0.1", False)


def test_a_phantom_that_nobody_takes_ends_at_its_first_step(tmp_path: Path) -> None:
    file = tmp_path / "image.dcm"
    instance(new_study()).save_as(file, enforce_file_format=True)
    found = send_phantom(NOBODY, [file])
    assert (found.id, found.level) == (PhantomStep.SENT, FindingLevel.FAILED)
    assert "dicom.networks" in found.hint


@pytest.mark.parametrize("known", [False, True])
def test_a_study_that_is_unknown_or_still_arriving_has_no_final_state(tmp_path: Path, known: bool) -> None:
    url = Settings(storage={"root": tmp_path}).database_url
    if known:
        one = StoredInstance("1.2", "1.2.1", "1.2.840.10008.5.1.4.1.1.4", "1.2.1.1", "1.2", "p", "a", "path", 10, "MR")
        Ledger(url).receiving.instances_stored([one], 1.0)
        assert Ledger(url).reading.study("1.2").study.state is StudyState.RECEIVING
    assert final_state(url, "1.2") is None


def test_a_pacs_that_cannot_be_asked_leaves_the_results_unknown() -> None:
    pacs = Destination(name="pacs", ae_title="PACS", host="127.0.0.1", port=1)
    found = find_results("MOMENODE", pacs, "1.2")
    assert (found.id, found.level, found.subject) == (PhantomStep.RESULTS, FindingLevel.UNKNOWN, "pacs")
    assert "PHANTOM" in found.hint
