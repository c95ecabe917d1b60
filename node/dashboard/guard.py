"""What holds for every request before a page sees it, and for every answer after: host, origin, size, headers."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.settings_sections import DashboardSettings

LARGEST_BODY = 64 * 1024  # forms only: nothing is ever uploaded here
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
POLICY = "; ".join(
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
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class TooLarge(Exception):
    """The body goes on beyond the largest that is read."""


class Guard:
    """Refuses foreign hosts (DNS rebinding), foreign origins (forged requests) and large bodies; hardens answers."""

    def __init__(self, app: ASGIApp, settings: DashboardSettings) -> None:
        self.app = app
        self.names = LOOPBACK_NAMES | {settings.host, *settings.names}
        self.secure = settings.is_secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self.refusal(scope["method"], Headers(scope=scope))
        answer = PlainTextResponse(refusal, 403) if refusal else self.app
        try:
            await answer(scope, limited(receive), self.hardened(scope, send))
        except TooLarge:
            await PlainTextResponse("the request is too large", 413)(scope, receive, send)

    def refusal(self, method: str, headers: Headers) -> str:
        """Why the request goes no further; empty when it may."""
        host = headers.get("host", "")
        if name_of(host) not in self.names:
            return "this name is not one of ours; add it to dashboard.names in the settings"
        if method in SAFE_METHODS:
            return ""
        origin = headers.get("origin")
        foreign = origin is not None and urlsplit(origin).netloc != host
        if foreign or headers.get("sec-fetch-site", "none") in {"cross-site", "same-site"}:
            return "this request comes from another site"
        return ""

    def hardened(self, scope: Scope, send: Send) -> Send:
        """The same `send`, with our headers on every answer."""

        async def send_hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("Cache-Control", "no-store")
                if self.secure:
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        return send_hardened


def name_of(host: str) -> str:
    """A Host header without its port."""
    return host if host.endswith("]") or ":" not in host else host.rpartition(":")[0]


def limited(receive: Receive) -> Receive:
    """The same `receive`, which stops reading a body that is too large."""
    seen = 0

    async def receive_limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > LARGEST_BODY:
            raise TooLarge
        return message

    return receive_limited
