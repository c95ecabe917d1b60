"""Login, logout, and accepting an invitation."""

from __future__ import annotations

import math
import time
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from node.audit import AuditEvent, AuditFields
from node.dashboard.rendering import page
from node.dashboard.rights import COOKIE, LoginRateLimiter, Viewer, address_of
from node.dashboard.site import CurrentSite, Site, site_of
from node.storage.accounts import AccessRefused

router = APIRouter(include_in_schema=False)
_Text = Annotated[str, Form(max_length=256)]


@router.get("/login")
def login_form(request: Request) -> Response:
    """Show the login form."""
    return page(request, "login.html", wanted="/")


@router.post("/login")
def log_in(request: Request, site: CurrentSite, name: _Text, password: _Text, wanted: _Text = "/") -> Response:
    """Begin a session under a new secret, so that a cookie planted beforehand is worthless."""
    now = time.time()
    address = address_of(request)
    limiter: LoginRateLimiter = request.app.state.limiter
    if (seconds := limiter.begin(address, name)) > 0:
        answer = page(request, "login.html", status=429, wanted=wanted, words="too many attempts; wait a minute")
        answer.headers["Retry-After"] = str(math.ceil(seconds))
        return answer
    try:
        session = site.access.log_in(name, password, now, now + site.settings.dashboard.session_seconds)
    except AccessRefused as refusal:
        _record_refusal(site, address, "", now)
        return page(request, "login.html", status=401, wanted=wanted, words=str(refusal))
    limiter.succeeded(address, name)
    record_login(site, request, name, f"{name} from {address}", now)
    return with_session(request, RedirectResponse(local_path(wanted), 303), session)


@router.get("/welcome")
def welcome_form(request: Request) -> Response:
    """Show the form where the holder of a one-time token sets a password."""
    return page(request, "welcome.html")


@router.post("/welcome")
def welcome(request: Request, site: CurrentSite, token: _Text, password: _Text, again: _Text) -> Response:
    """Use up the token, set the password, log in."""
    now = time.time()
    limiter: LoginRateLimiter = request.app.state.limiter
    if password != again:
        return page(request, "welcome.html", status=400, words="the two passwords differ")
    if limiter.begin(address := address_of(request)) > 0:
        return page(request, "welcome.html", status=429, words="too many attempts; wait a minute")
    try:
        name = site.access.accept(token.strip(), password, now)
    except AccessRefused as refusal:
        _record_refusal(site, address, "one-time token", now)
        return page(request, "welcome.html", status=401, words=str(refusal))
    limiter.succeeded(address)
    site.first_login.unlink(missing_ok=True)
    session = site.access.log_in(name, password, now, now + site.settings.dashboard.session_seconds)
    record_login(site, request, name, f"{name} from {address_of(request)}, first login", now)
    return with_session(request, RedirectResponse("/", 303), session)


@router.post("/logout")
def log_out(request: Request, site: CurrentSite, user: Viewer) -> Response:
    """End the session."""
    site.access.log_out(request.cookies.get(COOKIE, ""))
    site.ledger.audit.record(AuditEvent.LOGGED_OUT, time.time(), user.name, fields=AuditFields(person=user.name))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    return answer


def with_session(request: Request, answer: Response, session: str) -> Response:
    """Add a session cookie that only this site's own pages send and no script can read."""
    settings = site_of(request).settings.dashboard
    answer.set_cookie(
        COOKIE,
        session,
        max_age=int(settings.session_seconds),
        secure=settings.is_secure,
        httponly=True,
        samesite="strict",
    )
    return answer


def local_path(wanted: str) -> str:
    """The path if it lies on this site, else the worklist: a login never redirects to another site."""
    return wanted if wanted.startswith("/") and not wanted.startswith(("//", "/\\")) else "/"


def record_login(site: Site, request: Request, name: str, words: str, now: float) -> None:
    """Write into the audit trail who began a session, and from where."""
    site.ledger.audit.record(
        AuditEvent.LOGGED_IN, now, words, fields=AuditFields(person=name, address=address_of(request))
    )


def _record_refusal(site: Site, address: str, what: str, now: float) -> None:
    """Write into the audit trail that a secret was wrong, and from where; what was given as a name is not kept."""
    words = f"{what} from {address}" if what else f"from {address}"
    site.ledger.audit.record(AuditEvent.LOGIN_REFUSED, now, words, fields=AuditFields(address=address))
