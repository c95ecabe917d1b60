"""The page of one study: whose it is, what was done, what comes next."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from fastapi.testclient import TestClient

from hostile_site import FORMULA
from live_node import instance, new_study
from mome_core.case import Role
from mome_core.protocol import PartState, ProtocolPart
from node.dashboard.site import Site
from node.dashboard.study_page import study_page, title_of
from node.series_roles import read_roles
from node.storage.accounts import AccountRole
from node.storage.hosts import Hosts
from node.storage.records import AuditRecord

LogIn = Callable[[AccountRole], TestClient]


def test_the_study_page_tells_who_when_and_why(logged_in: LogIn) -> None:
    page = logged_in(AccountRole.OPERATOR).get("/studies/1").text
    for words_ in ("&lt;script&gt;alert(1)&lt;/script&gt;^X", FORMULA, "84 %", "+50.0", "-16.0", "pacs: stored"):
        assert words_ in page
    for words_ in (
        "positive: above the operating point of 7 %",
        "of 100 validation patients who scored like this, 84 had cancer (71 to 92)",
        "higher than 97 % of 1240 negative and 61 % of 310 positive validation patients",
        "sensitivity 97 % (at least 91 %), specificity 80 % (at least 70 %)",
        "varies with placement by 10 %",
        "without DCE withheld, without T2 80 %",
    ):
        assert words_ in page
    assert "declared complete by the operator" in page
    assert "(65025 characters)" in page, "a long comment is cut, and says so"


def test_actions_are_offered_when_they_make_sense(logged_in: LogIn) -> None:
    operator, viewer = logged_in(AccountRole.OPERATOR), logged_in(AccountRole.VIEWER)
    assert 'action="/studies/3/force"' in operator.get("/studies/3").text
    delivered = operator.get("/studies/1").text
    assert all(f'action="/studies/1/{each}"' in delivered for each in ("reprocess", "redeliver", "retract"))
    assert "/force" not in delivered
    assert 'class="actions"' not in viewer.get("/studies/1").text


def test_each_object_says_what_each_destination_did_with_it(site: Site) -> None:
    (line,) = study_page(site, 1, time.time(), patients=True).objects
    assert (line.name, line.deliveries) == ("report", {"pacs": "stored"})


def test_a_study_that_is_arriving_says_when_it_is_complete(site: Site) -> None:
    page = study_page(site, 3, time.time(), patients=True)
    assert page.step.words == "if no more instances arrive: complete"
    assert page.step.until is not None and page.step.until > page.study.last_received_at
    assert page.busy


def test_a_study_without_result_shows_what_its_protocol_lacks(site: Site, logged_in: LogIn) -> None:
    assert [each.state for each in study_page(site, 2, time.time(), patients=True).protocol] == [PartState.MISSING] * 4
    page = logged_in(AccountRole.VIEWER).get("/studies/2").text
    for words_ in ("Pre-contrast phase", "no such series", "its files hold no image that can be read"):
        assert words_ in page


def test_the_roles_of_a_study_that_was_not_analysed_are_read_from_its_headers(tmp_path: Path) -> None:
    study = new_study()
    for number in range(4):
        z = [0.0, 0.0, 2.0 * number]
        shape = {"Rows": 8, "Columns": 8, "PixelSpacing": [1, 1], "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15}
        place = {"ImagePositionPatient": z, "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "SamplesPerPixel": 1}
        image = instance(study, size=128, EchoTime=90.0, RepetitionTime=4000.0, SeriesNumber=3, **shape, **place)
        image.ScanningSequence, image.PixelRepresentation = "SE", 0
        image.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
    found = read_roles(sorted(tmp_path.glob("*.dcm")), ())
    assert [each.role for each in found.series] == [Role.T2]
    assert "TE 90 ms" in found.series[0].why
    states = {each.part: each.state for each in found.protocol}
    assert states[ProtocolPart.T2] is PartState.COMPLETE
    assert states[ProtocolPart.POST_CONTRAST] is PartState.MISSING


def test_roles_are_read_when_no_image_has_come_for_a_while(site: Site) -> None:
    now = study_page(site, 3, time.time(), patients=True).study.last_received_at
    assert study_page(site, 3, now + 1, patients=True).protocol == ()
    assert len(study_page(site, 3, now + 6, patients=True).protocol) == 4


def test_an_event_without_a_title_is_named_by_its_code() -> None:
    titles = [title_of(AuditRecord(0.0, code, "", "", 1, "")) for code in ("GAVE_UP", "FORGED_REPORT")]
    assert titles == ["Failed", "Forged report"]


def test_pages_name_the_hosts_that_hold_a_study_where_there_are_several(site: Site, logged_in: LogIn) -> None:
    hosts, viewer = Hosts(site.ledger.engine), logged_in(AccountRole.VIEWER)
    for name, root in (("a", str(site.archive.root)), ("b", "/srv/b")):
        hosts.register(f"MOMENODE@{name}:104", name, f"archive of {name}", root, "key")
    page = viewer.get("/studies/3").text
    assert "on MOMENODE@a:104 (stopped): " in page
    assert (
        "; it goes on when that is back, or have a PACS send it to a host that runs: mome-node studies fetch 3" in page
    )
    assert "waits for its host: MOMENODE@a:104 (stopped)" in viewer.get("/").text
