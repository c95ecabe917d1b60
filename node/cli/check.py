"""The command that tests an installation before anyone relies on it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import typer

from dicom_io.network.scu import echo as c_echo
from mome_core.model.checkpoint import known_answer_repeats, load_checkpoint
from node.cli.options import Config, Json
from node.errors import NotReady
from node.exit_codes import Exit
from node.models import bundle_in_use
from node.settings import Settings, load_settings
from node.settings_sections import Destination
from node.storage.archive import Archive, sync, write_durably
from node.storage.decisions import ModelDecisions
from node.storage.ledger.ledger import Ledger

ENOUGH_FREE_GIB = 5


def check(config: Config = None, as_json: Json = False) -> None:
    """Self-test: settings, disk, database, model, one known inference, PACS echo; exit code 5 when one fails.

    Example: mome-node check --config mome-node.toml
    """
    settings = load_settings(config)
    results = [run(name, test, settings, as_json) for name, test in tests(settings)]
    if as_json:
        typer.echo(json.dumps(results))
    if not all(each["passed"] for each in results if each["required"]):
        raise typer.Exit(Exit.NOT_READY)


def tests(settings: Settings) -> Iterator[tuple[str, Callable[[Settings], str]]]:
    """Name and test; a test gives what it found, and raises when something is wrong."""
    yield "settings", lambda _: "valid"
    yield "storage", storage
    yield "database", database
    yield "model", model
    yield "known inference", known_inference
    for each in settings.destinations:
        yield f"echo {each.name}", partial(echo, each)


def run(name: str, test: Callable[[Settings], str], settings: Settings, quiet: bool) -> dict[str, Any]:
    """Run one test and print its line."""
    required = not name.startswith("echo")  # a PACS that is down is retried for ever, and is no reason not to start
    try:
        passed, found = True, test(settings)
    except Exception as error:  # noqa: BLE001 - a self-test names whatever it meets
        passed, found = False, f"{error or type(error).__name__}"
    if not quiet:
        word, colour = ("ok", "green") if passed else (("FAILED", "red") if required else ("warning", "yellow"))
        typer.secho(f"{word:<8}", fg=colour, nl=False)
        typer.echo(f"{name:<18}{found}")
    return {"name": name, "passed": passed, "required": required, "found": found}


def storage(settings: Settings) -> str:
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
    if not same or free_gib < ENOUGH_FREE_GIB:
        raise NotReady(f"{settings.storage.root}: {free_gib:.1f} GiB free, {ENOUGH_FREE_GIB} are needed")
    return f"{settings.storage.root}: {free_gib:.0f} GiB free, a durable write takes {milliseconds:.1f} ms"


def database(settings: Settings) -> str:
    """Open the ledger, migrate it, count."""
    counts = Ledger(settings.database_url).reading.counts()
    return ", ".join(f"{count} {state}" for state, count in counts.items()) or "no study yet"


def model(settings: Settings) -> str:
    """Load the bundle; its weights are compared with their digest."""
    book = ModelDecisions(Ledger(settings.database_url).engine)
    identity = load_checkpoint(bundle_in_use(settings, book)).identity
    return f"{identity.name} {identity.version}, weights {identity.sha256[:12]}"


def known_inference(settings: Settings) -> str:
    """Answer the input whose answer the bundle holds; the logits must agree."""
    book = ModelDecisions(Ledger(settings.database_url).engine)
    checkpoint = load_checkpoint(bundle_in_use(settings, book))
    if not known_answer_repeats(checkpoint):
        raise NotReady("the model does not give the answer that its bundle expects: do not use this installation")
    return ", ".join(f"{endpoint} as expected" for endpoint in checkpoint.endpoints)


def echo(destination: Destination, settings: Settings) -> str:
    """C-ECHO one destination."""
    return f"answers in {1000 * c_echo(settings.dicom.ae_title, destination):.0f} ms"
