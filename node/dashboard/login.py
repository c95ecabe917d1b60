"""Logging in and out, and accepting an invitation."""

from __future__ import annotations

import math
import time
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from node.audit import AuditEvent
from node.dashboard.rendering import page
from node.dashboard.rights import COOKIE, Caller, Limiter, may_look, site_of
from node.storage.accounts import AccessRefused

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form(max_length=256)]


@router.get("/login")
def login_form(request: Request) -> Response:
    """The form."""
    return page(request, "login.html", wanted="/")


@router.post("/login")
def log_in(request: Request, name: Text, password: Text, wanted: Text = "/") -> Response:
    """A new session, under a new secret: one that was planted before proves nothing."""
    site, now = site_of(request), time.time()
    keys = (f"address {address_of(request)}", f"name {name}")
    limiter: Limiter = request.app.state.limiter
    if (seconds := limiter.seconds_to_wait(*keys)) > 0:
        answer = page(request, "login.html", status=429, wanted=wanted, words="too many attempts; wait a minute")
        answer.headers["Retry-After"] = str(math.ceil(seconds))
        return answer
    try:
        session = site.access.log_in(name, password, now, now + site.settings.dashboard.session_seconds)
    except AccessRefused as refusal:
        limiter.failed(*keys)
        site.ledger.audit.record(AuditEvent.LOGIN_REFUSED, now, f"from {address_of(request)}")
        return page(request, "login.html", status=401, wanted=wanted, words=str(refusal))
    site.ledger.audit.record(AuditEvent.LOGGED_IN, now, f"{name} from {address_of(request)}")
    return with_session(request, RedirectResponse(local(wanted), 303), session)


@router.get("/welcome")
def welcome_form(request: Request) -> Response:
    """Where the holder of a one-time token chooses a password."""
    return page(request, "welcome.html")


@router.post("/welcome")
def welcome(request: Request, token: Text, password: Text, again: Text) -> Response:
    """Use up the token, set the password, log in."""
    site, now = site_of(request), time.time()
    limiter: Limiter = request.app.state.limiter
    keys = (f"address {address_of(request)}",)
    if limiter.seconds_to_wait(*keys) > 0:
        return page(request, "welcome.html", status=429, words="too many attempts; wait a minute")
    if password != again:
        return page(request, "welcome.html", status=400, words="the two passwords differ")
    try:
        name = site.access.accept(token.strip(), password, now)
    except AccessRefused as refusal:
        limiter.failed(*keys)
        return page(request, "welcome.html", status=401, words=str(refusal))
    session = site.access.log_in(name, password, now, now + site.settings.dashboard.session_seconds)
    site.ledger.audit.record(AuditEvent.LOGGED_IN, now, f"{name} from {address_of(request)}, first login")
    return with_session(request, RedirectResponse("/", 303), session)


@router.post("/logout")
def log_out(request: Request, caller: Annotated[Caller, Depends(may_look)]) -> Response:
    """The session proves nothing any more."""
    site = site_of(request)
    site.access.log_out(request.cookies.get(COOKIE, ""))
    site.ledger.audit.record(AuditEvent.LOGGED_OUT, time.time(), caller.name)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    return answer


def with_session(request: Request, answer: Response, session: str) -> Response:
    """The answer, with a cookie that only this site's own pages send and no script can read."""
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


def local(wanted: str) -> str:
    """A path of ours, whatever was asked for."""
    return wanted if wanted.startswith("/") and not wanted.startswith(("//", "/\\")) else "/"


def address_of(request: Request) -> str:
    """Where the request comes from."""
    return request.client.host if request.client else "unknown"
