"""Checks on every request before a page sees it (host, origin, size), and security headers on every response."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.settings_sections import DashboardSettings, is_loopback

_LARGEST_BODY = 64 * 1024  # forms only
_PROBES = frozenset({"/healthz", "/readyz"})
UPLOADS = "/dicom-web/studies"  # images: the route limits them, by instance
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self' data: blob:",
        "font-src 'self'",
        "worker-src 'self' blob:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
SECURITY_HEADERS = {
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class _BodyTooLarge(Exception):
    """A request body is larger than the largest that is read."""


class SecurityMiddleware:
    """Refuses foreign hosts (DNS rebinding), foreign origins (forged requests) and large bodies; adds headers."""

    def __init__(self, app: ASGIApp, settings: DashboardSettings) -> None:
        self.app = app
        self.names = _LOOPBACK_NAMES | {each.lower() for each in (settings.host, *settings.names)}
        self.secure = settings.is_secure
        self.behind_proxy = bool(settings.proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self.refusal(scope["method"], Headers(scope=scope)) or self.clear_text(scope)
        answer = PlainTextResponse(refusal, 403) if refusal else self.app
        try:
            limited = receive if scope["path"].startswith(UPLOADS) else _size_limited(receive)
            await answer(scope, limited, self.with_security_headers(scope, send))
        except _BodyTooLarge:
            await PlainTextResponse("the request is too large", 413)(scope, receive, send)

    def refusal(self, method: str, headers: Headers) -> str:
        """Why the request is refused; empty when it is not."""
        host = headers.get("host", "")
        if host_name(host) not in self.names:
            return "unknown host name; add it to dashboard.names in the settings"
        if method in SAFE_METHODS:
            return ""
        origin = headers.get("origin")
        foreign = origin is not None and urlsplit(origin).netloc != host
        if foreign or headers.get("sec-fetch-site", "none") in {"cross-site", "same-site"}:
            return "this request comes from another site"
        return ""

    def clear_text(self, scope: Scope) -> str:
        """Why a request that came past the reverse proxy, over the network and without TLS, is refused."""
        client = scope.get("client")
        open_to_all = scope["path"] in _PROBES or (client is not None and is_loopback(client[0]))
        clear = self.behind_proxy and scope["scheme"] == "http" and not open_to_all
        return "this site is reached over https only, through its reverse proxy" if clear else ""

    def with_security_headers(self, scope: Scope, send: Send) -> Send:
        """A `send` that adds the security headers to every response."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("Cache-Control", "no-store")
                if self.secure:
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        return send_with_headers


_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?")  # RFC 9110 7.2, without user or escapes


def host_name(host: str) -> str:
    """A Host header without its port, in lower case; empty for one that is none."""
    found = _HOST.fullmatch(host)
    return found[1].lower() if found else ""


def _size_limited(receive: Receive) -> Receive:
    """A `receive` that raises _BodyTooLarge instead of reading a body that is too large."""
    seen = 0

    async def receive_limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > _LARGEST_BODY:
            raise _BodyTooLarge
        return message

    return receive_limited
