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
FAILURES, FAILURES_OF_A_NAME, WINDOW_SECONDS = 5, 50, 60.0


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
    """Few attempts a minute from one address; for one name many more, so that no single address locks another out.

    An attempt counts from its beginning, so that many at once are not more than many one after the other.
    """

    attempts: dict[str, deque[float]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, address: str, name: str = "") -> float:
        """Count an attempt; 0, or for how many seconds attempts are still refused, and then nothing is counted."""
        now = time.monotonic()
        limits = {f"address {address}": FAILURES} | ({f"name {name}": FAILURES_OF_A_NAME} if name else {})
        with self.lock:
            for key in [old for old, times in self.attempts.items() if times[-1] < now - WINDOW_SECONDS]:
                del self.attempts[key]
            known = {key: self.attempts.get(key) or deque(maxlen=most) for key, most in limits.items()}
            full = [times[0] + WINDOW_SECONDS - now for times in known.values() if len(times) == times.maxlen]
            if (wait := max(full, default=0.0)) > 0:
                return wait
            for times in known.values():
                times.append(now)
            self.attempts.update(known)
        return 0.0

    def succeeded(self, address: str, name: str = "") -> None:
        """Take back the attempt that was counted last: it was none to guess."""
        with self.lock:
            for key in (f"address {address}", f"name {name}"):
                if times := self.attempts.get(key):
                    times.pop()
                    if not times:
                        del self.attempts[key]


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
    if not session:
        return None
    idle = site_of(request).settings.dashboard.idle_seconds
    asked = not refreshes_itself(request)
    return _user(
        access.holder(session, TokenKind.SESSION, now, idle_seconds=idle, by_person=asked), _csrf_token(session)
    )


def refreshes_itself(request: Request) -> bool:
    """Whether an open page asks for its own news: all that htmx asks for here comes from a timer."""
    return request.headers.get("hx-request") == "true" and request.method == "GET"


def _user(account: Account | None, csrf: str = "") -> User | None:
    return None if account is None else User(account.name, account.role, csrf, account.sees_patients)


def _require(role: AccountRole, *, patients: bool = False) -> Callable[[Request], Awaitable[User]]:
    """A dependency for users of at least this role: 401 for strangers, 403 for a lower role or a forged request."""

    async def check(request: Request) -> User:
        user = await run_in_threadpool(_authenticate, request)
        request.state.user = user
        if user is None:
            if request.headers.get("authorization"):
                await _note_refusal(request, "", "an unknown key")
            raise HTTPException(401, "log in first", {"WWW-Authenticate": "Bearer"})
        if not user.role.includes(role):
            await _note_refusal(request, user.name, f"needs the role {role}")
            raise HTTPException(403, f"this needs the role {role}; you are {user.role}")
        if patients and not user.sees_patients:
            await _note_refusal(request, user.name, "needs the right to see patients")
            raise HTTPException(403, "this needs the right to see patients, which your account does not have")
        if user.csrf and request.method not in SAFE_METHODS:
            sent = request.headers.get("x-csrf-token") or str((await request.form()).get("csrf", ""))
            if not hmac.compare_digest(sent.encode(), user.csrf.encode()):
                raise HTTPException(403, "this request did not come from our own page; load the page again")
        return user

    return check


def address_of(request: Request) -> str:
    """The network address that the request comes from."""
    return request.client.host if request.client else "unknown"


async def _note_refusal(request: Request, person: str, what: str) -> None:
    """Write into the audit trail who was refused what; the route as it is declared, without any number or UID."""
    words = f"{request.method} {request.scope['route'].path} {what}"
    await run_in_threadpool(site_of(request).patient_log.refused, person, address_of(request), words)


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
PatientOperator = Annotated[User, Depends(_require(AccountRole.OPERATOR, patients=True))]
"""For a decision that nobody can take who does not see the patients."""
