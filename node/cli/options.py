"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="MOME_CONFIG", help="Settings file (TOML).", show_default="defaults"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
StudyUid = Annotated[str, typer.Argument(metavar="UID", help="Study Instance UID.")]
