"""What an operator does on the page of a study."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from fastapi.testclient import TestClient

from dicom_io.encoding.part10 import copy_instance
from dicom_io.network.service import Peer
from live_node import instance, new_study
from node.dashboard.site import Site
from node.storage.accounts import AccountRole

LogIn = Callable[..., TestClient]


def two_patients(site: Site, folder: Path) -> int:
    """Another study of which one image names Ann and one Bob, with the same ID; its number."""
    uid = new_study()
    for name, born, sender in (("Ann^One", "19500101", "MRI1"), ("Bob^Two", "19800101", "MRI2")):
        image = instance(uid, PatientName=name, PatientID="P7", PatientBirthDate=born)
        image.save_as(folder / f"{name}.dcm", enforce_file_format=True)
        received = copy_instance(folder / f"{name}.dcm", site.archive.temporary_path())
        kept = site.archive.keep_received([(received, Peer(sender, "MOMENODE", "10.0.0.5"))])
        site.ledger.receiving.instances_stored(kept, time.time())
    site.ledger.gathering.settle(time.time() + 60, time.time() + 60)
    return site.ledger.reading.study(uid).study.id


def test_two_patients_stand_side_by_side_and_an_operator_who_sees_them_decides(
    site: Site, logged_in: LogIn, tmp_path: Path
) -> None:
    number = two_patients(site, tmp_path)
    place = f"/studies/{number}"
    operator, viewer = logged_in(AccountRole.OPERATOR), logged_in(AccountRole.VIEWER)
    page = operator.get(place).text
    for words_ in ("Whose study is it?", "Ann", "Bob", "1980", "1 image from MRI2", "This is the study", "Split"):
        assert words_ in page
    assert f"{place}/reprocess" not in page
    assert f"{place}/resolve" not in viewer.get(place).text and "Bob" in viewer.get(place).text
    blind = logged_in(AccountRole.OPERATOR, patients=False)
    assert "Bob" not in blind.get(place).text and f"{place}/resolve" not in blind.get(place).text
    decision = {"decision": "keep", "party": "1"}
    assert [each.post(f"{place}/resolve", data=decision).status_code for each in (viewer, blind)] == [403, 403]
    assert operator.post(f"{place}/reprocess").status_code == 409
    assert operator.post(f"{place}/resolve", data=decision).headers["location"] == f"{place}?done=resolve"
    after = operator.get(f"{place}?done=resolve").text
    assert "Decided; the study goes on." in after and "Whose study is it?" not in after and "Bob" in after
    assert operator.post(f"{place}/resolve", data=decision).status_code == 409
