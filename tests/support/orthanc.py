"""A real Orthanc for tests: a PACS with DICOM, REST and DICOMweb on free loopback ports, gone when the test ends."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ports import free_port

EXECUTABLE = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
DICOMWEB_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
START_SECONDS = 30


def available() -> bool:
    """Whether Orthanc is installed on this machine."""
    return Path(EXECUTABLE).exists()


@dataclass(frozen=True, slots=True)
class Orthanc:
    """A running Orthanc and how to ask it."""

    ae_title: str
    dicom_port: int
    http_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    def get(self, path: str) -> Any:
        """The JSON answer of Orthanc's REST API."""
        with urllib.request.urlopen(self.url + path, timeout=120) as answer:  # noqa: S310
            return json.load(answer)

    def find(self, level: str, query: Mapping[str, str]) -> list[Any]:
        """Resources that match, expanded."""
        body = json.dumps({"Level": level, "Query": dict(query), "Expand": True}).encode()
        request = urllib.request.Request(self.url + "/tools/find", data=body, method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            found: list[Any] = json.load(answer)
            return found

    def know(self, name: str, ae_title: str, port: int) -> None:
        """Add a peer on this machine, e.g. one that storage commitment reports go to."""
        body = json.dumps([ae_title, "127.0.0.1", port]).encode()
        request = urllib.request.Request(f"{self.url}/modalities/{name}", data=body, method="PUT")  # noqa: S310
        urllib.request.urlopen(request, timeout=120).close()  # noqa: S310

    def keep(self, file: bytes) -> str:
        """Store a DICOM file, as a workstation of its hospital would; gives Orthanc's name for it."""
        request = urllib.request.Request(f"{self.url}/instances", data=file, method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            return str(json.load(answer)["ID"])

    def forget(self, instance_id: str) -> None:
        """Delete a stored instance."""
        request = urllib.request.Request(f"{self.url}/instances/{instance_id}", method="DELETE")  # noqa: S310
        urllib.request.urlopen(request, timeout=120).close()  # noqa: S310

    def send(self, instance_id: str, name: str) -> None:
        """Send a stored instance to a peer by C-STORE; raises HTTPError when the peer does not take it."""
        place = f"{self.url}/modalities/{name}/store"
        request = urllib.request.Request(place, data=instance_id.encode(), method="POST")  # noqa: S310
        urllib.request.urlopen(request, timeout=120).close()  # noqa: S310

    def file(self, instance_id: str) -> bytes:
        """The Part 10 bytes of one stored instance."""
        with urllib.request.urlopen(f"{self.url}/instances/{instance_id}/file", timeout=120) as answer:  # noqa: S310
            return bytes(answer.read())


@contextmanager
def running(
    modalities: Mapping[str, tuple[str, str, int]] | None = None, settings: Mapping[str, Any] | None = None
) -> Iterator[Orthanc]:
    """Start Orthanc, wait until it answers, stop it at the end; `modalities`: name -> (AE title, host, port)."""
    server = Orthanc("ORTHANC", free_port(), free_port())
    with tempfile.TemporaryDirectory(prefix="orthanc-") as folder:
        configuration: dict[str, Any] = {
            "Name": "test",
            "StorageDirectory": folder + "/db",
            "IndexDirectory": folder + "/db",
            "DicomAet": server.ae_title,
            "DicomPort": server.dicom_port,
            "HttpPort": server.http_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAlwaysAllowEcho": True,
            "DicomAlwaysAllowStore": True,
            "DicomCheckCalledAet": False,
            "StableAge": 1,
            "DicomModalities": {name: list(peer) for name, peer in (modalities or {}).items()},
            "Plugins": [str(DICOMWEB_PLUGIN)] if DICOMWEB_PLUGIN.exists() else [],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "EnableWado": True, "WadoRoot": "/wado"},
            **(settings or {}),
        }
        Path(folder, "orthanc.json").write_text(json.dumps(configuration))
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen([EXECUTABLE, folder + "/orthanc.json"], stdout=log, stderr=log)
        try:
            wait_until_it_answers(server, process, Path(folder, "log"))
            yield server
        finally:
            process.terminate()
            process.wait(240)


def wait_until_it_answers(server: Orthanc, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the REST API answers; raise with the end of the log when it never does."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.get("/system")
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"Orthanc did not start:\n{log.read_text()[-2000:]}")
