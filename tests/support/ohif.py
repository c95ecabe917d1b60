"""The OHIF viewer in a real browser, in front of a real Orthanc: what a radiologist without a special viewer sees.

OHIF is served from one loopback port together with Orthanc's DICOMweb (same origin, so no CORS), as
spec/outputs.md section 4 found necessary. Nothing here is part of the product.
"""

from __future__ import annotations

import http.client
import json
import mimetypes
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from places import ROOT
from ports import serving

OHIF = "@ohif/app@3.13.2"
CACHE = ROOT / ".cache" / "ohif"
PLAYWRIGHT = "playwright-core@1.65.1"
MODULES = ROOT / ".cache" / "playwright"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
CHROMIUM_ARGUMENTS = [
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
CONFIGURATION = {
    "routerBasename": None,
    "extensions": [],
    "modes": [],
    "showStudyList": True,
    "maxNumberOfWebWorkers": 2,
    "showLoadingIndicator": True,
    "investigationalUseDialog": {"option": "never"},
    "defaultDataSourceName": "dicomweb",
    "dataSources": [
        {
            "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
            "sourceName": "dicomweb",
            "configuration": {
                "friendlyName": "Orthanc",
                "name": "orthanc",
                "wadoUriRoot": "/wado",
                "qidoRoot": "/dicom-web",
                "wadoRoot": "/dicom-web",
                "imageRendering": "wadors",
                "thumbnailRendering": "wadors",
                "supportsFuzzyMatching": False,
                "supportsWildcard": True,
                "omitQuotationForMultipartRequest": True,
                "bulkDataURI": {"enabled": True},
            },
        }
    ],
}


def available() -> bool:
    """Whether browser and npm are here (OHIF itself comes from npm on first use)."""
    return Path(CHROMIUM).exists() and shutil.which("npm") is not None


def distribution() -> Path:
    """Folder of the prebuilt viewer, fetched from npm once."""
    dist = CACHE / "package" / "dist"
    if not dist.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        name = subprocess.run(
            ["npm", "pack", "--silent", OHIF], cwd=CACHE, check=True, capture_output=True, text=True
        ).stdout.split()[-1]
        with tarfile.open(CACHE / name) as archive:
            archive.extractall(CACHE, filter="data")
    return dist


def playwright() -> Path:
    """Folder of the driver of the browser, fetched from npm once."""
    if not (MODULES / "node_modules" / "playwright-core").exists():
        MODULES.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--silent", "--no-save", "--prefix", str(MODULES), PLAYWRIGHT]
        subprocess.run(install, check=True, capture_output=True)
    return MODULES


@contextmanager
def viewer(orthanc_port: int, further: str = "") -> Iterator[str]:
    """Serve OHIF and, under the same origin, Orthanc's DICOMweb; gives the base URL.

    Parameters
    ----------
    further
        JavaScript after the viewer's configuration.
    """
    dist = distribution()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path.startswith(("/dicom-web", "/wado")):
                self.forward()
            elif path == "/app-config.js":
                self.answer(f"window.config = {json.dumps(CONFIGURATION)};{further}".encode(), "text/javascript")
            else:
                self.answer_file(dist / path.lstrip("/"))

        do_POST = do_GET  # noqa: N815 - the base class's name

        def answer_file(self, file: Path) -> None:
            inside = file.resolve().is_relative_to(dist.resolve())
            page = file if inside and file.is_file() else dist / "index.html"
            self.answer(page.read_bytes(), mimetypes.guess_type(page.name)[0] or "application/octet-stream")

        def forward(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            connection = http.client.HTTPConnection("127.0.0.1", orthanc_port, timeout=60)
            dropped = {"connection", "accept-encoding"}  # `answer` passes no Content-Encoding on
            headers = {key: value for key, value in self.headers.items() if key.lower() not in dropped}
            connection.request(self.command, self.path, self.rfile.read(length) or None, headers)
            reply = connection.getresponse()
            self.answer(reply.read(), reply.getheader("Content-Type") or "", reply.status)
            connection.close()

        def answer(self, body: bytes, content_type: str, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Silent: the browser asks for hundreds of files."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}"
