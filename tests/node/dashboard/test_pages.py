"""What the pages show, and that text from a header stays text."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from html.parser import HTMLParser

from fastapi.testclient import TestClient

from hostile_site import FORMULA, HOSTILE
from node.dashboard.app import STATIC
from node.dashboard.site import Site
from node.jobs import JobKind
from node.reasons import Reason, ReasonCode
from node.storage.accounts import AccountRole

LogIn = Callable[[AccountRole], TestClient]
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
    browser = logged_in(AccountRole.ADMIN)
    for path in PAGES:
        page = browser.get(path).text
        found = Structure(page)
        assert all(script.startswith("/static/") for script in found.scripts), path
        assert found.handlers == [], path
        assert "alert" not in found.title, path
        assert HOSTILE not in page, path


def test_every_page_says_research_use_only(logged_in: LogIn) -> None:
    browser = logged_in(AccountRole.ADMIN)
    for path in [*PAGES, "/studies/99"]:
        assert "Research use only." in browser.get(path, headers={"accept": "text/html"}).text, path


def test_patient_data_is_on_the_study_page_only(logged_in: LogIn) -> None:
    browser = logged_in(AccountRole.ADMIN)
    for path in [*PAGES, "/metrics", "/api/studies", "/api/studies/1", "/api/health", "/api/peers"]:
        shown = FORMULA in browser.get(path).text
        assert shown is path.startswith("/studies/"), path


def test_every_page_says_what_is_wrong_now_and_what_mends_it(site: Site, logged_in: LogIn) -> None:
    viewer, operator = logged_in(AccountRole.VIEWER), logged_in(AccountRole.OPERATOR)
    assert 'class="problem"' not in viewer.get("/").text
    site.ledger.operator.redeliver(site.overview.uid_of(1), ["pacs"], time.time())
    job = site.ledger.jobs.claim(JobKind.DELIVER, time.time(), 60.0, "pacs")
    assert job is not None
    site.ledger.jobs.failed(job, Reason(ReasonCode.PEER_UNREACHABLE, f"silent {HOSTILE}"), time.time(), attempts=None)
    for path in ["/", "/studies/2", "/queues", "/peers", "/models", "/health", "/problems"]:
        page = viewer.get(path).text
        assert "pacs: silent &lt;script&gt;" in page and "1 study waits" in page, path
        assert "Test pacs now" not in page, path
    assert "Test pacs now" in operator.get("/health").text
    assert viewer.get("/api/problems").json()[0]["studies"] == 1


def test_an_object_is_downloaded_whole_or_not_at_all(site: Site, logged_in: LogIn) -> None:
    browser = logged_in(AccountRole.VIEWER)
    answer = browser.get("/studies/1/objects/2.25.1")
    assert answer.content == b"a report"
    assert 'filename="study-1-report.dcm"' in answer.headers["content-disposition"]
    assert [entry.detail for entry, _ in site.ledger.audit.entries() if entry.event == "DOWNLOADED"] == [
        "a viewer: report"
    ]
    kept = site.ledger.reading.study(site.overview.uid_of(1)).objects[0]
    (site.archive.root / kept.path).write_bytes(b"changed")
    assert browser.get("/studies/1/objects/2.25.1").status_code == 409


def test_the_vendored_scripts_are_those_that_their_packages_hold() -> None:
    told = (STATIC / "LICENSES.md").read_text()
    for name in ("htmx.min.js", "niivue.umd.js"):
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() in told, name
