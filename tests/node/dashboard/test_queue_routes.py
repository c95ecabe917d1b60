"""What an operator does to the queues, on pages and by the API; everybody sees what is held back, on every page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from node.dashboard.site import Site
from node.jobs import JobKind, JobState, NodePart, Priority
from node.states import StudyState
from node.storage.accounts import AccountRole
from node.storage.holds import HoldKind

LogIn = Callable[..., TestClient]
VERBS = (
    ("/queues/node/pause", {"why": "new disk"}),
    ("/queues/destinations/pacs/hold", {}),
    ("/queues/studies/2/priority", {"priority": "STAT"}),
    ("/queues/studies/2/cancel", {}),
    ("/api/node/drain", {}),
    ("/api/destinations/pacs/hold", {}),
    ("/api/studies/2/priority?priority=LOW", {}),
    ("/api/studies/2/cancel", {}),
)


def persons(site: Site) -> list[tuple[str, str]]:
    """(words, person) of what operators asked for, as the audit trail has it."""
    found = [entry for entry, _ in site.ledger.audit.entries() if entry.event == "OPERATED"]
    return [(each.detail, each.fields.person) for each in found]


@pytest.mark.parametrize(("path", "form"), VERBS)
def test_a_viewer_and_a_forged_request_change_nothing(
    site: Site, logged_in: LogIn, path: str, form: dict[str, str]
) -> None:
    viewer, operator = logged_in(AccountRole.VIEWER), logged_in(AccountRole.OPERATOR)
    assert viewer.post(path, data=form).status_code == 403
    operator.headers["x-csrf-token"] = "forged"
    assert operator.post(path, data=form).status_code == 403
    assert site.ledger.holds.current() == []
    assert persons(site) == []


def test_a_paused_node_says_so_on_every_page_until_it_is_resumed(site: Site, logged_in: LogIn) -> None:
    browser, viewer = logged_in(AccountRole.OPERATOR), logged_in(AccountRole.VIEWER)
    answer = browser.post("/queues/node/pause", data={"why": "<b>new disk</b>"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/queues")
    for path in ("/", "/studies/1", "/queues", "/peers", "/models", "/health", "/holds"):
        text = viewer.get(path).text
        assert "is paused: it begins no analysis and no delivery (by a operator: &lt;b&gt;new disk&lt;/b&gt;)" in text
        assert "/queues/node/resume" not in text, "a viewer is shown a button that refuses"
    assert "/queues/node/resume" in browser.get("/").text
    browser.post("/queues/node/resume")
    assert "is paused" not in viewer.get("/").text
    assert persons(site)[-1] == (f"a operator: resumed {site.settings.node_name}", "a operator")


def test_nothing_is_resumed_that_is_not_held(logged_in: LogIn) -> None:
    browser = logged_in(AccountRole.OPERATOR)
    assert browser.post("/api/node/resume").status_code == 404
    assert browser.post("/api/destinations/pacs/release").status_code == 404
    assert browser.post("/api/destinations/elsewhere/hold").status_code == 404


def test_a_destination_is_held_and_released(site: Site, logged_in: LogIn) -> None:
    browser = logged_in(AccountRole.OPERATOR)
    browser.post("/queues/destinations/pacs/hold", data={"why": "upgrade"})
    (hold,) = site.ledger.holds.current()
    assert (hold.kind, hold.subject, hold.by, hold.why) == (HoldKind.DESTINATION, "pacs", "a operator", "upgrade")
    assert "Deliveries to pacs are held back" in browser.get("/").text
    assert browser.get("/api/queues").json()["holds"][0]["subject"] == "pacs"
    browser.post("/queues/destinations/pacs/release")
    assert site.ledger.holds.current() == []


def test_a_study_is_made_urgent_and_cancelled(site: Site, logged_in: LogIn) -> None:
    browser, uid = logged_in(AccountRole.OPERATOR), site.overview.uid_of(1)
    site.ledger.operator.requeue(uid, 1.0)
    page = browser.get("/queues").text
    assert 'action="/queues/studies/1/priority"' in page
    browser.post("/queues/studies/1/priority", data={"priority": "STAT"})
    assert site.ledger.reading.study(uid).study.priority is Priority.STAT
    assert site.ledger.jobs.claim(JobKind.ANALYZE, 2.0, 60.0, by=NodePart("n", "worker")) is not None
    assert "Cancel" in browser.get("/studies/1").text
    browser.post("/queues/studies/1/cancel")
    detail = site.ledger.reading.study(uid)
    assert (detail.study.state, detail.jobs[-1].state) == (StudyState.CANCELLED, JobState.CANCELLED)
    assert persons(site) == [("a operator: priority STAT", "a operator"), ("a operator: cancel", "a operator")]
    assert "cancelled by a operator" in browser.get("/studies/1").text
    assert browser.get("/?state=CANCELLED").status_code == 200


def test_a_priority_that_does_not_exist_is_refused(logged_in: LogIn) -> None:
    answer = logged_in(AccountRole.OPERATOR).post("/queues/studies/1/priority", data={"priority": "NOW"})
    assert answer.status_code == 422
