"""The sample settings of install.md with a real Orthanc, and wrong ones: each ends in a sentence with the remedy.

The sentence stands on the study's page, on the page Queues, in `studies show`, `queue list` and `doctor`.
"""

from __future__ import annotations

import html
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import pytest

import orthanc
import storescp
from hostile_site import PASSWORD, client_of
from live_node import LiveNode, instance, live_node, new_study, wait_for
from node.cli.main import main
from node.dashboard.site import Site
from node.jobs import JobKind
from node.settings_sections import Destination
from node.storage.accounts import AccountRole
from node.storage.records import JobRecord
from running_node import dcmtk_available

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not orthanc.available(), reason="Orthanc is not installed"),
]
SCANNER_ADDRESS = "127.0.0.2"


@dataclass(frozen=True)
class WrongSetting:
    """What is wrong on one side or the other, and how it is named.

    Parameters
    ----------
    destination, dicom
        Changes of our settings: of [[destinations]], of [dicom].
    pacs
        Settings of Orthanc; or the name of a storescp instead of it.
    cause, remedy
        Words of the sentence.
    line
        Of the doctor.
    """

    cause: str
    remedy: str
    line: str
    destination: dict[str, object] = field(default_factory=dict)
    dicom: dict[str, object] = field(default_factory=dict)
    pacs: dict[str, object] | str = field(default_factory=dict)


NO_STRANGERS = dict.fromkeys((f"DicomAlwaysAllow{each}" for each in ("Echo", "Store", "Find", "Get", "Move")), False)
WRONG = {
    "their AE title": WrongSetting(
        "AE title",
        'pacs goes by another name than ae_title = "WRONG" of [[destinations]] "pacs"',
        "pacs: echo",
        destination={"ae_title": "WRONG"},
        pacs={"DicomCheckCalledAet": True},
    ),
    "our AE title": WrongSetting(
        "pacs does not know us",
        "its administrator must add AE title OTHERNODE",
        "pacs: echo",
        dicom={"ae_title": "OTHERNODE"},
        pacs=NO_STRANGERS,
    ),
    "port": WrongSetting("port 1", 'port = 1 of [[destinations]] "pacs"', "pacs: port", destination={"port": 1}),
    "host": WrongSetting(
        "no host of that name is known", 'host = "pacs.invalid"', "pacs: port", destination={"host": "pacs.invalid"}
    ),
    "TLS": WrongSetting(
        "TLS",
        'does pacs speak TLS on that port (if not: tls = false in [[destinations]] "pacs")',
        "pacs: echo",
        destination={"tls": True},
    ),
    "networks": WrongSetting(
        "pacs", "add 127.0.0.1 to dicom.networks", "pacs: return", dicom={"networks": (SCANNER_ADDRESS,)}
    ),
    "commitment not offered": WrongSetting(
        "does not offer storage commitment",
        'set commitment = false in [[destinations]] "pacs"',
        "pacs: return",
        destination={"ae_title": "PACS"},
        pacs="storescp",
    ),
    "class refused": WrongSetting(
        "SOP class not supported",
        'kinds of [[destinations]] "pacs" must not name them',
        "pacs: deliveries",
        destination={"ae_title": "PACS"},
        pacs="storescp of MR images",
    ),
    "disk full at the PACS": WrongSetting(
        "A700: out of resources",
        "pacs has no room or no other resource left",
        "pacs: deliveries",
        destination={"ae_title": "PACS"},
        pacs="storescp with a full disk",
    ),
    "PACS down": WrongSetting("nothing listens", "is pacs running?", "pacs: port", pacs="stopped"),
}


@contextmanager
def pacs_of(wrong: WrongSetting, folder: Path) -> Iterator[tuple[int, orthanc.Orthanc | None]]:
    """The PACS with its mistake: its port, and Orthanc where it is one."""
    if isinstance(wrong.pacs, dict):
        with orthanc.running(settings=wrong.pacs) as server:
            yield server.dicom_port, server
    elif wrong.pacs == "stopped":
        with orthanc.running() as server:
            port = server.dicom_port
        yield port, None
    else:
        yield from storescp_of(wrong, folder)


def storescp_of(wrong: WrongSetting, folder: Path) -> Iterator[tuple[int, None]]:
    if not dcmtk_available():
        pytest.skip("needs DCMTK")
    place = folder / "pacs"
    if wrong.pacs != "storescp with a full disk":
        place.mkdir()
        with storescp.running(
            place, takes=("MRImageStorage",) if wrong.pacs == "storescp of MR images" else ()
        ) as port:
            yield port, None
        return
    if os.geteuid():
        pytest.skip("a file system of its own needs root")
    with storescp.full_disk(place), storescp.running(place) as port:
        yield port, None


def set_dicom(node: LiveNode, **values: object) -> None:
    """What install.md says nearly every site sets; more, or else, where a test says so."""
    here = node.settings.dicom.model_copy(update={"callers": ("MODALITY",), **values})
    node.settings = node.settings.model_copy(update={"dicom": here})


