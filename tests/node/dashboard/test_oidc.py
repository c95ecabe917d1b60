"""Logging in with an identity provider: a real one (npm's oidc-provider) in Chromium, and forgeries."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import uvicorn
from fastapi.testclient import TestClient

from hostile_site import client_of, hostile_site
from node.dashboard.app import build_app
from node.dashboard.oidc import PendingLogins, account_name, role_of, sees_patients
from node.dashboard.site import Site
from node.settings import Settings
from node.settings_sections import DashboardSettings
from node.storage.accounts import AccountRole
from ports import free_port

GROUPS = {"oidc_viewers": ("readers",), "oidc_operators": ("technologists",), "oidc_admins": ("it",)}
PROVIDER = "oidc-provider@9"
SCRIPT = """
import Provider from "oidc-provider";
const [port, redirect] = process.argv.slice(2);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: "mome", client_secret: "of the client", redirect_uris: [redirect] }],
  claims: { openid: ["sub", "groups"], groups: ["groups"] }, conformIdTokenClaims: false,
  findAccount: (_, id) => ({
    accountId: id, claims: () => ({ sub: id, groups: id === "otto" ? ["technologists"] : [] }),
  }),
  cookies: { keys: ["of the test"] },
});
provider.listen(Number(port));
"""


def settings(**changes: object) -> DashboardSettings:
    return DashboardSettings(oidc_issuer="https://login.hospital.example", oidc_client_id="mome", **GROUPS, **changes)


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["readers"], AccountRole.VIEWER),
        (["readers", "it"], AccountRole.ADMIN),
        ("technologists", AccountRole.OPERATOR),
        (["strangers"], None),
        ([], None),
    ],
)
def test_the_highest_group_gives_the_role_and_none_gives_none(groups: object, role: AccountRole | None) -> None:
    assert role_of({"groups": groups}, settings()) is role
    assert role_of({}, settings()) is None


def test_patients_are_seen_by_groups_for_that_or_by_everybody() -> None:
    for groups, named in ((["readers", "clinicians"], True), (["it"], False), ([], False)):
        assert sees_patients({"groups": groups}, settings(oidc_patients=("clinicians",))) is named
        assert sees_patients({"groups": groups}, settings())


def test_a_name_from_outside_cannot_be_a_local_account() -> None:
    assert account_name({"sub": "1", "preferred_username": "admin"}, settings()) == "admin (login.hospital.example)"
    assert len(account_name({"sub": "x\n" * 99}, settings())) == 64


def test_a_login_comes_back_once() -> None:
    logins = PendingLogins()
    state, pending = logins.begin()
    assert logins.end(state) == pending
    assert logins.end(state) is None


def test_a_callback_that_nobody_began_is_refused(site: Site) -> None:
    provided = Site.open(site.settings.model_copy(update={"dashboard": settings()}))
    stranger = client_of(provided)
    assert stranger.get("/oidc/callback", params={"state": "x", "code": "y"}).status_code == 403
    state, _ = stranger.app.state.logins.begin()  # type: ignore[attr-defined]
    answer = stranger.get("/oidc/callback", params={"state": state, "code": "y"})
    assert answer.status_code == 403, "another browser's login was taken over"


def test_without_a_provider_there_is_no_such_page(stranger: TestClient) -> None:
    assert stranger.get("/oidc/login").status_code == 404


@contextmanager
def provider(folder: Path, redirect: str) -> Iterator[str]:
    """A real provider on a loopback port; skipped loudly when npm cannot install it."""
    npm, node = shutil.which("npm"), shutil.which("node")
    install = [npm or "npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), PROVIDER]
    if not npm or not node or subprocess.run(install, capture_output=True, check=False, timeout=600).returncode:
        pytest.skip(f"{PROVIDER} could not be installed by npm: OIDC was NOT tested end to end")
    (folder / "provider.mjs").write_text(SCRIPT)
    port = free_port()
    process = subprocess.Popen(
        [node, str(folder / "provider.mjs"), str(port), redirect], cwd=folder, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            try:
                httpx2.get(f"http://127.0.0.1:{port}/.well-known/openid-configuration").raise_for_status()
                break
            except httpx2.HTTPError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.system
def test_somebody_of_the_organisation_gets_in_with_the_role_of_their_group(tmp_path: Path) -> None:
    if not (chromium := shutil.which("chromium")):
        pytest.skip("needs Chromium")
    from playwright.sync_api import sync_playwright

    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with provider(tmp_path, base + "/oidc/callback") as issuer:
        secret = tmp_path / "secret"
        secret.write_text("of the client")
        secret.chmod(0o600)
        dashboard = DashboardSettings(oidc_issuer=issuer, oidc_client_id="mome", oidc_secret_file=str(secret), **GROUPS)
        site = Site.open(Settings(storage={"root": hostile_site(tmp_path).archive.root}, dashboard=dashboard))
        server = uvicorn.Server(uvicorn.Config(build_app(site), port=port, log_level="error"))
        threading.Thread(target=server.run, daemon=True).start()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for name, expected in (("otto", "operator"), ("nobody", "no group")):
                page = browser.new_context().new_page()
                page.set_default_timeout(120_000)
                page.goto(base + "/login")
                page.get_by_role("link", name="Log in with your organisation").click()
                page.locator("input[name=login]").fill(name)
                page.locator("input[name=password]").fill("anything")
                page.get_by_role("button", name="Sign-in").click()
                page.get_by_role("button", name="Continue").click()
                if name == "otto":
                    page.wait_for_url(base + "/")
                assert expected in page.locator("body").inner_text()
            browser.close()
        server.should_exit = True
    assert [(each.name, each.role) for each in site.access.accounts(0.0)] == [
        ("otto (127.0.0.1)", AccountRole.OPERATOR)
    ]
