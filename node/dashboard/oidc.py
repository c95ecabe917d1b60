"""Login with the organisation's own identity provider: OpenID Connect, authorization code flow with PKCE.

The provider names the user and their groups; the settings map groups to roles. Users without a mapped group are
refused. Account names carry the provider's host, so that no provider account can take over a local one.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
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

from node.audit import AuditEvent, AuditFields
from node.dashboard.login import record_login, with_session
from node.dashboard.rendering import page
from node.dashboard.rights import address_of
from node.dashboard.site import CurrentSite, site_of
from node.secret_files import secret
from node.settings_sections import DashboardSettings
from node.storage.accounts import AccountRole

router = APIRouter(include_in_schema=False)
_COOKIE = "mome-oidc"
_PATIENCE_SECONDS = 600.0
_LEEWAY_SECONDS = 60
_MOST_PENDING = 200
_DISCOVERY_SECONDS = 300.0
_SIGNATURES = ["RS256", "ES256", "PS256", "EdDSA"]


@dataclass(frozen=True, slots=True)
class _ProviderMetadata:
    """What the provider publishes about itself (OpenID Connect Discovery 1.0); fields as in its document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


@dataclass(frozen=True, slots=True)
class _PendingLogin:
    """A login that was sent to the provider and has not returned yet; `began`: time.monotonic()."""

    nonce: str
    verifier: str
    began: float


@dataclass(slots=True)
class PendingLogins:
    """Logins that were sent to the provider, by their OAuth `state`."""

    pending: dict[str, _PendingLogin] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> tuple[str, _PendingLogin]:
        """Begin a login and forget those that never returned, and the oldest of too many."""
        state, new = secrets.token_urlsafe(24), _PendingLogin(generate_token(32), generate_token(64), time.monotonic())
        with self.lock:
            late = [key for key, each in self.pending.items() if new.began - each.began > _PATIENCE_SECONDS]
            for key in late:
                del self.pending[key]
            if len(self.pending) >= _MOST_PENDING:
                del self.pending[next(iter(self.pending))]
            self.pending[state] = new
        return state, new

    def end(self, state: str) -> _PendingLogin | None:
        """Take out the login of this state; None when there is none or it took too long."""
        with self.lock:
            found = self.pending.pop(state, None)
        return found if found and time.monotonic() - found.began <= _PATIENCE_SECONDS else None


@router.get("/oidc/login")
def log_in(request: Request) -> Response:
    """Redirect to the provider."""
    settings = _oidc_settings(request)
    state, pending = request.app.state.logins.begin()
    with _client_of(request, settings) as client:
        target, _ = client.create_authorization_url(
            _discover(settings).authorization_endpoint,
            state=state,
            nonce=pending.nonce,
            code_verifier=pending.verifier,
        )
    answer = RedirectResponse(target, 303)
    answer.set_cookie(
        _COOKIE,
        state,
        max_age=int(_PATIENCE_SECONDS),
        httponly=True,
        samesite="lax",
        secure=settings.is_secure,
    )
    return answer


@router.get("/oidc/callback")
def callback(
    request: Request,
    site: CurrentSite,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
) -> Response:
    """Verify what the provider returned, and begin a session."""
    settings, now = _oidc_settings(request), time.time()
    pending = request.app.state.logins.end(state) if state == request.cookies.get(_COOKIE) else None
    if pending is None or not code:
        raise HTTPException(403, "this login was not started here or took too long; try again")
    claims = _verified_claims(request, settings, code, pending)
    role = role_of(claims, settings)
    name = account_name(claims, settings)
    if role is None:
        words = f"{name} from {address_of(request)}: in no mapped group"
        fields = AuditFields(person=name, address=address_of(request))
        site.ledger.audit.record(AuditEvent.LOGIN_REFUSED, now, words, fields=fields)
        raise HTTPException(403, "you are in no group that has access; ask your administrator")
    patients = sees_patients(claims, settings)
    session = site.access.admit(name, role, now, now + settings.session_seconds, patients=patients)
    record_login(site, request, name, f"{name} from {address_of(request)}", now)
    answer = with_session(request, page(request, "arrived.html"), session)
    answer.delete_cookie(_COOKIE)
    return answer


def _oidc_settings(request: Request) -> DashboardSettings:
    """The dashboard's settings; 404 for a site without an identity provider."""
    settings = site_of(request).settings.dashboard
    if not settings.oidc_issuer:
        raise HTTPException(404, "this site has no identity provider")
    return settings