def delivery_of(node: LiveNode, study: str) -> JobRecord | None:
    try:
        jobs = node.ledger.reading.study(study).jobs
    except LookupError:
        return None
    return next((job for job in jobs if job.kind is JobKind.DELIVER), None)


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "2000")


def command(node: LiveNode, *words: str) -> str:
    """What `mome-node ...` prints."""
    with redirect_stdout(StringIO()) as printed, suppress(SystemExit):
        main([*words, "--config", str(node.folder / "node.toml")])
    return printed.getvalue()


def doctor(node: LiveNode, *, well: bool = False) -> dict[str, str]:
    """What is not well, by line; or what is."""
    found = json.loads(command(node, "doctor", "--json"))
    return {each["name"]: f"{each['message']}; {each['hint']}" for each in found if (each["level"] == "ok") is well}


def pages(node: LiveNode, *paths: str) -> list[str]:
    """Pages of the dashboard as an administrator reads them."""
    site, now = Site.open(node.settings), time.time()
    site.access.accept(site.access.invite("ada", AccountRole.ADMIN, now), PASSWORD, now)
    browser = client_of(site)
    assert browser.post("/login", data={"name": "ada", "password": PASSWORD}).status_code == 303
    return [html.unescape(browser.get(path).text) for path in paths]


def test_the_sample_settings_deliver_with_commitment(tmp_path: Path) -> None:
    with orthanc.running() as pacs:
        to = Destination(name="pacs", ae_title="ORTHANC", host="127.0.0.1", port=pacs.dicom_port, commitment=True)
        with live_node(tmp_path, to) as node:
            set_dicom(node)
            pacs.know("node", "MOMENODE", node.settings.dicom.port)
            node.start()
            study = new_study()
            node.send_until_all_are_kept([instance(study)])
            detail = node.outcome(study, "DELIVERED")
            well = doctor(node, well=True)
    receipts = next(job.receipts for job in detail.jobs if job.kind is JobKind.DELIVER)
    assert receipts and all(each.committed_at for each in receipts)
    assert "report" in well["pacs: return"]


@pytest.mark.parametrize("name", list(WRONG))
def test_a_wrong_setting_is_named_with_its_remedy_on_page_command_line_and_by_the_doctor(
    tmp_path: Path, name: str
) -> None:
    wrong = WRONG[name]
    with pacs_of(wrong, tmp_path) as (port, server):
        right: dict[str, object] = {"name": "pacs", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": port}
        with live_node(tmp_path / "node", Destination(**{**right, "commitment": True, **wrong.destination})) as node:
            node.folder.mkdir()
            node.scanner_address = SCANNER_ADDRESS
            set_dicom(node, **wrong.dicom)
            if server is not None:
                server.know("node", "MOMENODE", node.settings.dicom.port)
            node.start()
            study = new_study()
            node.send_until_all_are_kept([instance(study)])

            def says_why() -> bool:
                job = delivery_of(node, study)
                return job is not None and wrong.remedy in job.reason

            wait_for(says_why, 120, "the delivery to name the remedy")
            number = str(node.ledger.reading.study(study).study.id)
            told = {
                "studies show": command(node, "studies", "show", number),
                "queue list": command(node, "queue", "list"),
                "doctor": doctor(node).get(wrong.line, "nothing"),
            }
            told["study page"], told["queues page"] = pages(node, f"/studies/{number}", "/queues")
    missing = [place for place, text in told.items() if wrong.cause not in text or wrong.remedy not in text]
    assert not missing, {place: told[place] for place in missing if not place.endswith("page")} or missing


def test_a_pacs_that_looks_for_us_elsewhere_is_told_where_we_are(tmp_path: Path) -> None:
    with orthanc.running() as pacs:
        to = Destination(name="pacs", ae_title="ORTHANC", host="127.0.0.1", port=pacs.dicom_port, commitment=True)
        with live_node(tmp_path, to) as node:
            set_dicom(node)
            pacs.know("node", "MOMENODE", orthanc.free_port())
            node.start()
            found = doctor(node)
    assert f"port {node.settings.dicom.port}" in found["pacs: return"]


@pytest.mark.skipif(not dcmtk_available(), reason="needs DCMTK")
def test_a_scanner_that_is_none_of_our_callers_is_named_with_the_command_that_lets_it_in(tmp_path: Path) -> None:
    with live_node(tmp_path) as node:
        set_dicom(node)
        node.start()
        image = instance(new_study())
        image.save_as(tmp_path / "image.dcm", enforce_file_format=True)
        sent = storescp.store("MR9", node.settings.dicom.port, tmp_path / "image.dcm")
        assert "Calling AE Title Not Recognized" in sent
        (page,) = pages(node, "/peers")
        places = {"page": page, "peers list": command(node, "peers", "list"), "doctor": doctor(node)["callers"]}
    assert all("MR9" in text for text in places.values())
    remedy = "mome-node peers allow MR9 --address 127.0.0.1"
    assert not [place for place, text in places.items() if remedy not in text]
