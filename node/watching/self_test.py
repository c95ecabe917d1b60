"""The self-test of an installation: settings, disk, database, model, one known inference, and an echo of each PACS."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from dicom_io.network.scu import echo
from mome_core.model.checkpoint import Checkpoint, known_answer_repeats, load_checkpoint
from node.errors import NotReady
from node.models import bundle_in_use, open_decisions
from node.settings import Settings
from node.settings_sections import Destination
from node.storage.archive import Archive, sync, write_durably
from node.storage.ledger.ledger import Ledger
from node.watching.integrations import IntegrationProbe, integration_probes

_ENOUGH_FREE_GIB = 5


@dataclass(frozen=True, slots=True)
class SelfTestResult:
    """One test and what it found.

    Parameters
    ----------
    required
        Whether the node is not ready when it fails.
    """

    name: str
    passed: bool
    required: bool
    found: str


def run_self_test(settings: Settings) -> Iterator[SelfTestResult]:
    """Run every test, one after the other; whatever goes wrong is what a test found."""
    yield _run("settings", lambda _: "valid", settings)
    yield _run("storage", _storage, settings)
    yield _run("database", _database, settings)
    yield _run("model", _model, settings)
    yield _run("known inference", _known_inference, settings)
    for each in settings.destinations:  # a PACS that is down is retried indefinitely: no reason not to start
        yield _run(f"echo {each.name}", partial(_echo, each), settings, required=False)
    for probe in integration_probes(settings):
        yield _run(probe.name, partial(_ask, probe), settings, required=False)


def _run(name: str, test: Callable[[Settings], str], settings: Settings, *, required: bool = True) -> SelfTestResult:
    try:
        return SelfTestResult(name, True, required, test(settings))
    except Exception as error:  # noqa: BLE001 - a self-test names whatever it meets
        return SelfTestResult(name, False, required, f"{error or type(error).__name__}")


def _storage(settings: Settings) -> str:
    """Write, sync, read back and delete in the storage root; look at what is free."""
    archive = Archive(settings.storage.root)
    probe = archive.temporary_path().with_suffix(".check")
    started = time.perf_counter()
    write_durably(archive.temporary_path(), probe, b"MOME" * 65536)
    sync([archive.temporary])
    milliseconds = 1000 * (time.perf_counter() - started)
    same = probe.read_bytes() == b"MOME" * 65536
    probe.unlink()
    free_gib = archive.free_bytes() / 2**30
    if not same or free_gib < _ENOUGH_FREE_GIB:
        raise NotReady(f"{settings.storage.root}: {free_gib:.1f} GiB free, {_ENOUGH_FREE_GIB} are needed")
    return f"{settings.storage.root}: {free_gib:.0f} GiB free, a durable write takes {milliseconds:.1f} ms"


def _database(settings: Settings) -> str:
    """Open the ledger, migrate it, count."""
    counts = Ledger(settings.database_url).reading.counts()
    return ", ".join(f"{count} {state}" for state, count in counts.items()) or "no study yet"


def _model(settings: Settings) -> str:
    """Load the bundle; its weights are compared with their digest."""
    identity = _active_model(settings).identity
    return f"{identity.name} {identity.version}, weights {identity.sha256[:12]}"


def _known_inference(settings: Settings) -> str:
    """Answer the input whose answer the bundle holds; the logits must agree."""
    checkpoint = _active_model(settings)
    if not known_answer_repeats(checkpoint):
        raise NotReady("the model does not give the answer that its bundle expects: do not use this installation")
    return ", ".join(f"{endpoint} as expected" for endpoint in checkpoint.endpoints)


def _active_model(settings: Settings) -> Checkpoint:
    return load_checkpoint(bundle_in_use(settings, open_decisions(settings)))


def _echo(destination: Destination, settings: Settings) -> str:
    return f"answers in {1000 * echo(settings.dicom.ae_title, destination):.0f} ms"


def _ask(probe: IntegrationProbe, _settings: Settings) -> str:
    return probe.ask()
