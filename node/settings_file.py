"""Writes settings files: the commented example, the settings in force, and one more caller in a file that exists."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from node.entity_settings import ApplicationEntity, PriorityRule
from node.errors import SettingsError
from node.integration_settings import FhirServer, Hl7Receiver, UpsWorklist
from node.jobs import Priority
from node.settings import Settings, load_settings
from node.settings_sections import Destination, ResultSettings, SettingsSection, ae_title

_EXAMPLES: dict[str, SettingsSection] = {
    "ae_titles": ApplicationEntity(
        ae_title="MOMESTAT",
        models=("demo",),
        destinations=("pacs",),
        priority=Priority.STAT,
        results=ResultSettings(kinds=("report",)),
    ),
    "priorities": PriorityRule(priority=Priority.STAT, calling_ae_title="MR_ER*", study_description="*stat*"),
    "destinations": Destination(name="pacs", ae_title="PACS", host="10.0.0.5", port=104),
    "hl7": Hl7Receiver(name="ris", host="10.0.0.6", port=2575),
    "fhir": FhirServer(name="ehr", url="https://10.0.0.7/fhir"),
    "worklists": UpsWorklist(name="orders", url="https://10.0.0.8/dicom-web"),
}
"""One of each section that may be repeated."""


def allow_caller(file: Path, ae_title_: str, address: str) -> bool:
    """Let a caller send, or without an AE title let its address in; False when everyone may send already.

    The settings file is replaced whole, and only by one that is valid. The address of one host, never a network, is
    added where the settings list networks.
    """
    try:
        ipaddress.ip_address(address or "0.0.0.0")  # noqa: S104 - parsed, not bound
    except ValueError:
        raise SettingsError(f"{address} is not the address of one host; write a network into dicom.networks") from None
    dicom = load_settings(file).dicom
    if not dicom.callers and not dicom.networks:
        return False
    text = with_caller(file.read_text("utf-8"), ae_title_, address)
    _replace(file, text)
    return True


def _replace(file: Path, text: str) -> None:
    """Put valid settings in the place of a file, readable for those who could read it, whoever replaces it.

    Raises SettingsError when they are not valid, or the file's owner cannot be kept.
    """
    temporary, before = file.with_name(file.name + ".new"), file.stat()
    temporary.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as new:
            new.write(text)
        load_settings(temporary)
        os.chown(temporary, before.st_uid, before.st_gid)
        temporary.chmod(before.st_mode & 0o777)  # after chown, which takes bits away
        temporary.replace(file)
    except PermissionError as error:
        raise SettingsError(f"{file}: cannot be replaced by you as a file of its owner: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def with_caller(text: str, ae_title_: str, address: str) -> str:
    """The text of a settings file in which this caller may send; every other line stays as it is.

    Raises SettingsError when the lists are not written as `callers = [...]` on one line of [dicom].
    """
    lines, section, done = text.splitlines(), "", False
    for number, line in enumerate(lines):
        heading = line.strip()
        section = heading if heading.startswith("[") else section
        for key, value in (("callers", ae_title_ and ae_title(ae_title_)), ("networks", address)):
            listed = re.match(rf"(\s*{key}\s*=\s*)(\[[^\]]*\])(.*)", line)
            if section != "[dicom]" or listed is None or not value:
                continue
            values = tomllib.loads(f"values = {listed[2]}")["values"]
            if values and value not in values:  # an empty list lets everyone in
                lines[number] = f"{listed[1]}{_toml_value((*values, value))}{listed[3]}"
            done = True
    if not done:
        raise SettingsError('write callers = ["..."] on one line of [dicom] first')
    return "\n".join(lines) + "\n"


def example_toml() -> str:
    """A commented file with every key and its default; what `config init` writes and docs/configuration.md shows."""
    lines = ["# MOME Node. Every key can be overridden by the environment: MOME__DICOM__PORT=104", ""]
    lines += _sections(Settings())
    for name, example in _EXAMPLES.items():
        lines += [f"# {type(example).__doc__} Repeat the section for a second one.", f"# [[{name}]]"]
        lines += [*(f"# {line}" for line in _keys(example)), ""]
    return "\n".join(lines).rstrip() + "\n"


def settings_toml(settings: Settings) -> str:
    """The settings in force as a file that would give the same."""
    lines = _sections(settings)
    for name, sections in _lists(settings):
        for each in sections:
            lines += [f"[[{name}]]", *_keys(each), ""]
    return "\n".join(lines)


def _lists(settings: Settings) -> Iterator[tuple[str, tuple[SettingsSection, ...]]]:
    """Every section that may be repeated, by name."""
    for name in _EXAMPLES:
        yield name, getattr(settings, name)


def _sections(settings: Settings) -> list[str]:
    """Lines for every section that is there once."""
    lines: list[str] = []
    for name in Settings.model_fields:
        section = getattr(settings, name)
        if isinstance(section, SettingsSection):
            lines += [f"# {section.__doc__}", f"[{name}]", *_keys(section), ""]
    return lines


def _keys(section: SettingsSection) -> list[str]:
    """One line for each key, with what it means."""
    fields = type(section).model_fields
    own = sorted(fields, key=lambda key: key not in type(section).__annotations__)  # what is shared comes last
    values = [(key, getattr(section, key)) for key in own]
    return [f"{key} = {_toml_value(value)}  # {fields[key].description}" for key, value in values if value is not None]


def _toml_value(value: Any) -> str:
    """A default as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml_value(each) for each in value) + "]"
    if isinstance(value, SettingsSection):
        given = [key for key in type(value).model_fields if key in value.model_fields_set]
        return "{ " + ", ".join(f"{key} = {_toml_value(getattr(value, key))}" for key in given) + " }"
    if isinstance(value, dict):
        return "{" + ", ".join(f"'{key}' = {_toml_value(each)}" for key, each in value.items()) + "}"
    return str(value) if isinstance(value, int | float) else json.dumps(str(value), ensure_ascii=False)