def _client_of(request: Request, settings: DashboardSettings) -> OAuth2Client:
    """The OAuth 2.0 client of this node."""
    return OAuth2Client(
        settings.oidc_client_id,
        secret(Path(settings.oidc_secret_file)) if settings.oidc_secret_file else None,
        scope="openid profile email " + settings.oidc_claim,
        redirect_uri=str(request.url_for("callback")),
        code_challenge_method="S256",
        timeout=10,
    )


def _discover(settings: DashboardSettings) -> _ProviderMetadata:
    """The provider's discovery document, which is read every five minutes at most."""
    return _discovered(settings, int(time.monotonic() // _DISCOVERY_SECONDS))


@lru_cache(maxsize=1)
def _discovered(settings: DashboardSettings, _period: int) -> _ProviderMetadata:
    found = _fetch_json(settings.oidc_issuer.rstrip("/") + "/.well-known/openid-configuration")
    try:
        provider = _ProviderMetadata(*(str(found[each.name]) for each in fields(_ProviderMetadata)))
    except (KeyError, TypeError):
        raise HTTPException(502, "the identity provider's discovery document is incomplete") from None
    if provider.issuer != settings.oidc_issuer:
        raise HTTPException(502, "the identity provider's issuer is not the oidc_issuer of the settings")
    return provider


def _fetch_json(address: str) -> Any:
    """Read a JSON document of the provider."""
    try:
        return httpx2.get(address, timeout=10).raise_for_status().json()
    except (httpx2.HTTPError, ValueError):
        raise HTTPException(502, "the identity provider does not answer") from None


def _verified_claims(
    request: Request, settings: DashboardSettings, code: str, pending: _PendingLogin
) -> Mapping[str, object]:
    """The claims of the ID token, after signature, issuer, audience, age and nonce were checked."""
    provider = _discover(settings)
    try:
        with _client_of(request, settings) as client:
            answer = client.fetch_token(provider.token_endpoint, code=code, code_verifier=pending.verifier)
        keys = KeySet.import_key_set(_fetch_json(provider.jwks_uri))
        token = jwt.decode(answer["id_token"], keys, algorithms=_SIGNATURES)
        rules = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": settings.oidc_issuer},
            aud={"essential": True, "value": settings.oidc_client_id},
            exp={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": pending.nonce},
        )
        rules.validate(token.claims)
        require_fresh(token.claims, settings.oidc_client_id)
    except (OAuthError, httpx2.HTTPError, JoseError, KeyError, ValueError):
        raise HTTPException(403, "the identity provider's answer could not be verified") from None
    return dict(token.claims)


def require_fresh(claims: Mapping[str, Any], client_id: str) -> None:
    """ValueError for a token that was issued long ago, or to another client (OpenID Connect Core 1.0, 3.1.3.7)."""
    issued = float(claims["iat"])
    if not -_LEEWAY_SECONDS <= time.time() - issued <= _PATIENCE_SECONDS + _LEEWAY_SECONDS:
        raise ValueError("issued too long ago, or in the future")
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else client_id) != client_id:
        raise ValueError("issued to another client")


def role_of(claims: Mapping[str, object], settings: DashboardSettings) -> AccountRole | None:
    """The highest role that one of the user's groups has; None without a mapped group."""
    groups = _groups_of(claims, settings)
    for role, mapped in (
        (AccountRole.ADMIN, settings.oidc_admins),
        (AccountRole.OPERATOR, settings.oidc_operators),
        (AccountRole.VIEWER, settings.oidc_viewers),
    ):
        if groups & set(mapped):
            return role
    return None


def sees_patients(claims: Mapping[str, object], settings: DashboardSettings) -> bool:
    """Whether the user may see patients: by one of the groups for that, or because the site names none."""
    return not settings.oidc_patients or bool(_groups_of(claims, settings) & set(settings.oidc_patients))


def _groups_of(claims: Mapping[str, object], settings: DashboardSettings) -> set[str]:
    claim = claims.get(settings.oidc_claim)
    return {claim} if isinstance(claim, str) else set(map(str, claim)) if isinstance(claim, (list, tuple)) else set()


def account_name(claims: Mapping[str, object], settings: DashboardSettings) -> str:
    """The user's name at the provider, with the provider's host; at most 64 printable characters."""
    name = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])
    host = urlsplit(settings.oidc_issuer).hostname or "provider"
    return "".join(each for each in f"{name} ({host})" if each.isprintable())[:64]
