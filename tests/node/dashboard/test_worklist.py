"""Somebody looks for a patient's study: found at once with the right, never without; and always on record."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from hostile_site import FORMULA, HOSTILE, client_of
from live_node import CANARY
from node.dashboard.searches import RecentSearches
from node.dashboard.site import Site
from node.service.indexing import StudyIndexer
from node.settings_sections import PatientDisplay
from node.storage.accounts import AccountRole
from node.storage.schema import search_term, study

LogIn = Callable[..., TestClient]
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;"


def found(browser: TestClient, text: str) -> str:
    """The page that follows a search."""
    answer = browser.post("/search", data={"text": text})
    assert answer.status_code == 303
    return str(browser.get(answer.headers["location"]).text)


def searches(site: Site) -> list[tuple[str, int]]:
    entries = [entry for entry, _ in site.ledger.audit.entries() if entry.event == "SEARCHED"]
    return [(entry.fields.person, entry.fields.count) for entry in entries]


@pytest.mark.parametrize("text", [FORMULA, f" {FORMULA} ", CANARY, "script X", "alert"])
def test_studies_are_found_by_what_people_know_of_them(logged_in: LogIn, text: str) -> None:
    assert "<strong>3</strong> studies found for" in found(logged_in(AccountRole.VIEWER), text)


def test_a_single_study_is_shown_at_once(site: Site, logged_in: LogIn) -> None:
    browser = logged_in(AccountRole.VIEWER)
    for text in (site.overview.uid_of(3), site.overview.uid_of(3)[5:], "3"):
        assert browser.post("/search", data={"text": text}).headers["location"] == "/studies/3"
    assert browser.post("/search", data={"text": " "}).headers["location"] == "/"
    assert "Nothing found." in found(browser, "nobody of this name")


def test_what_was_sought_stands_in_no_address_and_not_in_the_audit_trail(site: Site, logged_in: LogIn) -> None:
    browser = logged_in(AccountRole.VIEWER)
    address = browser.post("/search", data={"text": FORMULA}).headers["location"]
    assert FORMULA not in address
    assert f"<strong>{FORMULA}</strong>" in browser.get(address).text
    assert browser.get(f"{address}&state=FAILED").text.count('href="/studies/') == 1
    assert ("a viewer", 3) in searches(site)
    written = " ".join(entry.detail for entry, _ in site.ledger.audit.entries())
    assert FORMULA not in written and CANARY not in written


def test_a_search_is_its_persons_own_and_ends() -> None:
    kept = RecentSearches()
    name = kept.begin("anna", "somebody")
    assert kept.text("anna", name) == "somebody"
    for person, wanted in (("bob", name), ("anna", "another")):
        with pytest.raises(LookupError, match="expired"):
            kept.text(person, wanted)


def test_what_was_sought_an_hour_ago_is_nowhere_any_more() -> None:
    kept = RecentSearches()
    names = [kept.begin("anna", text) for text in ("DOE^JANE", "somebody")]
    kept.searches[names[0]] = replace(kept.searches[names[0]], until=0.0)
    kept.begin("anna", "another")
    assert [each.text for each in kept.searches.values()] == ["somebody", "another"]


def test_without_the_right_nobody_finds_or_sees_a_patient(site: Site, logged_in: LogIn) -> None:
    browser = logged_in(AccountRole.ADMIN, patients=False)
    for text in (FORMULA, CANARY, "script X"):
        page = found(browser, text)
        assert "Nothing found." in page and "may not see patients" in page
        assert browser.post("/api/search", json={"text": text}).json()["studies"] == []
    pages = {path: browser.get(path) for path in ("/", "/studies/1", "/api/studies", "/api/studies/1")}
    for path, page in pages.items():
        assert page.status_code == 200, path
        assert CANARY not in page.text and FORMULA not in page.text, path
        assert f"{ESCAPED}^X" not in page.text and f"{ESCAPED}, X" not in page.text, path
    for path in ("summary.png", "preview/post.nii", "objects/2.25.1"):
        assert browser.get(f"/studies/1/{path}").status_code == 403, path
    assert browser.post("/search", data={"text": "1"}).headers["location"] == "/studies/1"


def test_a_program_sees_no_patient_unless_its_key_says_so(site: Site, stranger: TestClient) -> None:
    for patients in (False, True):
        key = site.access.new_key(f"robot {patients}", AccountRole.VIEWER, time.time(), patients=patients)
        bearer = {"authorization": f"Bearer {key}"}
        (first, *_) = stranger.get("/api/studies", headers=bearer).json()["studies"]
        assert first["patient_id"] == (CANARY if patients else "")
        answer = stranger.post("/api/search", json={"text": FORMULA}, headers=bearer).json()
        assert len(answer["studies"]) == (3 if patients else 0)
        assert answer["before"] == ""


def test_every_look_at_a_patient_is_on_record_once_in_ten_minutes(site: Site, logged_in: LogIn) -> None:
    browser = logged_in(AccountRole.VIEWER)
    for _ in range(3):
        browser.get("/")
        browser.get("/studies/1")
        browser.get("/api/studies/1")
    browser.get("/studies/2/preview/post.nii")
    looked = [uid for entry, uid in site.ledger.audit.entries() if entry.event == "ACCESSED"]
    assert looked == [site.overview.uid_of(1), site.overview.uid_of(2)]
    assert searches(site) == [("a viewer", 3)], "one list"


@pytest.mark.parametrize("shown", list(PatientDisplay))
def test_the_list_shows_the_patient_as_the_site_wants(site: Site, shown: PatientDisplay) -> None:
    settings = site.settings.model_copy(
        update={"dashboard": site.settings.dashboard.model_copy(update={"patients": shown})}
    )
    assert StudyIndexer(settings, site.archive, site.ledger).run() == (0 if shown is PatientDisplay.ID else 3)
    now = time.time()
    key = site.access.new_key("robot", AccountRole.VIEWER, now, patients=True)
    answer = client_of(site).get("/api/studies", headers={"authorization": f"Bearer {key}"}).json()
    expected = {
        PatientDisplay.NONE: ("", ""),
        PatientDisplay.ID: (CANARY, ""),
        PatientDisplay.NAME: (CANARY, f"{HOSTILE}^X"),
    }
    assert {(each["patient_id"], each["patient_name"]) for each in answer["studies"]} == {expected[shown]}


def test_the_ledger_holds_no_text_of_a_patient(site: Site) -> None:
    database = (site.archive.root / "ledger.db").read_bytes()
    assert CANARY.encode() not in database
    assert FORMULA.encode() not in database
    with site.ledger.engine.connect() as db:
        assert all(row.labels and CANARY not in str(row) for row in db.execute(study.select()))
        assert len(db.execute(search_term.select()).all()) > 3


def test_an_impossible_cursor_is_the_first_page(logged_in: LogIn) -> None:
    browser = logged_in(AccountRole.VIEWER)
    for before in ("1-" + "9" * 60, "nan-1", "1e999-1", "inf-9223372036854775808", "x"):
        assert browser.get("/", params={"before": before}).status_code == 200
        assert len(browser.get("/api/studies", params={"before": before}).json()["studies"]) == 3
