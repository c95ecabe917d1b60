"""A FHIR server by the rules of transactions and conditional updates, and an OAuth2 server, over real HTTP.

Resources are judged by models that no one here wrote: fhirclient for R4, fhir.resources for R5.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote

from fhir.resources import get_fhir_model_class
from fhirclient.models import bundle as r4_bundle

from alert_receivers import listening

CLIENT, SECRET = "mome-node", "s3cret"


def judged(release: str, bundle: dict[str, Any]) -> dict[str, Any]:
    """The bundle, after the models of its release have taken it in; they raise for what is invalid."""
    if release == "R4":
        return r4_bundle.Bundle(bundle, strict=True).as_json()
    return json.loads(get_fhir_model_class("Bundle").model_validate(bundle).model_dump_json())


@dataclass
class FhirStore:
    """What the server holds, and how it behaves.

    Parameters
    ----------
    failure
        HTTP status to answer instead of taking a transaction; 0: none. `issue`: its OperationOutcome's code.
    token_seconds
        How long a token is good; None: no login is wanted.
    """

    release: str = "R4"
    patients: tuple[str, ...] = ()
    token_seconds: float | None = None
    failure: int = 0
    issue: str = "invalid"
    resources: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    versions: dict[tuple[str, str], int] = field(default_factory=dict)
    tokens: dict[str, float] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    transactions: int = 0
    url: str = ""
    die_after_commit: bool = False

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [each for (held, _), each in self.resources.items() if held == kind]

    def transact(self, bundle: dict[str, Any]) -> dict[str, Any]:
        """Carry out a transaction whole or not at all."""
        judged(self.release, bundle)
        assert bundle["type"] == "transaction"
        changed, answers = {}, []
        for entry in bundle["entry"]:
            method, url = entry["request"]["method"], unquote(entry["request"]["url"])
            kind, _, query = url.partition("?identifier=")
            system, _, value = query.partition("|")
            assert method == "PUT"
            assert {"system": system, "value": value} in entry["resource"]["identifier"]
            subject = entry["resource"]["subject"]
            if "reference" in subject and unquote(subject["reference"].partition("=")[2]) not in self.patients:
                raise LookupError("no Patient")
            new = (kind, value) not in self.resources
            changed[kind, value] = entry["resource"]
            answers.append({"response": {"status": "201 Created" if new else "200 OK"}})
        for key, resource in changed.items():
            self.resources[key] = resource
            self.versions[key] = self.versions.get(key, 0) + 1
        self.transactions += 1
        return {"resourceType": "Bundle", "type": "transaction-response", "entry": answers}

    @contextmanager
    def running(self, port: int = 0) -> Iterator[FhirStore]:
        server = ThreadingHTTPServer(("127.0.0.1", port), type("Service", (_Service,), {"store": self}))
        self.url = f"http://127.0.0.1:{server.server_port}"
        with listening(server):
            yield self


class _Service(BaseHTTPRequestHandler):
    store: FhirStore

    def answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def outcome(self, status: int, code: str) -> None:
        words = "patient Müller^Anna is not known"
        issue = {"severity": "error", "code": code, "diagnostics": words}
        self.answer(status, {"resourceType": "OperationOutcome", "issue": [issue]})

    def is_authorized(self) -> bool:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        return self.store.token_seconds is None or self.store.tokens.get(token, 0.0) > time.monotonic()

    def do_GET(self) -> None:
        self.store.asked.append(self.path)
        version = {"R4": "4.0.1", "R5": "5.0.0"}[self.store.release]
        self.answer(200, {"resourceType": "CapabilityStatement", "fhirVersion": version})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.store.asked.append(self.path)
        if self.path == "/token":
            self.give_token(body)
        elif not self.is_authorized():
            self.outcome(401, "login")
        elif self.store.failure:
            self.outcome(self.store.failure, self.store.issue)
        else:
            self.transact(json.loads(body))

    def transact(self, bundle: dict[str, Any]) -> None:
        try:
            answer = self.store.transact(bundle)
        except LookupError:
            self.outcome(412, "not-found")
            return
        if self.store.die_after_commit:
            self.close_connection = True
            return
        self.answer(200, answer)

    def give_token(self, body: bytes) -> None:
        login = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
        form = parse_qs(body.decode())
        if login != f"{CLIENT}:{SECRET}" or form["grant_type"] != ["client_credentials"]:
            self.answer(401, {"error": "invalid_client"})
            return
        token = secrets.token_hex()
        self.store.tokens[token] = time.monotonic() + (self.store.token_seconds or 0.0)
        self.answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    def log_message(self, *words: object) -> None:
        return
