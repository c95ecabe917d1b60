"""The dashboard's process: opens the site, logs a token for the first login, and serves until SIGTERM."""

from __future__ import annotations

import logging
import signal
import time
from dataclasses import replace
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from node.dashboard.app import build_app
from node.dashboard.site import Site
from node.dashboard.stow import ImageReception
from node.errors import NotReady, SettingsError
from node.settings import Settings, load_settings
from node.storage.accounts import AccountRole

log = logging.getLogger(__name__)


def run_dashboard(settings: Settings, config: Path | None, reception: ImageReception | None = None) -> None:
    """Serve pages and API until SIGTERM; raises NotReady when the port is taken. SIGHUP: read the settings again.

    Parameters
    ----------
    reception
        What keeps images that come by STOW-RS; None: none are taken.
    """
    site = Site.open(settings)
    app = build_app(site, reception)
    signal.signal(signal.SIGHUP, lambda *_: _renew(app, config))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    _log_first_token(site)
    here = settings.dashboard
    server_config = uvicorn.Config(
        app,
        host=here.host,
        port=here.port,
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_certfile=here.certificate or None,
        ssl_keyfile=here.key or None,
        proxy_headers=bool(here.proxies),
        forwarded_allow_ips=list(here.proxies) or None,
        timeout_graceful_shutdown=5,
        limit_concurrency=200,
    )
    server = uvicorn.Server(server_config)
    log.info("dashboard on %s", _address(settings))
    server.run()
    if not server.started:
        raise NotReady(f"cannot serve the dashboard on {here.host} port {here.port}: is the port taken?")


def _renew(app: FastAPI, config: Path | None) -> None:
    """Show and act by the settings as the file says now; those of the dashboard itself need a new process."""
    try:
        settings = load_settings(config)
    except SettingsError as error:
        log.error("the settings are not usable and the old ones stay in force: %s", error)
        return
    app.state.site = replace(app.state.site, settings=settings)
    app.state.meter.settings = settings


def _address(settings: Settings) -> str:
    """The URL of the dashboard."""
    here = settings.dashboard
    scheme = "https" if here.certificate else "http"
    return f"{scheme}://{here.names[0] if here.names else here.host}:{here.port}/"


def _log_first_token(site: Site) -> None:
    """While no account exists, make a one-time token for the first admin and log it."""
    if site.access.is_empty(now := time.time()):
        token = site.access.invite("admin", AccountRole.ADMIN, now)
        log.warning("first start: open %swelcome and use this one-time token: %s", _address(site.settings), token)
