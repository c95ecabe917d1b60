"""Errors as pages for browsers and as JSON for programs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from node.dashboard.site import Site
from node.storage.accounts import AccountRole

LogIn = Callable[[AccountRole], TestClient]


def test_a_defect_of_ours_is_not_called_a_missing_page(site: Site, logged_in: LogIn) -> None:
    browser = logged_in(AccountRole.VIEWER)
    assert browser.get("/studies/99").status_code == 404
    with site.ledger.engine.begin() as db:
        db.exec_driver_sql("UPDATE analysis SET summary = '{\"scores\": [{}]}'")
    browser._transport.raise_server_exceptions = False  # type: ignore[attr-defined]
    answer = browser.get("/studies/1", headers={"accept": "text/html"})
    assert answer.status_code == 500
    assert "Internal error" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("path", "title"), [("/studies/99", "Not found"), ("/access", "Not allowed"), ("/studies/x", "Invalid")]
)
def test_an_error_has_the_title_of_its_kind(logged_in: LogIn, path: str, title: str) -> None:
    browser = logged_in(AccountRole.VIEWER)
    assert f"<h1>{title}" in browser.get(path, headers={"accept": "text/html"}).text
    assert browser.get(path).json()["detail"]
