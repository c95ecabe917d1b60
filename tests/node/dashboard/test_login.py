"""Login, logout and invitations: sessions that cannot be planted, guesses that have to wait."""

from __future__ import annotations

import time
from collections.abc import Callable

from fastapi.testclient import TestClient

from hostile_site import PASSWORD, client_of
from node.dashboard.login import local_path
from node.dashboard.rights import COOKIE
from node.dashboard.site import Site
from node.storage.accounts import AccountRole

LogIn = Callable[[AccountRole], TestClient]


def test_a_session_that_was_planted_before_login_proves_nothing(site: Site, logged_in: LogIn) -> None:
    logged_in(AccountRole.VIEWER)
    browser = client_of(site)
    browser.cookies.set(COOKIE, "planted")
    answer = browser.post("/login", data={"name": "a viewer", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert "planted" not in cookie
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    planted = client_of(site)
    planted.cookies.set(COOKIE, "planted")
    assert planted.get("/").status_code == 401


def test_logging_out_ends_the_session_on_the_server(site: Site, logged_in: LogIn) -> None:
    browser = logged_in(AccountRole.VIEWER)
    session = browser.cookies[COOKIE]
    browser.post("/logout")
    again = client_of(site)
    again.cookies.set(COOKIE, session)
    assert again.get("/").status_code == 401


def test_guessing_is_slowed_down(stranger: TestClient) -> None:
    statuses = [stranger.post("/login", data={"name": "admin", "password": f"{n}"}).status_code for n in range(7)]
    assert statuses == [401] * 5 + [429] * 2


def test_after_login_only_our_own_pages_are_opened() -> None:
    assert local_path("/studies/1") == "/studies/1"
    for elsewhere in ("https://evil.example", "//evil.example", "/\\evil.example", ""):
        assert local_path(elsewhere) == "/"


def test_login_and_welcome_say_it_too(stranger: TestClient) -> None:
    for path in ("/login", "/welcome"):
        assert "Research use only." in stranger.get(path).text


def test_two_passwords_that_differ_use_up_no_token(site: Site, stranger: TestClient) -> None:
    token = site.access.invite("bob", AccountRole.VIEWER, time.time())
    form = {"token": token, "password": PASSWORD, "again": PASSWORD + "x"}
    assert stranger.post("/welcome", data=form).status_code == 400
    assert stranger.post("/welcome", data=form | {"again": PASSWORD}).status_code == 303
