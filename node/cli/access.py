"""Commands about who may use dashboard and API."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Annotated

import typer

from node.audit import AuditEvent
from node.cli.common import counted, open_ledger
from node.cli.options import Config, Json
from node.settings import load_settings
from node.storage.accounts import KEY_DAYS, AccountRole, Accounts, end_of_key
from node.words import credential_words

_Name = Annotated[str, typer.Argument(help="Name of the account.")]
_RoleOption = Annotated[str, typer.Option("--role", help="viewer, operator, admin; or sender: images by STOW-RS only.")]


_Patients = Annotated[
    bool, typer.Option("--patients/--no-patients", help="May search for patients and see names, IDs and images.")
]


def invite(name: _Name, role: _RoleOption = "viewer", patients: _Patients = True, config: Config = None) -> None:
    """Make a one-time token by which a person chooses a password on the dashboard's welcome page; the way back in.

    Example: mome-node access invite alice --role operator
    """
    token = _accounts_of(config).invite(name, _role_of(role), time.time(), patients=patients)
    _audit_change(config, f"command line: invitation for {name} as {role}{_patient_words(patients)}")
    typer.echo(
        f"{token}\nOne-time token for {name} ({role}), good for seven days, shown only now; enter it at /welcome"
    )


def key(
    name: _Name,
    role: _RoleOption = "viewer",
    patients: _Patients = False,
    days: Annotated[int, typer.Option(min=0, max=3650, help="How long it is good; 0: until it is removed.")] = KEY_DAYS,
    config: Config = None,
) -> None:
    """Make an API key for a program; it is shown only now, and replaces an older one of that name.

    Example: mome-node access key prometheus --role viewer
    """
    now = time.time()
    end = end_of_key(days, now)
    secret = _accounts_of(config).new_key(name, _role_of(role), now, patients=patients, until=end)
    _audit_change(config, f"command line: key for {name} as {role}{_patient_words(patients)}")
    typer.echo(secret)


def list_accounts(config: Config = None, as_json: Json = False) -> None:
    """Every account with its role, how it signs in, and its sessions and keys: since, until and used when.

    Example: mome-node access list
    """
    idle = load_settings(config).dashboard.idle_seconds
    accounts = _accounts_of(config).accounts(time.time(), idle_seconds=idle)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in accounts]))
        return
    for each in accounts:
        password = "password" if each.has_password else ""
        typer.echo(f"{each.role:<10}{'patients' if each.sees_patients else '-':<10}{each.name:<24}{password}")
        for one in each.credentials:
            typer.echo(f"{'':<20}{credential_words(one)}")
    if not accounts:
        typer.echo("no accounts yet; the dashboard writes a one-time token into ROOT/first-login when it first starts")


def log_out(name: _Name, config: Config = None) -> None:
    """End every session of a person; the account stays.

    Example: mome-node access logout alice
    """
    ended = _accounts_of(config).end_sessions(name)
    _audit_change(config, f"command line: ended the sessions of {name}")
    typer.echo(f"{counted(ended, 'session')} ended")


def remove(name: _Name, config: Config = None) -> None:
    """Delete an account with its password, sessions and keys.

    Example: mome-node access remove alice
    """
    _accounts_of(config).remove(name)
    _audit_change(config, f"command line: removed {name}")
    typer.echo(f"{name} has no access any more")


def _patient_words(patients: bool) -> str:
    return ", who may see patients" if patients else ""


def _accounts_of(config: Config) -> Accounts:
    """The accounts in the ledger that the settings name."""
    return Accounts(open_ledger(config).engine)


def _audit_change(config: Config, detail: str) -> None:
    """Say in the audit trail that access was changed."""
    open_ledger(config).audit.record(AuditEvent.ACCESS_CHANGED, time.time(), detail)


def _role_of(word: str) -> AccountRole:
    """The role of that name."""
    if word not in list(AccountRole):
        raise typer.BadParameter(f"one of {', '.join(AccountRole)}", param_hint="--role")
    return AccountRole(word)
