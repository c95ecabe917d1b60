"""The dashboard as a process: how it begins, TLS, a port that is taken, and a page whose node has gone."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from node.dashboard.site import Site
from node.settings import Settings
from node.settings_file import settings_toml
from ports import free_port

pytestmark = pytest.mark.slow
PASSWORD = "correct horse battery"  # noqa: S105 - of an account that lives as long as a test


@contextmanager
def process(folder: Path, **dashboard: object) -> Iterator[tuple[subprocess.Popen[bytes], Path, str]]:
    """The process as the supervisor starts it, its log, and where it answers."""
    settings = Settings(storage={"root": folder / "root"}, dashboard={"port": free_port(), **dashboard})
    Site.open(settings)
    config, log = folder / "node.toml", folder / "log"
    config.write_text(settings_toml(settings))
    with log.open("ab") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", "node.service.serve", "dashboard", str(config)], stdin=subprocess.PIPE, stderr=output
        )
    scheme = "https" if settings.dashboard.certificate else "http"
    try:
        yield running, log, f"{scheme}://127.0.0.1:{settings.dashboard.port}"
    finally:
        running.terminate()
        running.wait(120)


def wait(base: str, **options: object) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        try:
            httpx2.get(base + "/healthz", **options).raise_for_status()  # type: ignore[arg-type]
        except httpx2.HTTPError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("the dashboard never answered")


def first_token(folder: Path) -> str:
    (file,) = folder.rglob("first-login")
    return file.read_text()


def told_of_token(log: Path) -> list[str]:
    told = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    return [event for event in told if "one-time token" in event]


def test_the_first_start_writes_a_token_for_its_owner_and_the_next_does_not(tmp_path: Path) -> None:
    with process(tmp_path) as (_, log, base):
        wait(base)
        (file,) = tmp_path.rglob("first-login")
        token = first_token(tmp_path)
        assert file.stat().st_mode & 0o777 == 0o600
        assert str(file) in told_of_token(log)[0] and token not in log.read_text()
        form = {"token": token, "password": PASSWORD, "again": PASSWORD}
        assert httpx2.post(base + "/welcome", data=form).status_code == 303
        assert not file.exists()
    with process(tmp_path) as (_, log, base):
        wait(base)
        assert httpx2.post(base + "/login", data={"name": "admin", "password": PASSWORD}).status_code == 303
        assert len(told_of_token(log)) == 1 and not file.exists()


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with process(tmp_path, port=taken.getsockname()[1]) as (running, log, _):
            assert running.wait(240) != 0
    assert "address already in use" in log.read_text()


def test_with_a_certificate_it_speaks_tls_only_and_cookies_stay_there(tmp_path: Path) -> None:
    if not (openssl := shutil.which("openssl")):
        pytest.skip("openssl is not installed")
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    make = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    make += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(make, check=True, capture_output=True)
    with process(tmp_path, certificate=str(certificate), key=str(key)) as (_, _, base):
        import ssl

        trusted = ssl.create_default_context(cafile=str(certificate))
        wait(base, verify=trusted)
        form = {"token": first_token(tmp_path), "password": PASSWORD, "again": PASSWORD}
        answer = httpx2.post(base + "/welcome", data=form, verify=trusted)
        assert "Secure" in answer.headers["set-cookie"]
        assert "max-age" in answer.headers["strict-transport-security"]
        with pytest.raises(httpx2.HTTPError):
            httpx2.get(base.replace("https", "http") + "/healthz")


def test_a_page_says_when_its_node_has_gone(tmp_path: Path) -> None:
    if not (chromium := shutil.which("chromium")):
        pytest.skip("needs Chromium")
    from playwright.sync_api import sync_playwright

    with process(tmp_path) as (running, _, base), sync_playwright() as playwright:
        wait(base)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(base + "/welcome")
        for label, value in (
            ("One-time token", first_token(tmp_path)),
            ("New password", PASSWORD),
            ("Repeat password", PASSWORD),
        ):
            page.get_by_label(label).fill(value)
        page.get_by_role("button", name="Set password").click()
        page.wait_for_url(base + "/")
        assert page.locator("#stale").is_hidden()
        running.terminate()
        running.wait(120)
        page.locator("#stale").wait_for(state="visible", timeout=120_000)
        assert page.get_by_role("heading", name="Worklist").is_visible()
        browser.close()
