"""A node's web port with STOW-RS in this process, and what programs send to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO

import requests
import uvicorn
from dicomweb_client import DICOMwebClient
from pydicom.dataset import Dataset

from node.dashboard.app import build_app
from node.dashboard.site import Site
from node.service.web_reception import web_reception
from node.settings import Settings
from node.storage.accounts import AccountRole
from ports import free_port


@contextmanager
def web_port(settings: Settings) -> Iterator[str]:
    """The URL of the DICOMweb service while it is served."""
    port = free_port()
    app = build_app(Site.open(settings), web_reception(settings))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}/dicom-web"
    finally:
        server.should_exit = True
        thread.join(30)


def key_of(settings: Settings, role: AccountRole = AccountRole.SENDER, name: str = "gateway") -> str:
    """An API key of this role."""
    return Site.open(settings).access.new_key(name, role, time.time())


def dicomweb(url: str, key: str) -> DICOMwebClient:
    """A client that no one here wrote."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {key}"
    return DICOMwebClient(url, session=session)


def multipart(parts: Sequence[bytes], boundary: str = "b0undary") -> tuple[bytes, dict[str, str]]:
    """Body and headers of a store request."""
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = b"".join(head + each + b"\r\n" for each in parts)
    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
    return body + b"--%s--\r\n" % boundary.encode(), {"Content-Type": kind}


def part10(image: Dataset) -> bytes:
    """The image as a file."""
    content = BytesIO()
    image.save_as(content, enforce_file_format=True)
    return content.getvalue()
