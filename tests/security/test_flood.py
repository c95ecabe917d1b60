"""A thousand idle connections and all the associations that one host gets: a real node answers and receives as before.

Findings H5 and H6 of the review of 2026-11-29, on a whole node with all its processes.
"""

from __future__ import annotations

import http.client
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from dicom_io.network.remote import RemoteAE
from dicom_io.network.scu import send
from dicom_io.network.upper_layer import PduType
from live_node import instance, new_study
from ports import free_port
from raw_peer import association_request
from running_node import RunningNode, running

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
ATTACKER = "127.0.0.67"
CONNECTIONS, ASSOCIATIONS, IMAGES = 1000, 64, 60
PROBES = ("--alive", "--ready")


def probe_seconds(node: RunningNode, option: str) -> float:
    """How long `mome-node check` takes as a container's probe; it must find nothing wrong."""
    began = time.monotonic()
    command = [str(Path(sys.executable).parent / "mome-node"), "check", option, "--config", str(node.config)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return time.monotonic() - began


def stored_a_second(node: RunningNode, folder: Path) -> float:
    """Images a second that an honest scanner gets rid of, on one association."""
    folder.mkdir()
    study, paths = new_study(), []
    for number in range(IMAGES):
        image = instance(study)
        image.Rows = image.Columns = 512
        image.BitsAllocated = image.BitsStored = 16
        image.HighBit, image.SamplesPerPixel, image.PixelRepresentation = 15, 1, 0
        image.PhotometricInterpretation, image.PixelData = "MONOCHROME2", bytes(2 * 512 * 512)
        paths.append(folder / f"{number}.dcm")
        image.save_as(paths[-1], enforce_file_format=True)
    began = time.monotonic()
    answers = list(send("MRI1", RemoteAE("node", "MOMENODE", "127.0.0.1", node.port), paths))
    assert len(answers) == IMAGES and all(each.kept for each in answers)
    return IMAGES / (time.monotonic() - began)


def quickest(node: RunningNode, option: str) -> float:
    return min(probe_seconds(node, option) for _ in range(3))


@contextmanager
def flooded(node: RunningNode) -> Iterator[list[socket.socket]]:
    """Idle connections to the web port, half of them with half a request, and associations under several names."""
    web = node.settings.dashboard.port
    held = []
    for number in range(CONNECTIONS):
        held.append(socket.create_connection(("127.0.0.1", web), timeout=30, source_address=(ATTACKER, 0)))
        if number % 2:
            with suppress(OSError):  # it may be closed already
                held[-1].sendall(b"GET / HTTP/1.1\r\nHost: ")
    accepted = []
    for number in range(ASSOCIATIONS):
        held.append(socket.create_connection(("127.0.0.1", node.port), timeout=30, source_address=(ATTACKER, 0)))
        held[-1].sendall(association_request(calling=b"EVIL%d" % (number % 3)))
        if held[-1].recv(4096)[0] == PduType.ASSOCIATE_AC:
            accepted.append(held[-1])
    try:
        yield accepted
    finally:
        for each in held:
            each.close()


def page_seconds(node: RunningNode) -> float:
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", node.settings.dashboard.port, timeout=30)
    connection.request("GET", "/healthz", headers={"Host": "127.0.0.1"})
    assert connection.getresponse().status == 200
    connection.close()
    return time.monotonic() - began


def test_a_flood_from_one_host_delays_no_probe_and_halves_no_reception(tmp_path: Path) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
    dashboard = {"enabled": True, "port": free_port()}
    with running(tmp_path / "node", dashboard=dashboard, quiet_seconds=3600.0) as node:
        node.wait_for(lambda: _is_ready(node), "every process", 300)
        calm = {each: quickest(node, each) for each in PROBES}
        before = max(stored_a_second(node, tmp_path / f"before-{n}") for n in range(3))
        with flooded(node) as accepted:
            assert len(accepted) == node.settings.dicom.associations_per_address
            during = max(stored_a_second(node, tmp_path / f"during-{n}") for n in range(3))
            probes = {each: quickest(node, each) for each in PROBES}
            page = page_seconds(node)
    shown = {each: f"{calm[each]:.2f} and {probes[each]:.2f} s" for each in PROBES}
    print(f"{before:.0f} images a second, {during:.0f} in the flood; probes {shown}, a page {page:.3f} s")
    assert during >= before / 2
    for each, seconds in probes.items():  # a machine on which a program needs a second to start proves nothing by it
        assert seconds < max(1.0, 2 * calm[each])
    assert page < 1.0


def _is_ready(node: RunningNode) -> bool:
    command = [str(Path(sys.executable).parent / "mome-node"), "check", "--ready", "--config", str(node.config)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
