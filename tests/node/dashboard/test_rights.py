"""Nobody sees or does what their role does not allow, and no other site can make them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from hostile_site import client_of
from node.dashboard.app import build_app
from node.dashboard.site import Site
from node.settings_sections import DashboardSettings
from node.states import StudyState
from node.storage.accounts import AccountRole

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what must be refused
LogIn = Callable[[AccountRole], TestClient]
OPEN = {"/healthz", "/readyz", "/login", "/welcome", "/oidc/login", "/oidc/callback"}
GETS = ["/", "/studies/1", "/studies/1/summary.png", "/studies/1/preview/post.nii", "/studies/1/objects/2.25.1"]
GETS += ["/queues", "/holds", "/problems", "/peers", "/models", "/health", "/metrics", "/access"]
GETS += [f"/api/{place}" for place in ("openapi.json", "studies", "studies/1", "uids/1.2", "queues", "peers")]
GETS += ["/api/models", "/api/health", "/api/problems"]
ADMIN_GETS = {"/access"}
POSTS = [
    "/logout",
    "/search",
    "/studies/1/reprocess",
    "/studies/3/force",
    "/studies/3/resolve",
    "/peers/pacs/echo",
    "/access",
    "/access/a viewer/logout",
    "/access/a viewer/remove",
]
POSTS += ["/queues/node/pause", "/queues/destinations/pacs/hold", "/queues/studies/1/priority"]
POSTS += ["/queues/studies/1/cancel", "/api/node/pause", "/api/destinations/pacs/hold", "/api/studies/1/priority"]
POSTS += ["/api/search", "/api/studies/1/redeliver", "/api/peers/pacs/echo"]
POSTS += ["/studies/1/assess", "/api/studies/1/assess"]
ADMIN_POSTS = {"/access", "/access/a viewer/logout", "/access/a viewer/remove"}
VIEWER_POSTS = {"/logout", "/search", "/api/search"}


def routes(site: Site) -> set[tuple[str, str]]:
    """Every (method, path) that the application has."""
    found: set[tuple[str, str]] = set()
    pending = list(build_app(site).routes)
    while pending:
        route = pending.pop()
        inner = getattr(getattr(route, "original_router", None), "routes", None)
        if inner is not None:
            pending += inner
        for method in getattr(route, "methods", None) or ():
            found.add((method, route.path))
    return {(method, path) for method, path in found if method != "HEAD"}


def matches(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", template), path) is not None


def test_the_lists_of_this_file_name_every_route(site: Site) -> None:
    assert len(routes(site)) > 30
    for method, template in routes(site):
        asked = POSTS if method == "POST" else GETS
        assert template in OPEN or any(matches(template, path) for path in asked), f"{method} {template} is not tested"


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_stranger_sees_nothing(stranger: TestClient, accept: str) -> None:
    for path in GETS:
        answer = stranger.get(path, headers={"accept": accept})
        assert answer.status_code == 401, path
        assert "alert(1)" not in answer.text


def test_a_stranger_does_nothing(site: Site, stranger: TestClient) -> None:
    before = site.ledger.reading.counts()
    for path in POSTS:
        assert stranger.post(path).status_code == 401, path
    assert site.ledger.reading.counts() == before


@pytest.mark.parametrize("role", [AccountRole.VIEWER, AccountRole.OPERATOR, AccountRole.ADMIN])
def test_each_role_sees_its_pages(logged_in: LogIn, role: AccountRole) -> None:
    browser = logged_in(role)
    for path in GETS:
        allowed = path not in ADMIN_GETS or role is AccountRole.ADMIN
        status = browser.get(path, headers={"accept": "text/html"}).status_code
        assert (status == 403) is not allowed, f"{role} {path}: {status}"
        assert status < 500, f"{role} {path}: {status}"


def test_a_program_that_sends_images_sees_nothing(site: Site, stranger: TestClient) -> None:
    key = site.access.new_key("modality", AccountRole.SENDER, time.time(), patients=True)
    for path in GETS:
        assert stranger.get(path, headers={"authorization": f"Bearer {key}"}).status_code == 403, path


def test_a_viewer_changes_nothing(site: Site, logged_in: LogIn) -> None:
    browser, before = logged_in(AccountRole.VIEWER), site.ledger.reading.counts()
    for path in POSTS:
        assert path in VIEWER_POSTS or browser.post(path).status_code == 403, path
    assert site.ledger.reading.counts() == before
    assert {each.name for each in site.access.accounts(0.0)} == {"a viewer"}


def test_an_operator_gives_and_takes_no_access(logged_in: LogIn) -> None:
    operator = logged_in(AccountRole.OPERATOR)
    assert {operator.post(path).status_code for path in ADMIN_POSTS} == {403}


def test_an_operator_acts_and_the_audit_trail_says_who(site: Site, logged_in: LogIn) -> None:
    browser = logged_in(AccountRole.OPERATOR)
    assert browser.post("/studies/3/force").headers["location"] == "/studies/3?done=force"
    assert browser.post("/api/studies/2/reprocess").json() == {
        "said": "Queued: the study is analysed again as its next revision."
    }
    assert site.ledger.reading.counts() == {StudyState.DELIVERED: 1, StudyState.STABLE: 2}
    said = [entry.detail for entry, _ in site.ledger.audit.entries() if entry.event == "OPERATED"]
    assert said == ["a operator: force", "a operator: reprocess"]


def test_an_action_that_cannot_be_is_refused_and_changes_nothing(site: Site, logged_in: LogIn) -> None:
    browser, before = logged_in(AccountRole.OPERATOR), site.ledger.reading.counts()
    assert browser.post("/api/studies/1/force").status_code == 409
    assert browser.post("/api/studies/3/redeliver").status_code == 404
    assert browser.post("/api/studies/99/force").status_code == 404
    assert site.ledger.reading.counts() == before


@pytest.mark.parametrize("headers", [{}, {"x-csrf-token": "0" * 64}], ids=["no token", "a guessed token"])
def test_a_request_without_the_token_of_our_page_is_refused(
    site: Site, logged_in: LogIn, headers: dict[str, str]
) -> None:
    browser, before = logged_in(AccountRole.ADMIN), site.ledger.reading.counts()
    del browser.headers["x-csrf-token"]
    for path in POSTS:
        assert browser.post(path, headers=headers).status_code == 403, path
    assert site.ledger.reading.counts() == before


def test_a_program_uses_a_key_and_needs_no_token(site: Site, stranger: TestClient) -> None:
    key = site.access.new_key("robot", AccountRole.OPERATOR, time.time())
    bearer = {"authorization": f"Bearer {key}"}
    assert stranger.get("/api/studies", headers=bearer).json()["studies"][0]["id"] == 3
    assert stranger.post("/api/studies/3/force", headers=bearer).status_code == 200
    assert stranger.get("/api/studies", headers={"authorization": "Bearer nonsense"}).status_code == 401


def test_the_first_admin_invites_others_and_cannot_remove_themself(site: Site, logged_in: LogIn) -> None:
    admin = logged_in(AccountRole.ADMIN)
    page = admin.post("/access", data={"name": "bob", "role": "operator", "kind": "invitation"}).text
    token = page.split('class="command">')[1].split("<")[0]
    guest = client_of(site)
    form = {"token": token, "password": "bobs long password", "again": "bobs long password"}
    assert guest.post("/welcome", data=form).status_code == 303
    assert "bob" in guest.get("/").text
    assert guest.post("/welcome", data=form).status_code == 401, "a token works once"
    assert admin.post("/access/bob/logout").status_code == 303
    assert guest.get("/").status_code == 401
    assert guest.post("/login", data={"name": "bob", "password": "bobs long password"}).status_code == 303
    assert admin.post("/access/a admin/remove").status_code == 400
    assert admin.post("/access/bob/remove").status_code == 303
    assert guest.get("/").status_code == 401


def test_it_does_not_listen_to_the_network_in_clear_text() -> None:
    with pytest.raises(ValidationError, match="certificate and key"):
        DashboardSettings(host=EVERYWHERE)
    assert DashboardSettings(host=EVERYWHERE, proxies=("10.0.0.1",)).host == EVERYWHERE
    assert DashboardSettings(host=EVERYWHERE, certificate="c.pem", key="k.pem").certificate
