"""Programs that ask for the pages of a hostile site."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hostile_site import PASSWORD, client_of, hostile_site

from node.dashboard.site import Site
from node.storage.access import Role


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return hostile_site(tmp_path)


@pytest.fixture
def stranger(site: Site) -> TestClient:
    return client_of(site)


@pytest.fixture
def logged_in(site: Site) -> Callable[[Role], TestClient]:
    """Browsers of people with a role, which send the token of their pages with every request."""

    def log_in(role: Role) -> TestClient:
        name, now = f"a {role}", time.time()
        site.access.accept(site.access.invite(name, role, now), PASSWORD, now)
        browser = client_of(site)
        answer = browser.post("/login", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303
        page = browser.get("/").text
        browser.headers["x-csrf-token"] = page.split('name="csrf" value="')[1].split('"')[0]
        return browser

    return log_in
