"""STOW-RS: result objects over HTTP, for archives that take DICOMweb (PS3.18 10.5)."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from dicom_io.errors import PeerUnreachable
from dicom_io.network.scu import StoreResponse, syntax_of

REFERENCED, FAILED, REASON = "00081199", "00081198", "00081197"
_WARNING = "00081196"
_PROCESSING_FAILURE = 0x0110
_STORE_RESULT = (200, 202, 409)  # all, some, or none of the instances were stored: see the body (PS3.18 10.5.3)


def store_over_web(
    name: str, url: str, paths: Sequence[Path], *, token: str = "", authorities: str = "", seconds: float = 60.0
) -> Iterator[StoreResponse]:
    """POST each file to the studies of a DICOMweb service; gives each response as it comes, with DIMSE's statuses.

    Parameters
    ----------
    url
        Base URL of the service, e.g. https://pacs/dicom-web.
    token
        Bearer token of the Authorization header.
    authorities
        PEM file of the certificate authorities to trust; empty: those of the system.

    Raises PeerUnreachable when nobody answers, or not as STOW-RS.
    """
    headers = {"Accept": "application/dicom+json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    verify = ssl.create_default_context(cafile=authorities) if authorities else True
    with httpx2.Client(timeout=seconds, verify=verify, headers=headers) as client:
        for path in paths:
            sop_class, sop_instance, _ = syntax_of(path)
            status, comment = _store_one(client, name, f"{url.rstrip('/')}/studies", path.read_bytes())
            yield StoreResponse(sop_class, sop_instance, status, comment)


def _store_one(client: httpx2.Client, name: str, url: str, instance: bytes) -> tuple[int, str]:
    """(status, comment) of one instance."""
    boundary = uuid4().hex
    head, tail = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n", f"\r\n--{boundary}--\r\n"
    body = head.encode() + instance + tail.encode()
    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
    try:
        response = client.post(url, content=body, headers={"Content-Type": kind})
        result: dict[str, Any] = response.json() if response.status_code in _STORE_RESULT else {}
    except (httpx2.HTTPError, ValueError) as error:
        raise PeerUnreachable(f"{name}: no answer of STOW-RS ({type(error).__name__})") from error
    if response.status_code not in _STORE_RESULT:
        raise PeerUnreachable(f"{name}: STOW-RS was answered with HTTP {response.status_code}")
    if reason := _number_in(result, FAILED, REASON):
        return reason, f"refused with HTTP {response.status_code}"
    if not result.get(REFERENCED, {}).get("Value"):
        return _PROCESSING_FAILURE, "the answer names no stored instance"
    return _number_in(result, REFERENCED, _WARNING) or 0, ""


def _number_in(result: dict[str, Any], sequence: str, element: str) -> int | None:
    """A number in the first item of a sequence of DICOM JSON; PROCESSING_FAILURE for a failure without its reason."""
    items = result.get(sequence, {}).get("Value", [])
    if not items:
        return None
    values = items[0].get(element, {}).get("Value", [])
    return int(values[0]) if values else (_PROCESSING_FAILURE if sequence == FAILED else None)
