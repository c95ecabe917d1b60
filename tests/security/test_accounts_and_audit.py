"""Guesses, keys and alerts: findings M2, M3, M7, M10 to M13, L5 to L7 and L10 of the review of 2026-11-29."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError
from sqlalchemy import update

from hostile_site import PASSWORD, client_of, hostile_site
from node.audit import AuditEvent, AuditFields
from node.dashboard.app import build_app
from node.dashboard.guard import host_name
from node.dashboard.oidc import PendingLogins, require_fresh
from node.dashboard.rights import FAILURES, FAILURES_OF_A_NAME, LoginRateLimiter
from node.dashboard.server import offer_first_login
from node.dashboard.site import Site
from node.service.audit_writer import AuditWriter
from node.settings import Settings
from node.settings_file import settings_toml
from node.settings_sections import DashboardSettings, Destination
from node.storage import schema
from node.storage.accounts import AccessRefused, AccountRole
from node.storage.ledger.ledger import Ledger
from ports import free_port


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = hostile_site(tmp_path / "site")
    yield made
    made.ledger.engine.dispose()


def noted(site: Site, event: AuditEvent) -> list[str]:
    return [entry.detail for entry, _ in site.ledger.audit.entries() if entry.event is event]


def browser_of(site: Site, role: AccountRole) -> TestClient:
    """Somebody with a session, whose requests bear the token of their pages."""
    now = time.time()
    site.access.accept(site.access.invite(f"a {role}", role, now), PASSWORD, now)
    browser = client_of(site)
    assert browser.post("/login", data={"name": f"a {role}", "password": PASSWORD}).status_code == 303
    browser.headers["x-csrf-token"] = browser.get("/").text.split('name="csrf" value="')[1].split('"')[0]
    return browser


def test_no_alert_hides_one_of_another_kind_or_from_another_address(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    writer, where = AuditWriter(ledger), AuditFields(address="10.0.0.66")
    for _ in range(50):
        writer.alert(AuditEvent.REJECTED, "a flood", where)
    writer.alert(AuditEvent.REJECTED, "somebody else", AuditFields(address="10.0.0.9"))
    writer.alert(AuditEvent.FORGED_REPORT, "forged", where)
    for _ in range(3):
        writer.alert(AuditEvent.INTEGRITY_LOST, "a file", where)
    found = [entry.detail for entry, _ in ledger.audit.entries()]
    assert found == ["a flood", "somebody else", "forged", "a file", "a file", "a file"]


def test_floods_that_are_over_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = AuditWriter(Ledger(f"sqlite:///{tmp_path}/ledger.db"))
    monkeypatch.setattr("node.service.audit_writer._MOST_FLOODS", 2)
    monkeypatch.setattr(writer, "write", lambda *_: None)
    for number in range(20):
        for _ in range(2):
            writer.alert(AuditEvent.REJECTED, "a flood", AuditFields(address=f"10.0.0.{number}"))
        writer.next_alert = dict.fromkeys(writer.next_alert, 0.0)
    assert len(writer.next_alert) <= 3
    assert len(writer.unwritten) <= 3


def test_a_hundred_guesses_at_once_are_not_more_than_five() -> None:
    limiter, allowed = LoginRateLimiter(), []
    barrier = threading.Barrier(100)

    def guess() -> None:
        barrier.wait()
        if limiter.begin("10.0.0.66", "admin") == 0:
            allowed.append(1)

    threads = [threading.Thread(target=guess) for _ in range(100)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(allowed) == FAILURES


def test_who_guesses_another_persons_password_does_not_lock_them_out() -> None:
    limiter = LoginRateLimiter()
    while limiter.begin("10.0.0.66", "otto") == 0:
        pass
    assert limiter.begin("10.0.0.7", "otto") == 0, "locked out by somebody else"
    many = [limiter.begin(f"10.0.1.{n}", "otto") for n in range(2 * FAILURES_OF_A_NAME)]
    assert sum(wait == 0 for wait in many) < FAILURES_OF_A_NAME, "a name can be guessed from many addresses"


def test_a_login_that_succeeds_is_no_attempt_to_guess() -> None:
    limiter = LoginRateLimiter()
    for _ in range(3 * FAILURES):
        assert limiter.begin("10.0.0.7", "otto") == 0
        limiter.succeeded("10.0.0.7", "otto")


def test_what_is_refused_is_in_the_audit_trail_once(site: Site) -> None:
    viewer, program = browser_of(site, AccountRole.VIEWER), client_of(site)
    for _ in range(3):
        assert viewer.post("/studies/1/retract", data={"reason": "safety"}).status_code == 403
        assert program.get("/api/studies", headers={"Authorization": "Bearer wrong"}).status_code == 401
    refused = noted(site, AuditEvent.REFUSED)
    assert len(refused) == 2
    assert refused[0].startswith("a viewer from ")
    assert "needs the role operator" in refused[0]
    assert "an unknown key" in refused[1]
    before = len(noted(site, AuditEvent.LOGIN_REFUSED))
    client_of(site).post("/welcome", data={"token": "wrong", "password": PASSWORD, "again": PASSWORD})
    assert len(noted(site, AuditEvent.LOGIN_REFUSED)) == before + 1


def test_a_key_never_changes_what_a_person_may_do(site: Site) -> None:
    now = time.time()
    site.access.accept(site.access.invite("carol", AccountRole.ADMIN, now), PASSWORD, now)
    site.access.admit("olga (login.hospital.example)", AccountRole.ADMIN, now, now + 60)
    site.access.log_out(site.access.admit("omar (login.hospital.example)", AccountRole.ADMIN, now, now + 60))
    for person in ("carol", "olga (login.hospital.example)", "omar (login.hospital.example)"):
        with pytest.raises(AccessRefused, match="person"):
            site.access.new_key(person, AccountRole.VIEWER, now)
    assert {
        each.role for each in site.access.accounts(time.time()) if each.name.startswith(("carol", "olga", "omar"))
    } == {"admin"}
    site.access.new_key("prometheus", AccountRole.VIEWER, now)
    site.access.new_key("prometheus", AccountRole.VIEWER, now)


@pytest.mark.parametrize(
    "claims",
    [
        {"iat": time.time() - 30 * 86_400, "aud": "mome"},
        {"iat": time.time() + 3_600, "aud": "mome"},
        {"iat": time.time(), "aud": ["mome", "other"]},
        {"iat": time.time(), "aud": ["mome", "other"], "azp": "other"},
    ],
    ids=["old", "of the future", "for two", "of another client"],
)
def test_an_old_token_or_one_of_another_client_is_refused(claims: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="issued"):
        require_fresh(claims, "mome")
    require_fresh({"iat": time.time() - 5, "aud": ["mome"]}, "mome")
    require_fresh({"iat": time.time() - 5, "aud": ["mome", "other"], "azp": "mome"}, "mome")


def test_logins_that_never_return_are_bounded() -> None:
    logins = PendingLogins()
    states = [logins.begin()[0] for _ in range(1_000)]
    assert len(logins.pending) == 200
    assert logins.end(states[-1]) is not None


@pytest.mark.parametrize(
    "host", ["localhost:80@evil.example", "localhost/evil", "local host", "[::1", "localhost:x", ""]
)
def test_a_host_header_that_is_none_names_nobody(host: str) -> None:
    assert host_name(host) == ""
    assert host_name("LOCALHOST:8090") == "localhost"


def test_behind_a_proxy_nobody_comes_past_it_in_clear_text(tmp_path: Path) -> None:
    made = hostile_site(tmp_path / "site")
    dashboard = made.settings.dashboard.model_copy(update={"proxies": ("127.0.0.9",)})
    behind = replace(made, settings=made.settings.model_copy(update={"dashboard": dashboard}))
    direct = TestClient(build_app(behind), base_url="http://localhost", client=("10.0.0.66", 1))
    assert direct.post("/login", data={"name": "x", "password": "y"}).status_code == 403
    assert direct.get("/healthz").status_code == 200
    made.ledger.engine.dispose()


def test_settings_that_send_secrets_in_clear_text_are_refused_and_none_is_shown() -> None:
    with pytest.raises(ValidationError, match="https"):
        DashboardSettings(oidc_issuer="http://login.hospital.example")
    with pytest.raises(ValidationError, match="without a login"):
        Destination(name="p", ae_title="P", host="h", port=1, web="http://user:secret@pacs/dicom-web")
    shown = settings_toml(Settings(alerts={"webhook": "https://hooks.example/services/T0/SECRET"}).without_secrets())
    assert "SECRET" not in shown
    assert "https://hooks.example/***" in shown


def test_files_of_node_backup_and_restored_root_are_closed_to_others_whatever_was_there_before(tmp_path: Path) -> None:
    def ran(*words: str, config: Path) -> None:
        command = [sys.executable, "-m", "node.cli.main", *words, "--config", str(config)]
        told = subprocess.run(command, capture_output=True, text=True, check=False, umask=0)
        assert told.returncode == 0, told.stderr

    def config_of(root: Path) -> Path:
        file = root.with_suffix(".toml")
        file.write_text(settings_toml(Settings(storage={"root": root}, dicom={"port": free_port()})))
        return file

    root, backup, restored = tmp_path / "root", tmp_path / "backup", tmp_path / "restored"
    for folder in (root, backup, restored):
        folder.mkdir(mode=0o777)
        folder.chmod(0o777)
    ran("audit", "list", config=config_of(root))
    ran("backup", str(backup), config=config_of(root))
    (backup / "ledger.db").chmod(0o666)
    ran("restore", str(backup), config=config_of(restored))
    for folder in (root, backup, restored):
        assert folder.stat().st_mode & 0o077 == 0, folder.name
    assert (root / "ledger.db").stat().st_mode & 0o077 == 0
    told = subprocess.run(
        [sys.executable, "-m", "node.cli.main", "config", "init", str(tmp_path / "new.toml")], check=False, umask=0
    )
    assert told.returncode == 0
    assert (tmp_path / "new.toml").stat().st_mode & 0o077 == 0


def test_a_page_that_is_left_open_leaves_the_patient_when_the_session_ends(site: Site) -> None:
    browser = browser_of(site, AccountRole.VIEWER)
    poll = {"hx-request": "true", "accept": "text/html"}

    def used() -> float | None:
        return next(each.used_at for each in site.access.accounts(time.time())[0].credentials)

    with site.ledger.engine.begin() as db:
        db.execute(update(schema.token).values(used_at=time.time() - 29 * 60))
    before = used()
    assert browser.get("/", headers=poll).status_code == 200
    assert used() == before, "what a page asks by itself is no use"
    with site.ledger.engine.begin() as db:
        db.execute(update(schema.token).values(used_at=time.time() - 31 * 60))
    answer = browser.get("/", headers=poll)
    assert (answer.status_code, answer.headers.get("hx-redirect"), answer.content) == (401, "/login", b"")
    assert "log in" in browser.get("/", headers={"accept": "text/html"}).text.lower()


def test_no_token_is_made_where_an_identity_provider_names_admins(tmp_path: Path) -> None:
    made = hostile_site(tmp_path / "site")
    provider = {"oidc_issuer": "https://login.hospital", "oidc_client_id": "node", "oidc_admins": ("radiology-it",)}
    for dashboard, offered in ((DashboardSettings(**provider), False), (DashboardSettings(), True)):
        settings = made.settings.model_copy(update={"dashboard": dashboard})
        site = replace(made, settings=settings)
        offer_first_login(site)
        assert site.first_login.exists() is offered
