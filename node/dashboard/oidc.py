"""Logging in with the organisation's own identity provider: OpenID Connect, authorization code with PKCE.

The provider says who it is and in which groups; the settings say which role a group has. Nobody without a group of
ours gets in. Names carry the provider's host, so that nobody there can take over an account that was made here.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx2
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from node.audit import AuditEvent
from node.dashboard.login import address_of, with_session
from node.dashboard.rendering import page
from node.dashboard.rights import site_of
from node.settings import Dashboard, secret
from node.storage.accounts import Role

router = APIRouter(include_in_schema=False)
COOKIE = "mome-oidc"
PATIENCE_SECONDS = 600.0
LEEWAY_SECONDS = 60
SIGNATURES = ["RS256", "ES256", "PS256", "EdDSA"]


@dataclass(frozen=True, slots=True)
class Pending:
    """A login that has gone to the provider and is not back yet."""

    nonce: str
    verifier: str
    began: float


@dataclass(slots=True)
class Logins:
    """Logins on their way, by their state."""

    pending: dict[str, Pending] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> tuple[str, Pending]:
        """A new one; those that never came back are forgotten."""
        state, new = secrets.token_urlsafe(24), Pending(generate_token(32), generate_token(64), time.monotonic())
        with self.lock:
            late = [key for key, each in self.pending.items() if new.began - each.began > PATIENCE_SECONDS]
            for key in late:
                del self.pending[key]
            self.pending[state] = new
        return state, new

    def end(self, state: str) -> Pending | None:
        """The login of this state, once."""
        with self.lock:
            found = self.pending.pop(state, None)
        return found if found and time.monotonic() - found.began <= PATIENCE_SECONDS else None


@router.get("/oidc/login")
def log_in(request: Request) -> Response:
    """To the provider."""
    settings = wanted(request)
    state, pending = request.app.state.logins.begin()
    with client_of(request, settings) as client:
        target, _ = client.create_authorization_url(
            discovered(settings)["authorization_endpoint"],
            state=state,
            nonce=pending.nonce,
            code_verifier=pending.verifier,
        )
    answer = RedirectResponse(target, 303)
    answer.set_cookie(
        COOKIE,
        state,
        max_age=int(PATIENCE_SECONDS),
        httponly=True,
        samesite="lax",
        secure=settings.is_secure,
    )
    return answer


@router.get("/oidc/callback")
def come_back(
    request: Request,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
) -> Response:
    """From the provider: check what it says, and begin a session."""
    settings, site, now = wanted(request), site_of(request), time.time()
    pending = request.app.state.logins.end(state) if state == request.cookies.get(COOKIE) else None
    if pending is None or not code:
        raise HTTPException(403, "this login was not begun here, or has taken too long; begin again")
    claims = claims_of(request, settings, code, pending)
    role = role_of(claims, settings)
    name = name_of(claims, settings)
    if role is None:
        site.ledger.audit.record(
            AuditEvent.LOGIN_REFUSED, now, f"{name} from {address_of(request)}: in no group of ours"
        )
        raise HTTPException(403, "you are in no group that has access; ask your administrator")
    session = site.access.admit(name, role, now, now + settings.session_seconds)
    site.ledger.audit.record(AuditEvent.LOGGED_IN, now, f"{name} from {address_of(request)}")
    answer = with_session(request, page(request, "arrived.html"), session)
    answer.delete_cookie(COOKIE)
    return answer


def wanted(request: Request) -> Dashboard:
    """The settings, when the site has a provider."""
    settings = site_of(request).settings.dashboard
    if not settings.oidc_issuer:
        raise HTTPException(404, "this site has no identity provider")
    return settings


def client_of(request: Request, settings: Dashboard) -> OAuth2Client:
    """Our side of the conversation."""
    return OAuth2Client(
        settings.oidc_client_id,
        secret(Path(settings.oidc_secret_file)) if settings.oidc_secret_file else None,
        scope="openid profile email " + settings.oidc_claim,
        redirect_uri=str(request.url_for("come_back")),
        code_challenge_method="S256",
        timeout=10,
    )


def discovered(settings: Dashboard) -> dict[str, Any]:
    """What the provider publishes about itself."""
    found: dict[str, Any] = fetched(settings.oidc_issuer.rstrip("/") + "/.well-known/openid-configuration")
    if found.get("issuer") != settings.oidc_issuer:
        raise HTTPException(502, "the identity provider calls itself by another name than oidc_issuer")
    return found


def fetched(address: str) -> Any:
    """A JSON document of the provider."""
    try:
        return httpx2.get(address, timeout=10).raise_for_status().json()
    except (httpx2.HTTPError, ValueError):
        raise HTTPException(502, "the identity provider does not answer") from None


def claims_of(request: Request, settings: Dashboard, code: str, pending: Pending) -> dict[str, Any]:
    """What the provider vouches for, after signature, issuer, audience, age and nonce were checked."""
    provider = discovered(settings)
    try:
        with client_of(request, settings) as client:
            answer = client.fetch_token(provider["token_endpoint"], code=code, code_verifier=pending.verifier)
        keys = KeySet.import_key_set(fetched(provider["jwks_uri"]))
        token = jwt.decode(answer["id_token"], keys, algorithms=SIGNATURES)
        rules = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": settings.oidc_issuer},
            aud={"essential": True, "value": settings.oidc_client_id},
            exp={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": pending.nonce},
        )
        rules.validate(token.claims)
    except (OAuthError, httpx2.HTTPError, JoseError, KeyError, ValueError):
        raise HTTPException(403, "the identity provider's answer could not be verified") from None
    return dict(token.claims)


def role_of(claims: dict[str, Any], settings: Dashboard) -> Role | None:
    """The highest role that a group gives; None for nobody of ours."""
    told = claims.get(settings.oidc_claim, ())
    groups = {told} if isinstance(told, str) else set(map(str, told))
    for role, ours in (
        (Role.ADMIN, settings.oidc_admins),
        (Role.OPERATOR, settings.oidc_operators),
        (Role.VIEWER, settings.oidc_viewers),
    ):
        if groups & set(ours):
            return role
    return None


def name_of(claims: dict[str, Any], settings: Dashboard) -> str:
    """Who it is, at which provider."""
    name = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])
    host = urlsplit(settings.oidc_issuer).hostname or "provider"
    return "".join(each for each in f"{name} ({host})" if each.isprintable())[:64]
