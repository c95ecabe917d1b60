"""Who asks, and whether they may: sessions and API keys, roles, and the tokens that stop forged requests.

A browser proves itself by a session cookie that no script can read and no other site can send; what changes something
also carries a token that only our own pages know. A program proves itself by an API key in the Authorization header.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from node.dashboard.guard import SAFE_METHODS
from node.dashboard.site import Site
from node.storage.accounts import Account, Role, TokenKind

COOKIE = "mome-session"
FAILURES, WINDOW_SECONDS = 5, 60.0


@dataclass(frozen=True, slots=True)
class Caller:
    """An account that has proved itself; `csrf` is the token of its pages, empty for a program."""

    name: str
    role: Role
    csrf: str = ""


@dataclass(slots=True)
class Limiter:
    """Counts failed logins by address and by name; more than a few in a minute have to wait."""

    failures: dict[str, deque[float]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def seconds_to_wait(self, *keys: str) -> float:
        """Until when the next attempt under these keys is refused; 0 for now."""
        now = time.monotonic()
        with self.lock:
            return max((self._wait(key, now) for key in keys), default=0.0)

    def failed(self, *keys: str) -> None:
        """An attempt under these keys was wrong."""
        now = time.monotonic()
        with self.lock:
            for key in [old for old, times in self.failures.items() if times[-1] < now - WINDOW_SECONDS]:
                del self.failures[key]
            for key in keys:
                self.failures.setdefault(key, deque(maxlen=FAILURES)).append(now)

    def _wait(self, key: str, now: float) -> float:
        times = self.failures.get(key)
        return max(0.0, times[0] + WINDOW_SECONDS - now) if times and len(times) == FAILURES else 0.0


def csrf_of(session: str) -> str:
    """The token of a session's pages; another site can neither read nor guess it."""
    return hmac.new(session.encode(), b"csrf", hashlib.sha256).hexdigest()


def site_of(request: Request) -> Site:
    """The site that the application was built for."""
    site: Site = request.app.state.site
    return site


def caller_of(request: Request) -> Caller | None:
    """Who asks; None when nothing proves it."""
    access, now = site_of(request).access, time.time()
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return known(access.holder(key.strip(), TokenKind.KEY, now))
    session = request.cookies.get(COOKIE, "")
    return known(access.holder(session, TokenKind.SESSION, now), csrf_of(session)) if session else None


def known(account: Account | None, csrf: str = "") -> Caller | None:
    """The caller behind an account."""
    return None if account is None else Caller(account.name, account.role, csrf)


def require(role: Role) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency that lets pass who has this role: 401 for nobody, 403 for too little or a forged request."""

    async def check(request: Request) -> Caller:
        caller = await run_in_threadpool(caller_of, request)
        request.state.caller = caller
        if caller is None:
            raise HTTPException(401, "log in first", {"WWW-Authenticate": "Bearer"})
        if not caller.role.includes(role):
            raise HTTPException(403, f"this needs the role {role}; you are {caller.role}")
        if caller.csrf and request.method not in SAFE_METHODS:
            sent = request.headers.get("x-csrf-token") or str((await request.form()).get("csrf", ""))
            if not hmac.compare_digest(sent.encode(), caller.csrf.encode()):
                raise HTTPException(403, "this request did not come from our own page; load the page again")
        return caller

    return check


may_look, may_act, may_give_access = require(Role.VIEWER), require(Role.OPERATOR), require(Role.ADMIN)
