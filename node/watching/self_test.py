"""The self-test of an installation: settings, disk, database, model with device time, and an echo of each PACS."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from dicom_io.errors import PeerUnreachable
from mome_core.model.checkpoint import Checkpoint, known_answer_repeats, load_checkpoint
from node.errors import NotReady
from node.model_trust import require_trusted
from node.models import all_bundles_in_use, open_decisions, require_answering_together
from node.remedies import reason_for
from node.settings import Settings
from node.settings_sections import Destination
from node.storage.archive import Archive, free_files, sync, write_durably
from node.storage.audit_heads import AuditHeads
from node.storage.hosts import Hosts
from node.storage.ledger.ledger import Ledger
from node.watching.destinations import reach
from node.watching.device_times import measured_times
from node.watching.findings import FindingLevel
from node.watching.integrations import IntegrationProbe, integration_probes
from node.watching.own_listener import check_port
from node.watching.return_path import check_return_path

_ENOUGH_FREE_GIB, _ENOUGH_FREE_FILES = 5, 100_000


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
    """Run every test, one after the other; whatever goes wrong is what a test found, once."""
    failed: set[str] = set()
    for name, test, needs in _required_tests():
        if needs in failed:
            result = SelfTestResult(name, False, False, f"not tested: it needs what failed above ({needs})")
        else:
            result = _run(name, test, settings)
        if not result.passed:
            failed.add(name)
        yield result
    if "model" not in failed:
        yield _run("device time", _device_time, settings, required=False)
    if not settings.is_sqlite and "database" not in failed:
        yield _run("hosts", _hosts, settings, required=False)
    yield from _test_surroundings(settings)


def _required_tests() -> tuple[tuple[str, Callable[[Settings], str], str], ...]:
    """What a node cannot work without: name, test, and the test that must have passed before."""
    return (
        ("settings", lambda _: "valid", ""),
        ("storage", _storage, ""),
        ("database", _database, "storage"),
        ("audit trail", _audit_trail, "database"),
        ("DICOM port", check_port, "database"),
        ("model", _model, "database"),
        ("known inference", _known_inference, "model"),
    )


def _test_surroundings(settings: Settings) -> Iterator[SelfTestResult]:
    """Those around the node; one that is down is retried indefinitely, and is no reason not to start."""
    for each in settings.destinations:
        yield _run(f"echo {each.name}", partial(_echo, each), settings, required=False)
        if each.commitment:
            yield _run(f"return {each.name}", partial(_return, each), settings, required=False)
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
    free_gib, more_files = archive.free_bytes() / 2**30, free_files(settings.storage.root)
    if not same or free_gib < _ENOUGH_FREE_GIB:
        raise NotReady(f"{settings.storage.root}: {free_gib:.1f} GiB free, {_ENOUGH_FREE_GIB} are needed")
    if more_files < _ENOUGH_FREE_FILES:
        raise NotReady(f"{settings.storage.root}: room for {more_files} more files, {_ENOUGH_FREE_FILES} are needed")
    return f"{settings.storage.root}: {free_gib:.0f} GiB free, a durable write takes {milliseconds:.1f} ms"


def _database(settings: Settings) -> str:
    """Open the ledger, migrate it, count."""
    counts = Ledger(settings.database_url).reading.counts()
    return ", ".join(f"{count} {state}" for state, count in counts.items()) or "no study yet"


def _hosts(settings: Settings) -> str:
    """Which hosts share the ledger, and whether studies wait for one that is not heard."""
    hosts, now = Hosts(Ledger(settings.database_url).engine), time.time()
    if waiting := hosts.unfinished(now):
        told = (f"{count} unfinished studies have images only on {host.words(now)}" for host, count in waiting.items())
        raise NotReady("; ".join(told))
    known = ", ".join(each.words(now) for each in hosts.known()) or "none has started yet"
    if not settings.refetch_peers:
        return f"{known}; nothing is fetched for one that dies ([hosts] refetch)"
    peers = ", ".join(each.name for each in settings.refetch_peers)
    return f"{known}; {settings.hosts.refetch_seconds:g} s after one died its studies are fetched from {peers}"


def _audit_trail(settings: Settings) -> str:
    """Verify its chain, and that it holds the heads that were noted."""
    noted = AuditHeads(settings.storage.root).noted()
    head = Ledger(settings.database_url).audit.verify(noted)
    return f"{head.entries} entries, the chain is whole"


def _model(settings: Settings) -> str:
    """Load every bundle that answers: its weights are compared with their digest, and someone vouches for it.

    None answers the question of another.
    """
    decisions, found = open_decisions(settings), []
    require_answering_together(settings, decisions)
    for bundle in all_bundles_in_use(settings, decisions):
        checkpoint = load_checkpoint(bundle)
        trust = require_trusted(bundle, str(checkpoint.manifest["manifest_sha256"]), settings.model)
        model = checkpoint.identity
        found.append(f"{model.name} {model.version}, weights {model.sha256[:12]}, {trust}")
    return "; ".join(found)


def _known_inference(settings: Settings) -> str:
    """Answer the input whose answer each bundle holds; the logits must agree."""
    checkpoints = _active_models(settings)
    for each in checkpoints:
        if not known_answer_repeats(each):
            name = each.identity.name
            raise NotReady(f"{name} does not give the answer that its bundle expects: do not use this installation")
    return ", ".join(f"{endpoint} as expected" for each in checkpoints for endpoint in each.endpoints)


def _device_time(settings: Settings) -> str:
    """How long the device works on a study, and from how many on they would wait; no reason not to start."""
    return "; ".join(map(str, measured_times(settings)))


def _active_models(settings: Settings) -> list[Checkpoint]:
    """Those that answer studies of any AE title."""
    return [load_checkpoint(each) for each in all_bundles_in_use(settings, open_decisions(settings))]


def _echo(destination: Destination, settings: Settings) -> str:
    """Whether it answers by the service that takes results."""
    try:
        seconds = reach(settings.dicom.ae_title, destination)
    except PeerUnreachable as error:
        raise NotReady(reason_for(error, destination, settings.dicom.ae_title).words) from None
    return f"answers in {1000 * seconds:.0f} ms"


def _return(destination: Destination, settings: Settings) -> str:
    """Whether it can report storage commitment to us, by a real report."""
    found = check_return_path(settings, destination)
    if found.level is not FindingLevel.OK:
        raise NotReady(f"{found.message}; {found.hint}")
    return found.message


def _ask(probe: IntegrationProbe, _settings: Settings) -> str:
    return probe.ask()
