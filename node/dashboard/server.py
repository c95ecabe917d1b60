"""The dashboard's process: opens the site, logs a token for the first login, and serves until SIGTERM."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from node.dashboard.app import build_app
from node.dashboard.connections import ConnectionLimits, HandshakeLoop, limited
from node.dashboard.site import Site
from node.dashboard.stow import ImageReception
from node.errors import NotReady, SettingsError
from node.secret_files import write_secret
from node.settings import Settings, load_settings
from node.settings_sections import DashboardSettings
from node.storage.accounts import AccountRole

_FIRST_LOGIN_SECONDS = 3600.0
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
    offer_first_login(site)
    server = uvicorn.Server(server_config(app, settings.dashboard))
    log.info("dashboard on %s", _address(settings))
    server.run()
    if not server.started:
        here = settings.dashboard
        raise NotReady(f"cannot serve the dashboard on {here.host} port {here.port}: is the port taken?")


def server_config(
    app: Callable[..., Any], here: DashboardSettings, limits: ConnectionLimits | None = None
) -> uvicorn.Config:
    """How the application is served: where, with which certificate, and within which limits."""
    limits = limits or ConnectionLimits(here.connections, here.connections_per_address, frozenset(here.proxies))
    return uvicorn.Config(
        app,
        host=here.host,
        port=here.port,
        http=limited(limits),
        loop=f"{HandshakeLoop.__module__}:{HandshakeLoop.__name__}",
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_certfile=here.certificate or None,
        ssl_keyfile=here.key or None,
        proxy_headers=bool(here.proxies),
        forwarded_allow_ips=list(here.proxies) or None,
        timeout_graceful_shutdown=5,
    )


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


def offer_first_login(site: Site) -> None:
    """While nobody can log in, write a one-time token for the first admin into a file; a log travels further than that.

    An identity provider that names admins is a way in.
    """
    here, now = site.settings.dashboard, time.time()
    if (here.oidc_issuer and here.oidc_admins) or not site.access.is_empty(now):
        return
    file = site.first_login
    write_secret(file, site.access.invite("admin", AccountRole.ADMIN, now, seconds=_FIRST_LOGIN_SECONDS))
    log.warning(
        "first start: open %swelcome; the one-time token is in %s, for an hour (later: mome-node access invite)",
        _address(site.settings),
        file,
    )
