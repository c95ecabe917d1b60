"""Checks on every request, and security headers on every response."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from node.dashboard.guard import host_name
from node.dashboard.site import Site
from node.storage.accounts import AccountRole

LogIn = Callable[[AccountRole], TestClient]


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_a_request_from_another_site_is_refused(site: Site, logged_in: LogIn, headers: dict[str, str]) -> None:
    browser, before = logged_in(AccountRole.ADMIN), site.ledger.reading.counts()
    assert browser.post("/studies/3/force", headers=headers).status_code == 403
    assert site.ledger.reading.counts() == before


def test_a_foreign_host_is_refused(stranger: TestClient) -> None:
    for host in ["evil.example", "127.0.0.1.evil.example:8090", ""]:
        assert stranger.get("/healthz", headers={"host": host}).status_code == 403, host


def test_a_large_body_is_not_read(stranger: TestClient) -> None:
    assert stranger.post("/login", data={"name": "x" * 100_000, "password": "y"}).status_code in {400, 413}


def test_every_answer_is_hardened(stranger: TestClient) -> None:
    for path in ["/", "/static/dashboard.css", "/nowhere"]:
        headers = stranger.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("header", "name"),
    [("localhost:8090", "localhost"), ("node.example", "node.example"), ("[::1]:8090", "[::1]"), ("[::1]", "[::1]")],
)
def test_a_host_header_is_read_without_its_port(header: str, name: str) -> None:
    assert host_name(header) == name
