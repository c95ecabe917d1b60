"""The command that shows the whole product on one machine, in one go."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from dicom_io.errors import PeerUnreachable
from dicom_io.files import dicom_files
from dicom_io.headers.read import read_series_headers
from dicom_io.network.folder import folder_pacs
from dicom_io.network.remote import RemoteAE
from dicom_io.network.scu import send
from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.spec import Lesion, PhantomSpec, Size
from dicom_io.phantom.vendors import write_study
from node.cli.common import counted
from node.cli.options import Config
from node.cli.tables import print_summary
from node.errors import NotReady
from node.jobs import JobKind, JobState
from node.settings import Settings, load_settings
from node.settings_file import settings_toml
from node.settings_sections import Destination
from node.states import FINAL, StudyState
from node.storage.ledger.ledger import Ledger
from node.storage.records import StudyDetail
from sr_templates.build import decode
from sr_templates.drawing.capture import picture_of
from sr_templates.kinds import Kind
from sr_templates.objects.summary import to_png

_QUIET_SECONDS = 2.0
_LONGEST_SECONDS = 3600.0  # on a machine that does ten times as much else; an idle one takes half a minute
_START_SECONDS, _END_SECONDS = 300.0, 60.0


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for everything that the demo leaves.")] = Path("demo-out"),
    vendor: Annotated[str, typer.Option(help="siemens, ge, philips or uih.")] = "siemens",
    lesion: Annotated[str, typer.Option(help="malignant, benign or none.")] = "malignant",
    seed: Annotated[int, typer.Option(min=0, help="Which synthetic patient.")] = 2026,
    config: Config = None,
) -> None:
    """One synthetic breast MRI study from a scanner through the node into a PACS, over real DICOM sockets.

    Uses embedded defaults (SQLite, CPU, a PACS that is a folder); with --config the destinations of that file.

    Example: mome-node demo --out demo-out --vendor ge
    """
    console = Console()
    console.print(
        "[bold]MOME Node demo[/] - research use only; the demo model knows synthetic phantoms and nothing else\n"
    )
    shutil.rmtree(out / "node", ignore_errors=True)
    for folder in ("scanner", "pacs", "results"):
        shutil.rmtree(out / folder, ignore_errors=True)
    with destinations(out, config) as (settings, file):
        study = _make_study(out / "scanner", vendor, lesion, seed, console)
        with _running_node(file, settings, out / "node.log", console):
            _send_study(out / "scanner", settings, console)
            detail = follow(study, settings, console)
    show_outcome(detail, settings, out, console)
    if detail.study.state is not StudyState.DELIVERED:
        raise typer.Exit(1)


@contextmanager
def destinations(out: Path, config: Path | None) -> Iterator[tuple[Settings, Path]]:
    """Settings of the demo's node, and their file: a free port, and an embedded PACS unless one is configured."""
    base = load_settings(config)
    with folder_pacs(out / "pacs") as port:
        pacs = (Destination(name="demo-pacs", ae_title="DEMOPACS", host="127.0.0.1", port=port),)
        settings = base.model_copy(
            update={
                "dicom": base.dicom.model_copy(update={"host": "127.0.0.1", "port": free_port()}),
                "storage": base.storage.model_copy(update={"root": (out / "node").absolute()}),
                "gather": base.gather.model_copy(update={"quiet_seconds": _QUIET_SECONDS}),
                "dashboard": base.dashboard.model_copy(update={"enabled": False}),
                "destinations": base.destinations or pacs,
            }
        )
        file = out / "mome-node.toml"
        file.write_text(settings_toml(settings), "utf-8")
        yield settings, file


def _make_study(folder: Path, vendor: str, lesion: str, seed: int, console: Console) -> str:
    """Simulate a patient and write what the scanner would; returns the Study Instance UID."""
    with console.status("simulating a breast MRI examination"):
        phantom = simulate(PhantomSpec(seed=seed, lesion=Lesion(lesion), size=Size.DEMO))
        paths = write_study(phantom, vendor, None, folder)
    console.print(f"  scanner   {len(paths)} instances as {vendor} writes them, lesion: {lesion}, in {folder}")
    return read_series_headers(paths[:1])[0].study_uid


