"""REST to a FHIR server: one transaction for each result, with an OAuth2 token (client credentials) if it wants one."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx2

from node.errors import SettingsError
from node.integration_settings import FhirServer
from node.integrations.connection import tls_context
from node.integrations.errors import ReceiverRefused, ReceiverUnreachable

_FHIR_JSON = "application/fhir+json"
_SPARE_SECONDS = 30.0  # a token is renewed this long before it ends
_USUAL_LIFE_SECONDS = 300.0  # of a token whose server does not say
_PASSING = frozenset(
    (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
)
_ISSUES = frozenset(  # value set issue-type; other words of a server are not repeated
    """invalid structure required value invariant security login unknown expired forbidden suppressed processing
    not-supported duplicate multiple-matches not-found deleted too-long code-invalid extension too-costly business-rule
    conflict transient lock-error no-store exception timeout incomplete throttled informational""".split()  # noqa: SIM905
)


@dataclass(slots=True)
class FhirClient:
    """Speaks to one server; keeps its token while it is good."""

    server: FhirServer
    token: str = ""
    token_until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def transact(self, bundle: str) -> str:
        """Send a transaction; what was answered, in a few words.

        Raises ReceiverUnreachable when it may be taken later, ReceiverRefused when it is refused as it is.
        """
        with self._session() as session:
            response = self._authorized(session, bundle)
        status = response.status_code
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING:
            raise ReceiverUnreachable(f"{self.server.name}: answered HTTP {status}{_issues(response)}")
        if status != HTTPStatus.OK:
            raise ReceiverRefused(f"{self.server.name}: answered HTTP {status}{_issues(response)}", lasting=True)
        statuses = list(_entry_statuses(response))
        if not statuses or any(not each.startswith("2") for each in statuses):
            raise ReceiverRefused(f"{self.server.name}: did not carry out the transaction", lasting=True)
        return f"HTTP 200, {len(statuses)} resources"

    def probe(self) -> str:
        """Ask for its capabilities, with our token; raises ReceiverUnreachable."""
        with self._session() as session:
            response = self._request(
                session, "GET", f"{self.server.url}/metadata", headers=self._authorization(session)
            )
            version = _member(response, "fhirVersion")
        if response.status_code != HTTPStatus.OK or _member(response, "resourceType") != "CapabilityStatement":
            raise ReceiverUnreachable(f"{self.server.name}: answered HTTP {response.status_code}, no capabilities")
        if not version.startswith({"R4": "4.", "R5": "5."}[self.server.release]):
            words = "".join(each for each in version if each in "0123456789.")[:10]
            raise ReceiverUnreachable(
                f"{self.server.name}: speaks FHIR {words}, the settings say {self.server.release}"
            )
        return f"answers as FHIR {self.server.release}"

    def _authorized(self, session: httpx2.Client, bundle: str) -> httpx2.Response:
        """POST the bundle; once more with a new token when the server does not know ours any more."""
        for last in (False, True):
            headers = {"Content-Type": _FHIR_JSON, "Prefer": "return=minimal", **self._authorization(session)}
            response = self._request(session, "POST", self.server.url, content=bundle.encode(), headers=headers)
            if last or response.status_code != HTTPStatus.UNAUTHORIZED or not self.server.token_url:
                break
            self.token = ""
        return response

    def _authorization(self, session: httpx2.Client) -> dict[str, str]:
        """The header with a token that is still good; none for a server without login."""
        if not self.server.token_url:
            return {}
        with self.lock:
            if not self.token or time.monotonic() > self.token_until:
                self._renew(session)
            return {"Authorization": f"Bearer {self.token}"}

    def _renew(self, session: httpx2.Client) -> None:
        """Ask for a token (RFC 6749 4.4); raises ReceiverUnreachable."""
        form = {"grant_type": "client_credentials"} | ({"scope": self.server.scope} if self.server.scope else {})
        try:
            login = httpx2.BasicAuth(self.server.client_id, self.server.client_secret)
        except SettingsError as error:
            raise ReceiverUnreachable(f"{self.server.name}: {error}") from None
        response = self._request(session, "POST", self.server.token_url, data=form, auth=login)
        token = _member(response, "access_token")
        if response.status_code != HTTPStatus.OK or not token:
            raise ReceiverUnreachable(f"{self.server.name}: its token endpoint answered HTTP {response.status_code}")
        lives = _member(response, "expires_in")
        seconds = float(lives) if lives.isdecimal() else _USUAL_LIFE_SECONDS
        self.token, self.token_until = token, time.monotonic() + max(1.0, seconds - _SPARE_SECONDS)

    def _session(self) -> httpx2.Client:
        headers = {"Accept": _FHIR_JSON}
        return httpx2.Client(timeout=self.server.answer_seconds, verify=tls_context(self.server), headers=headers)

    def _request(self, session: httpx2.Client, method: str, url: str, **more: object) -> httpx2.Response:
        """One request; raises ReceiverUnreachable when there is no answer."""
        try:
            return session.request(method, url, **more)  # type: ignore[arg-type]
        except httpx2.HTTPError as error:
            kind = type(error).__name__
            raise ReceiverUnreachable(f"{self.server.name}: no answer of HTTP ({kind})") from None


def _content(response: httpx2.Response) -> dict[str, object]:
    """The JSON object of an answer; an empty one for anything else."""
    try:
        content = json.loads(response.content)
    except (ValueError, RecursionError):  # nested without end
        return {}
    return content if isinstance(content, dict) else {}


def _member(response: httpx2.Response, name: str) -> str:
    value = _content(response).get(name, "")
    return str(value) if isinstance(value, str | int) else ""


def _items(content: object, name: str) -> Iterator[dict[str, object]]:
    """The objects in a list."""
    listed = content.get(name) if isinstance(content, dict) else None
    yield from (each for each in (listed if isinstance(listed, list) else ()) if isinstance(each, dict))


def _entry_statuses(response: httpx2.Response) -> Iterator[str]:
    """The status of each entry of a transaction response."""
    for entry in _items(_content(response), "entry"):
        answer = entry.get("response")
        yield str(answer.get("status", "")) if isinstance(answer, dict) else ""


def _issues(response: httpx2.Response) -> str:
    """The issue types of an OperationOutcome; its diagnostics may name a patient."""
    found = [str(each.get("code", "")) for each in _items(_content(response), "issue")]
    known = [each for each in dict.fromkeys(found) if each in _ISSUES]
    return f" ({', '.join(known)})" if known else ""
