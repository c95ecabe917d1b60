"""The page of one study: whose it is, what was done, what comes next."""

from __future__ import annotations

import time
from collections.abc import Callable

from fastapi.testclient import TestClient

from hostile_site import FORMULA
from node.dashboard.site import Site
from node.dashboard.study_page import study_page, title_of
from node.storage.accounts import AccountRole
from node.storage.records import AuditRecord

LogIn = Callable[[AccountRole], TestClient]


def test_the_study_page_tells_who_when_and_why(logged_in: LogIn) -> None:
    page = logged_in(AccountRole.OPERATOR).get("/studies/1").text
    for words_ in ("&lt;script&gt;alert(1)&lt;/script&gt;^X", FORMULA, "84 %", "+50.0", "-16.0", "pacs: stored"):
        assert words_ in page
    for words_ in (
        "positive: above the operating point of 7 %",
        "of 100 validation patients who scored like this, 84 had cancer (71 to 92)",
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
    (line,) = study_page(site, 1, time.time()).objects
    assert (line.name, line.deliveries) == ("report", {"pacs": "stored"})


def test_a_study_that_is_arriving_says_when_it_is_complete(site: Site) -> None:
    page = study_page(site, 3, time.time())
    assert page.waits == "if no more instances arrive: complete"
    assert page.until is not None and page.until > page.study.last_received_at
    assert page.busy


def test_a_series_has_no_role_before_an_analysis(site: Site) -> None:
    assert [each.role for each in study_page(site, 3, time.time()).series] == [None]


def test_an_event_without_a_title_is_named_by_its_code() -> None:
    titles = [title_of(AuditRecord(0.0, code, "", "", 1, "")) for code in ("GAVE_UP", "FORGED_REPORT")]
    assert titles == ["Failed", "Forged report"]
