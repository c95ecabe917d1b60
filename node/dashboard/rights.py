"""Authentication and authorization: sessions and API keys, roles, and the tokens that stop forged requests.

A browser is authenticated by a session cookie that no script can read and no other site can send; a request that
changes something also carries a CSRF token that only our own pages know. A program sends an API key in the
Authorization header.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from node.dashboard.guard import SAFE_METHODS
from node.dashboard.site import site_of
from node.storage.accounts import Account, AccountRole, TokenKind

COOKIE = "mome-session"
FAILURES, WINDOW_SECONDS = 5, 60.0


@dataclass(frozen=True, slots=True)
class User:
    """An authenticated account.

    Parameters
    ----------
    csrf
        The token of its pages, empty for a program.
    sees_patients
        Whether it may search for patients, and see names, IDs, accession numbers and images.
    """

    name: str
    role: AccountRole
    csrf: str = ""
    sees_patients: bool = False


@dataclass(slots=True)
class LoginRateLimiter:
    """Counts failed logins by address and by name; after a few in a minute the next one has to wait."""

    failures: dict[str, deque[float]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def seconds_to_wait(self, *keys: str) -> float:
        """How long attempts under these keys are still refused; 0 when the next one may come at once."""
        now = time.monotonic()
        with self.lock:
            return max((self._wait(key, now) for key in keys), default=0.0)

    def failed(self, *keys: str) -> None:
        """Count a wrong attempt under these keys."""
        now = time.monotonic()
        with self.lock:
            for key in [old for old, times in self.failures.items() if times[-1] < now - WINDOW_SECONDS]:
                del self.failures[key]
            for key in keys:
                self.failures.setdefault(key, deque(maxlen=FAILURES)).append(now)

    def _wait(self, key: str, now: float) -> float:
        times = self.failures.get(key)
        return max(0.0, times[0] + WINDOW_SECONDS - now) if times and len(times) == FAILURES else 0.0


def _csrf_token(session: str) -> str:
    """The token of a session's pages; another site can neither read nor guess it."""
    return hmac.new(session.encode(), b"csrf", hashlib.sha256).hexdigest()


def _authenticate(request: Request) -> User | None:
    """The user behind a request; None without a valid session or API key."""
    access, now = site_of(request).access, time.time()
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _user(access.holder(key.strip(), TokenKind.KEY, now))
    session = request.cookies.get(COOKIE, "")
    return _user(access.holder(session, TokenKind.SESSION, now), _csrf_token(session)) if session else None


def _user(account: Account | None, csrf: str = "") -> User | None:
    return None if account is None else User(account.name, account.role, csrf, account.sees_patients)


def _require(role: AccountRole, *, patients: bool = False) -> Callable[[Request], Awaitable[User]]:
    """A dependency for users of at least this role: 401 for strangers, 403 for a lower role or a forged request."""

    async def check(request: Request) -> User:
        user = await run_in_threadpool(_authenticate, request)
        request.state.user = user
        if user is None:
            raise HTTPException(401, "log in first", {"WWW-Authenticate": "Bearer"})
        if not user.role.includes(role):
            raise HTTPException(403, f"this needs the role {role}; you are {user.role}")
        if patients and not user.sees_patients:
            raise HTTPException(403, "this needs the right to see patients, which your account does not have")
        if user.csrf and request.method not in SAFE_METHODS:
            sent = request.headers.get("x-csrf-token") or str((await request.form()).get("csrf", ""))
            if not hmac.compare_digest(sent.encode(), user.csrf.encode()):
                raise HTTPException(403, "this request did not come from our own page; load the page again")
        return user

    return check


require_viewer, require_operator, require_admin = (
    _require(AccountRole.VIEWER),
    _require(AccountRole.OPERATOR),
    _require(AccountRole.ADMIN),
)
Viewer = Annotated[User, Depends(require_viewer)]
Operator = Annotated[User, Depends(require_operator)]
Admin = Annotated[User, Depends(require_admin)]
Sender = Annotated[User, Depends(_require(AccountRole.SENDER))]
"""For programs that send images, and for nobody else."""
PatientViewer = Annotated[User, Depends(_require(AccountRole.VIEWER, patients=True))]
"""For what shows a patient: name, ID, accession number, images."""
