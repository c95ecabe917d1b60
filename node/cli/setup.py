"""The command that asks what a node needs to know, tries each answer, and writes the settings file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from node.errors import NodeError, SettingsError
from node.exit_codes import Exit
from node.settings import Settings, load_settings
from node.settings_file import settings_toml
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger
from node.watching.destinations import check_destination
from node.watching.findings import Finding, FindingLevel
from node.watching.own_listener import check_port

_ID = "setup"
_ENTRIES = """
What the PACS and the scanners need to know of this node (ADDRESS: this machine, as they reach it):

Orthanc, orthanc.json (then restart it):
  "DicomModalities": {{ "mome": {{ "AET": "{ae_title}", "Host": "ADDRESS", "Port": {port} }} }}
  and, where it checks who calls it: "DicomAlwaysAllowStore": true

dcm4chee: Configuration > Devices > New: device mome-node; network connection ADDRESS port {port};
  application entity {ae_title} with transfer capabilities SCP for MR Image Storage and Enhanced MR Image Storage,
  and SCU for Storage Commitment Push Model; then a routing rule or an export rule with dicom:{ae_title}

Scanner console: DICOM destination, AE title {ae_title}, address ADDRESS, port {port}, uncompressed or lossless;
  storage commitment may be on: this node answers it
"""


@dataclass(slots=True)
class _Answers:
    """Answers from a file, else from the person (or pipe) at the terminal, else the defaults."""

    given: dict[str, Any]
    defaults_only: bool
    unused: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.unused = set(self.given)

    def to(self, key: str, question: str, default: Any) -> Any:
        """The answer to one question, of the type of its default."""
        self.unused.discard(key)
        if key in self.given:
            return self.given[key]
        if self.defaults_only:
            return default
        if isinstance(default, bool):
            return typer.confirm(question, default=default)
        return typer.prompt(question, default=default, type=type(default))


def setup(
    path: Annotated[Path, typer.Argument(help="Settings file to write.")] = Path("mome-node.toml"),
    answers: Annotated[Path | None, typer.Option("--answers", help="TOML file with answers; see below.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: defaults where the answers are silent.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Ask what this node needs to know, try each answer, write the settings file, print what the PACS must know.

    Answers file, every key optional: ae_title, host, port, root, callers, database_url, password_file, pacs (false: no
    PACS), pacs_name, pacs_ae_title, pacs_host, pacs_port, commitment. Exit code 5 when something that was tried failed;
    the file is written all the same.

    Example: mome-node setup mome-node.toml --answers answers.toml --yes
    """
    if path.exists() and not force:
        raise SettingsError(f"{path} exists; --force replaces it")
    asked = _Answers(tomllib.loads(answers.read_text("utf-8")) if answers else {}, yes)
    values: dict[str, Any] = {}
    failed = 0
    for step in (_ask_listener, _ask_storage, _ask_pacs):
        values |= step(asked)
        failed += _shown(step, _settings_of(values))
    if asked.unused:
        raise SettingsError(f"{answers}: unknown answers: {', '.join(sorted(asked.unused))}")
    path.write_text(settings_toml(_settings_of(values)), "utf-8")
    here = load_settings(path).dicom
    typer.echo(f"\nwrote {path}; more settings are in it, each with its meaning")
    typer.echo(_ENTRIES.format(ae_title=here.ae_title, port=here.port))
    typer.echo(f"Then: mome-node doctor --config {path}, and mome-node serve --config {path}")
    if failed:
        typer.echo(f"{failed} of the tries above failed; mend them and run: mome-node doctor --config {path}", err=True)
        raise typer.Exit(Exit.NOT_READY)


def _ask_listener(asked: _Answers) -> dict[str, Any]:
    dicom: dict[str, Any] = {
        "ae_title": asked.to("ae_title", "AE title of this node", "MOMENODE"),
        "host": asked.to("host", "address to listen on (0.0.0.0: scanners reach us)", "0.0.0.0"),  # noqa: S104
        "port": asked.to("port", "DICOM port", 11112),
    }
    callers = asked.to("callers", "AE titles that may send, with commas (empty: any)", "")
    names = callers.split(",") if isinstance(callers, str) else callers
    dicom["callers"] = [each.strip() for each in names if each.strip()]
    return {"dicom": dicom}


def _ask_storage(asked: _Answers) -> dict[str, Any]:
    root = asked.to("root", "folder for images and results", "/var/lib/mome-node")
    url = asked.to("database_url", "PostgreSQL URL, postgresql://user@host/name (empty: SQLite)", "")
    database: dict[str, Any] = {"url": url}
    if url:
        database["password_file"] = asked.to("password_file", "file with its password, mode 0600 (empty: none)", "")
    return {"storage": {"root": root}, "database": database}


def _ask_pacs(asked: _Answers) -> dict[str, Any]:
    if not asked.to("pacs", "is there a PACS that takes the results?", bool(asked.given.get("pacs_host"))):
        return {}
    pacs = {
        "name": asked.to("pacs_name", "a name for it", "pacs"),
        "ae_title": asked.to("pacs_ae_title", "AE title of the PACS", "PACS"),
        "host": asked.to("pacs_host", "its host name or IP address", "127.0.0.1"),
        "port": asked.to("pacs_port", "its DICOM port", 104),
        "commitment": asked.to("commitment", "does it answer storage commitment?", True),
    }
    return {"destinations": [pacs]}


def _settings_of(values: dict[str, Any]) -> Settings:
    """The settings of these answers; raises SettingsError for one that cannot be."""
    try:
        return Settings(**values)
    except ValidationError as error:
        mistakes = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise SettingsError("\n".join(mistakes)) from None


def _shown(step: object, settings: Settings) -> int:
    """Try what a step has asked for, show what was found, and count what failed."""
    failed = 0
    for each in _tried(step, settings):
        typer.echo(f"  {each.level:<8}{each.name:<20}{each.message}")
        if each.hint:
            typer.echo(f"          {each.hint}")
        failed += each.level is FindingLevel.FAILED
    return failed


def _tried(step: object, settings: Settings) -> Iterator[Finding]:
    """The findings about one step's answers."""
    if step is _ask_storage:
        yield _finding("storage", lambda: _open_storage(settings))
        yield _finding("DICOM port", lambda: check_port(settings))
    if step is _ask_pacs:
        for each in settings.destinations:
            try:
                yield from check_destination(settings, each)
            except NodeError as error:
                yield Finding(_ID, each.name, FindingLevel.FAILED, str(error))


def _open_storage(settings: Settings) -> str:
    """Make the folder and the tables."""
    Archive(settings.storage.root)
    Ledger(settings.database_url)
    return f"{settings.storage.root} and its database are ready"


def _finding(name: str, attempt: Any) -> Finding:
    """What an attempt found."""
    try:
        return Finding(_ID, name, FindingLevel.OK, attempt())
    except (NodeError, OSError) as error:
        return Finding(_ID, name, FindingLevel.FAILED, str(error))
