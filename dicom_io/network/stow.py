"""STOW-RS: result objects over HTTP, for archives that take DICOMweb (PS3.18 10.5); and whether one answers."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from dicom_io.errors import PeerFault, PeerUnreachable
from dicom_io.network.dimse import OUT_OF_RESOURCES, PROCESSING_FAILURE
from dicom_io.network.scu import StoreResponse, syntax_of

REFERENCED, FAILED, REASON = "00081199", "00081198", "00081197"
_WARNING, _OTHER_FAILURES = "00081196", "0008119A"
_LARGEST_STATUS = 0xFFFF
_STORE_RESULT = (200, 202, 409)  # all, some, or none of the instances were stored: see the body (PS3.18 10.5.3)


_UNAUTHORIZED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED)
_NO_STOW = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE, HTTPStatus.NOT_IMPLEMENTED)


@dataclass(frozen=True, slots=True)
class WebService:
    """A DICOMweb service that takes instances by STOW-RS.

    Parameters
    ----------
    name
        By which settings and messages refer to it.
    url
        Base URL of the service, e.g. https://pacs/dicom-web.
    token
        Bearer token of the Authorization header; empty: none.
    authorities
        PEM file of the certificate authorities to trust; empty: those of the system.
    """

    name: str
    url: str
    token: str = ""
    authorities: str = ""

    @property
    def studies(self) -> str:
        """Where instances are posted to."""
        return f"{self.url.rstrip('/')}/studies"

    def client(self, seconds: float) -> httpx2.Client:
        """A client that trusts and shows what is configured; raises PeerUnreachable for an unusable file."""
        headers = {"Accept": "application/dicom+json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            verify = ssl.create_default_context(cafile=self.authorities) if self.authorities else True
        except OSError as error:  # ssl.SSLError is one
            words = f"{self.name}: {self.authorities}: {error.strerror or 'not a certificate'}"
            raise PeerUnreachable(words, PeerFault.TLS_FILES) from None
        return httpx2.Client(timeout=seconds, verify=verify, headers=headers)


def store_over_web(service: WebService, paths: Sequence[Path], *, seconds: float = 60.0) -> Iterator[StoreResponse]:
    """POST each file to the studies of a DICOMweb service; gives each response as it comes, with DIMSE's statuses.

    Raises PeerUnreachable when nobody answers, or not as STOW-RS.
    """
    with service.client(seconds) as client:
        for path in paths:
            sop_class, sop_instance, _ = syntax_of(path)
            status, comment = _store_one(client, service, path.read_bytes())
            yield StoreResponse(sop_class, sop_instance, status, comment)


def probe_web(service: WebService, *, seconds: float = 15.0) -> float:
    """POST no instance at all; returns the seconds until the service had answered. Raises PeerUnreachable.

    A service that takes STOW-RS answers that it stored nothing, or that the request holds nothing: either will do.
    """
    started = time.monotonic()
    with service.client(seconds) as client:
        status = _post(client, service, b"").status_code
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise PeerUnreachable(f"{service.name}: {service.studies} answers with HTTP {status}", PeerFault.WEB_FAILED)
    return time.monotonic() - started


@dataclass(frozen=True, slots=True)
class InstanceOutcome:
    """What became of one instance of a store request: stored (status 0), or the reason why not; empty UIDs: unknown."""

    sop_class_uid: str
    sop_instance_uid: str
    status: int


def store_result(outcomes: Sequence[InstanceOutcome]) -> tuple[int, dict[str, Any]]:
    """HTTP status and DICOM JSON of the response to a store request (PS3.18 10.5.3 and table 10.5.3-1)."""
    stored = [_referenced(each) for each in outcomes if each.status == 0]
    failed = [each for each in outcomes if each.status != 0]
    sequences = {
        REFERENCED: stored,
        FAILED: [_referenced(each) | _reason(each) for each in failed if each.sop_instance_uid],
        _OTHER_FAILURES: [_reason(each) for each in failed if not each.sop_instance_uid],
    }
    content = {tag: {"vr": "SQ", "Value": items} for tag, items in sequences.items() if items}
    if failed and not stored and all(each.status == OUT_OF_RESOURCES for each in failed):
        return 503, content
    return (202 if failed else 200) if stored else 409, content


def _referenced(outcome: InstanceOutcome) -> dict[str, Any]:
    """The item that names an instance."""
    return {
        "00081150": {"vr": "UI", "Value": [outcome.sop_class_uid]},
        "00081155": {"vr": "UI", "Value": [outcome.sop_instance_uid]},
    }


def _reason(outcome: InstanceOutcome) -> dict[str, Any]:
    return {REASON: {"vr": "US", "Value": [outcome.status]}}


def _store_one(client: httpx2.Client, service: WebService, instance: bytes) -> tuple[int, str]:
    """(status, comment) of one instance."""
    response = _post(client, service, instance)
    if response.status_code not in _STORE_RESULT:
        words = f"{service.name}: {service.studies} answers with HTTP {response.status_code}"
        raise PeerUnreachable(words, PeerFault.WEB_FAILED)
    try:
        result = response.json()
    except (ValueError, RecursionError):
        words = f"{service.name}: the answer of {service.studies} is not STOW-RS"
        raise PeerUnreachable(words, PeerFault.WEB_NOT_FOUND) from None
    if failed := _values(result, FAILED):
        return _status_of(failed[0], REASON) or PROCESSING_FAILURE, f"refused with HTTP {response.status_code}"
    stored = _values(result, REFERENCED)
    if not stored or not isinstance(stored[0], dict):
        return PROCESSING_FAILURE, "the answer names no stored instance"
    return _status_of(stored[0], _WARNING), ""


def _post(client: httpx2.Client, service: WebService, instance: bytes) -> httpx2.Response:
    """POST one instance (or none); raises PeerUnreachable when there is no answer, or no STOW-RS behind the URL."""
    boundary = uuid4().hex
    part = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode() + instance + b"\r\n" if instance else b""
    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
    try:
        response = client.post(
            service.studies, content=part + f"--{boundary}--\r\n".encode(), headers={"Content-Type": kind}
        )
    except httpx2.HTTPError as error:
        raise PeerUnreachable(f"{service.name}: {service.studies}: {_cause_of(error)}", _fault_of(error)) from error
    if response.status_code in _UNAUTHORIZED:
        words = f"{service.name}: {service.studies} does not let us in (HTTP {response.status_code})"
        raise PeerUnreachable(words, PeerFault.WEB_UNAUTHORIZED)
    if response.status_code in _NO_STOW:
        words = f"{service.name}: no STOW-RS at {service.studies} (HTTP {response.status_code})"
        raise PeerUnreachable(words, PeerFault.WEB_NOT_FOUND)
    return response


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came from."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _fault_of(error: httpx2.HTTPError) -> PeerFault:
    """What kept an answer from us."""
    if isinstance(error, httpx2.TimeoutException):
        return PeerFault.HOST_SILENT if isinstance(error, httpx2.ConnectTimeout) else PeerFault.NO_ANSWER
    kinds = {
        ssl.SSLCertVerificationError: PeerFault.TLS_UNTRUSTED,
        ssl.SSLError: PeerFault.TLS_FAILED,
        socket.gaierror: PeerFault.HOST_UNKNOWN,
        ConnectionRefusedError: PeerFault.PORT_CLOSED,
    }
    for cause in _causes(error):
        for kind, fault in kinds.items():
            if isinstance(cause, kind):
                return fault
    return PeerFault.HOST_SILENT if isinstance(error, httpx2.ConnectError) else PeerFault.ENDED


def _cause_of(error: httpx2.HTTPError) -> str:
    """Why there is no answer, in words."""
    words = {
        PeerFault.HOST_SILENT: "no connection",
        PeerFault.NO_ANSWER: "no answer in time",
        PeerFault.TLS_UNTRUSTED: "its certificate is none that we trust",
        PeerFault.TLS_FAILED: "it speaks no TLS, or does not trust us",
        PeerFault.HOST_UNKNOWN: "no host of that name is known",
        PeerFault.PORT_CLOSED: "nothing listens on that port",
    }
    return words.get(_fault_of(error), "the connection broke")


def _values(content: object, tag: str) -> list[Any]:
    """The values of an element in DICOM JSON; none where there is no such element, or something else in its place."""
    element = content.get(tag) if isinstance(content, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _status_of(item: object, tag: str) -> int:
    """A status in an item of DICOM JSON; 0 where it has none, or something else in its place."""
    try:
        status = int(_values(item, tag)[0])
    except (IndexError, TypeError, ValueError, OverflowError):
        return 0
    return status if 0 <= status <= _LARGEST_STATUS else 0
