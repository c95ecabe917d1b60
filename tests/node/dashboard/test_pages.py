"""What the pages show, and that text from a header stays text."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from fastapi.testclient import TestClient

from hostile_site import FORMULA, HOSTILE
from node.dashboard import formatting as words
from node.dashboard.app import STATIC
from node.dashboard.peers import recent_rejections
from node.dashboard.site import Site
from node.storage.accounts import Role
from node.watching.drift import MOVED, stability

LogIn = Callable[[Role], TestClient]
PAGES = [
    "/",
    "/?state=FAILED",
    "/studies/1",
    "/studies/2",
    "/studies/3",
    "/queues",
    "/peers",
    "/models",
    "/health",
    "/access",
]


class Structure(HTMLParser):
    """Scripts, handlers, inline styles and title of a page, as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.handlers: list[str] = []
        self.title, self.in_title = "", False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.in_title = tag == "title"
        if tag == "script":
            self.scripts.append(dict(attrs).get("src") or "inline")
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        if self.in_title:
            self.title += data
            self.in_title = False


def test_text_from_a_header_stays_text(logged_in: LogIn) -> None:
    browser = logged_in(Role.ADMIN)
    for path in PAGES:
        page = browser.get(path).text
        found = Structure(page)
        assert all(script.startswith("/static/") for script in found.scripts), path
        assert found.handlers == [], path
        assert "alert" not in found.title, path
        assert HOSTILE not in page, path


def test_every_page_says_research_use_only(logged_in: LogIn) -> None:
    browser = logged_in(Role.ADMIN)
    for path in [*PAGES, "/studies/99"]:
        assert "Research use only." in browser.get(path, headers={"accept": "text/html"}).text, path


def test_login_and_welcome_say_it_too(stranger: TestClient) -> None:
    for path in ("/login", "/welcome"):
        assert "Research use only." in stranger.get(path).text


def test_every_answer_is_hardened(stranger: TestClient) -> None:
    for path in ["/", "/static/dashboard.css", "/nowhere"]:
        headers = stranger.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_the_study_page_tells_who_when_and_why(logged_in: LogIn) -> None:
    page = logged_in(Role.OPERATOR).get("/studies/1").text
    for words_ in ("&lt;script&gt;alert(1)&lt;/script&gt;^X", FORMULA, "84.0 %", "+50.0", "-16.0", "pacs: stored"):
        assert words_ in page
    assert "declared complete by the operator" in page
    assert "(65025 characters)" in page, "a long comment is cut, and says so"


def test_patient_data_is_on_the_study_page_only(logged_in: LogIn) -> None:
    browser = logged_in(Role.ADMIN)
    for path in [*PAGES, "/metrics", "/api/studies", "/api/studies/1", "/api/health", "/api/peers"]:
        shown = FORMULA in browser.get(path).text
        assert shown is path.startswith("/studies/"), path


def test_actions_are_offered_when_they_make_sense(logged_in: LogIn) -> None:
    operator, viewer = logged_in(Role.OPERATOR), logged_in(Role.VIEWER)
    assert 'action="/studies/3/force"' in operator.get("/studies/3").text
    delivered = operator.get("/studies/1").text
    assert all(f'action="/studies/1/{each}"' in delivered for each in ("reprocess", "redeliver", "retract"))
    assert "/force" not in delivered
    assert 'class="actions"' not in viewer.get("/studies/1").text


def test_the_worklist_is_paged_without_gaps(site: Site, logged_in: LogIn) -> None:
    browser, seen, before = logged_in(Role.VIEWER), [], ""
    while True:
        page = browser.get("/api/studies", params={"limit": 2, "before": before}).json()
        seen += [each["id"] for each in page["studies"]]
        before = page["before"]
        if not before:
            break
    assert seen == [3, 2, 1]


def test_a_study_is_found_by_number_and_by_uid(site: Site, logged_in: LogIn) -> None:
    browser = logged_in(Role.VIEWER)
    assert browser.get("/", params={"find": " 2 "}).headers["location"] == "/studies/2"
    assert browser.get("/", params={"find": site.overview.uid_of(3)}).headers["location"] == "/studies/3"
    assert browser.get("/", params={"find": "1.2.3"}).status_code == 404


def test_an_object_is_downloaded_whole_or_not_at_all(site: Site, logged_in: LogIn) -> None:
    browser = logged_in(Role.VIEWER)
    answer = browser.get("/studies/1/objects/2.25.1")
    assert answer.content == b"a report"
    assert 'filename="study-1-report.dcm"' in answer.headers["content-disposition"]
    assert [entry.detail for entry, _ in site.ledger.audit.entries() if entry.event == "DOWNLOADED"] == [
        "a viewer: report"
    ]
    kept = site.ledger.reading.study(site.overview.uid_of(1)).objects[0]
    (site.archive.root / kept.path).write_bytes(b"changed")
    assert browser.get("/studies/1/objects/2.25.1").status_code == 409


def test_a_command_for_a_hostile_ae_title_is_one_shell_word(site: Site) -> None:
    (rejection,) = recent_rejections(site)
    assert rejection.calling == HOSTILE[:16]
    assert rejection.called == "MOMENODE"
    assert rejection.command == f"mome-node peers allow '{HOSTILE[:16]}' --address 10.0.0.9"


@pytest.mark.parametrize(("seconds", "said"), [(0, "0 s"), (59.6, "1 min"), (3_700, "1 h 1 min"), (90_000, "1 d 1 h")])
def test_a_length_of_time_is_said_in_two_units(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


def test_the_vendored_scripts_are_those_that_their_packages_hold() -> None:
    told = (STATIC / "LICENSES.md").read_text()
    for name in ("htmx.min.js", "niivue.umd.js"):
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() in told, name


def test_answers_that_have_moved_are_told() -> None:
    low, high = [0.1, 0.15, 0.3, 0.5] * 6, [0.9, 0.85, 0.7, 0.5] * 6
    assert stability(low, low) == 0.0
    assert (stability(low, high) or 0.0) > MOVED
    assert stability(low, high[:5]) is None, "five answers say nothing"


def test_a_defect_of_ours_is_not_called_a_missing_page(site: Site, logged_in: LogIn) -> None:
    browser = logged_in(Role.VIEWER)
    assert browser.get("/studies/99").status_code == 404
    with site.ledger.engine.begin() as db:
        db.exec_driver_sql("UPDATE analysis SET summary = '{\"scores\": [{}]}'")
    browser._transport.raise_server_exceptions = False  # type: ignore[attr-defined]
    answer = browser.get("/studies/1", headers={"accept": "text/html"})
    assert answer.status_code == 500
    assert "a defect of its own" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_results_that_cannot_be_withdrawn_say_why(site: Site, logged_in: LogIn) -> None:
    answer = logged_in(Role.OPERATOR).post("/api/studies/1/retract")
    assert answer.status_code == 409
    assert answer.json()["detail"]
