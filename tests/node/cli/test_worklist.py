"""For people without a browser: the worklist and the state of the node on a real terminal, until Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from dicom_io.encoding.part10 import copy_instance
from dicom_io.network.service import Peer
from live_node import instance
from mome_core.errors import Ineligibility
from mome_core.protocol import PartState, ProtocolItem, ProtocolPart
from node.cli.main import main
from node.jobs import JobKind
from node.reasons import Reason
from node.service.indexing import StudyIndexer
from node.settings import Settings
from node.settings_file import settings_toml
from node.storage.archive import Archive
from node.storage.health import HealthStore, OpenAlert
from node.storage.ledger.ledger import Ledger
from node.storage.records import AnalysisRecord, StoredInstance
from node.summary import AnalysisSummary

pytestmark = pytest.mark.slow


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A node with one study that arrives, a silent worker and an alert."""
    settings = Settings(storage={"root": tmp_path / "root"}, gather={"quiet_seconds": 9_000.0})
    (tmp_path / "root").mkdir()
    ledger, now = Ledger(settings.database_url), time.time()
    image = StoredInstance(
        "1.2.3", "1.2.3.1", "1.2.840.10008.5.1.4.1.1.4", "1.2.3.1.1", "1.2", "p", "a", "x", 1, "MRI1"
    )
    ledger.receiving.instances_stored([image], now)
    watch = HealthStore(ledger.engine)
    watch.beat("node", "worker", now - 999)
    watch.raised(OpenAlert("node", "disk-low", "", now, None, "little [disk]"))
    file = tmp_path / "node.toml"
    file.write_text(settings_toml(settings))
    return file


def on_a_terminal(*command: str, seconds: float = 240, until: str = "Receiving") -> tuple[int, str]:
    """Run a command of ours on a terminal of 120 columns; Ctrl-C when it has shown what was waited for."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES"}} | {"TERM": "xterm"}
    started = ["env", "--default-signal=INT", sys.executable, "-m", "node.cli.main"]  # a background job ignores Ctrl-C
    process = subprocess.Popen([*started, *command], stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    seen, deadline = "", time.monotonic() + seconds
    while until not in seen and time.monotonic() < deadline:
        if select.select([ours], [], [], 0.2)[0]:
            seen += os.read(ours, 65_536).decode(errors="replace")
    process.send_signal(signal.SIGINT)
    code = process.wait(60)
    os.close(ours)
    os.close(theirs)
    return code, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)


def test_the_worklist_is_watched_until_ctrl_c(config: Path) -> None:
    code, shown = on_a_terminal("studies", "list", "--watch", "--config", str(config), until="complete in")
    assert code == 0
    assert "complete in" in shown


def test_top_shows_alerts_processes_and_studies(config: Path) -> None:
    code, shown = on_a_terminal("top", "--config", str(config))
    assert code == 0
    assert "little [disk], since" in shown
    assert re.search(r"worker +silent", shown)
    assert "research use only" in shown


def test_in_a_pipe_there_is_no_colour(config: Path) -> None:
    command = [sys.executable, "-m", "node.cli.main", "studies", "list", "--config", str(config)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "\x1b" not in told
    assert "Receiving" in told


def test_one_command_leads_from_an_accession_number_to_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(storage={"root": tmp_path / "root"})
    image = instance("1.2.3", AccessionNumber="ACC-17", StudyDate="20261129")
    image.save_as(tmp_path / "one.dcm", enforce_file_format=True)
    archive, ledger = Archive(settings.storage.root), Ledger(settings.database_url)
    received = copy_instance(tmp_path / "one.dcm", archive.temporary_path())
    ledger.receiving.instances_stored(archive.keep_received([(received, Peer("MRI1", "MOMENODE", "10.0.0.5"))]), 100.0)
    StudyIndexer(settings, archive, ledger).run()
    ledger.gathering.settle(150.0, 160.0)
    job = ledger.jobs.claim(JobKind.ANALYZE, 170.0, 60.0)
    assert job is not None
    missing = ProtocolItem(ProtocolPart.POST_CONTRAST, PartState.MISSING)
    outcome = AnalysisRecord((), AnalysisSummary(protocol=(missing,)), ())
    ledger.jobs.ineligible(job, Reason(Ineligibility.NO_DYNAMIC, "no dynamic series was found"), outcome, 180.0)
    file = tmp_path / "node.toml"
    file.write_text(settings_toml(settings))
    assert finding("acc-17", file) == 0
    told = " ".join(capsys.readouterr().out.split())
    for words in ("Not analysed", "MRI1", "no dynamic series was found", "Post-contrast phases missing"):
        assert words in told
    assert finding("ACC-18", file) == 1
    assert "no study fits" in capsys.readouterr().err
    found = [entry.fields for entry, _ in ledger.audit.entries() if entry.event == "SEARCHED"]
    assert [each.count for each in found] == [1, 0]
    assert all(each.person.startswith("command line (") for each in found)


def finding(text: str, config: Path) -> int | str | None:
    with pytest.raises(SystemExit) as ended:
        main(["studies", "find", text, "--config", str(config)])
    return ended.value.code or 0
