"""Commands around the settings file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.common import counted
from node.cli.options import Config, Json
from node.errors import SettingsError
from node.model_trust import require_bundles
from node.settings import load_settings
from node.settings_file import example_toml, settings_toml


def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = Path("mome-node.toml"),
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a commented settings file with every key and its default.

    Example: mome-node config init mome-node.toml
    """
    if path.exists() and not force:
        raise SettingsError(f"{path} exists; --force replaces it")
    path.write_text(example_toml(), "utf-8")
    typer.echo(
        f"wrote {path}; fill in [dicom], [storage] and one [[destinations]], then: mome-node config check -c {path}"
    )


def check(config: Config = None) -> None:
    """Read the settings and name every mistake; exit code 3 when there is one.

    Example: mome-node config check --config mome-node.toml
    """
    settings = load_settings(config)
    require_bundles(settings)
    typer.echo(f"{config or 'defaults'}: valid, {counted(len(settings.destinations), 'destination')}")


def show(config: Config = None, as_json: Json = False) -> None:
    """Print the settings in force, file, environment and defaults together, without passwords.

    Example: mome-node config show --config mome-node.toml
    """
    settings = load_settings(config).without_secrets()
    typer.echo(settings.model_dump_json(indent=2) if as_json else settings_toml(settings), nl=False)