@contextmanager
def _running_node(file: Path, settings: Settings, log: Path, console: Console) -> Iterator[None]:
    """`mome-node serve` as processes of their own, until the block ends."""
    with log.open("wb") as output:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "node.cli.main", "serve", "--config", str(file)]
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        before = signal.signal(signal.SIGTERM, _end)
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not _listens(settings.dicom.host, settings.dicom.port):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise NotReady(f"the node did not start within {_START_SECONDS:.0f} s; see {log}")
                time.sleep(0.1)
            console.print(f"  node      {settings.dicom.ae_title} listens on port {settings.dicom.port}")
            yield
        except PeerUnreachable as error:
            raise PeerUnreachable(f"{error}; {log} says why", error.fault) from None
        finally:
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            signal.signal(signal.SIGTERM, before)


def _end(_number: int, _frame: object) -> None:
    """SIGTERM ends the demo as Ctrl-C does, and its node with it."""
    raise KeyboardInterrupt


def _send_study(folder: Path, settings: Settings, console: Console) -> None:
    """C-STORE the study to the node, as a scanner does."""
    node = RemoteAE("node", settings.dicom.ae_title, settings.dicom.host, settings.dicom.port)
    paths = dicom_files(folder)
    started = time.monotonic()
    receipts = list(track(send("SCANNER", node, paths), "sending", len(paths), console=console, transient=True))
    seconds = time.monotonic() - started
    kept = sum(each.kept for each in receipts)
    console.print(f"  C-STORE   {kept} of {len(paths)} instances acknowledged, each on disk ({kept / seconds:.0f}/s)")


def follow(study: str, settings: Settings, console: Console) -> StudyDetail:
    """Print every change of the study's state as it happens, until there is no further one."""
    ledger, seen = Ledger(settings.database_url), 0
    deadline = time.monotonic() + _LONGEST_SECONDS
    with console.status("waiting") as status:
        while time.monotonic() < deadline:
            detail = ledger.reading.study(study)
            for each in detail.timeline[seen:]:
                console.print(f"  {each.to_state:<11}{escape(each.detail)}")
            seen = len(detail.timeline)
            status.update(f"{detail.study.state.lower()} ...")
            unfinished = any(job.state in (JobState.WAITING, JobState.RUNNING) for job in detail.jobs)
            if detail.study.state in FINAL and not unfinished:
                return detail
            time.sleep(0.2)
    raise NotReady(f"no outcome after {_LONGEST_SECONDS:.0f} s; node.log beside the results says why")


def show_outcome(detail: StudyDetail, settings: Settings, out: Path, console: Console) -> None:
    """The tables, the files, and how to open them."""
    copy_results(detail, settings, out / "results")
    console.print()
    if detail.summary:
        print_summary(detail.summary, console)
    delivered = [job for job in detail.jobs if job.kind is JobKind.DELIVER]
    for job in delivered:
        console.print(
            f"\n[bold]{job.destination}[/]: {counted(len(job.receipts), 'object')}, job {job.state} {job.reason}"
        )
    where = [
        ("what the PACS received", out / "pacs"),
        ("the result objects, by name", out / "results"),
        ("the page for a busy reader", out / "summary.png"),
        ("the source study", out / "scanner"),
        ("the node's log", out / "node.log"),
    ]
    for what, place in where:
        if place.exists():
            console.print(f"  {what:<28}{place}")
    console.print(
        "\nOpen summary.png in any picture viewer; open scanner/ and pacs/ together in any DICOM viewer (Weasis, OHIF, "
        f"3D Slicer);\nread the report with: dsr2html {out / 'results' / 'report.dcm'} report.html (Debian's dcmtk)"
    )


def copy_results(detail: StudyDetail, settings: Settings, folder: Path) -> None:
    """The delivered objects under readable names, and the summary page as a picture."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers: dict[str, int] = {}
    several = {each.kind for each in detail.objects if [o.kind for o in detail.objects].count(each.kind) > 1}
    for each in detail.objects:
        numbers[each.kind] = numbers.get(each.kind, 0) + 1
        suffix = f"-{numbers[each.kind]:03d}" if each.kind in several else ""
        source = settings.storage.root / each.path
        shutil.copyfile(source, folder / f"{each.kind}{suffix}.dcm")
        if each.kind == Kind.SUMMARY:
            (folder.parent / "summary.png").write_bytes(to_png(picture_of(decode(source.read_bytes()))))


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(host: str, port: int) -> bool:
    """Whether something listens on that port."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
