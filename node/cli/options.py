"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="MOME_CONFIG", help="Settings file (TOML).", show_default="defaults"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
StudyName = Annotated[str, typer.Argument(metavar="STUDY", help="Number of the study on this node, or its UID.")]
CohortManifest = Annotated[Path, typer.Argument(metavar="COHORT.csv", help="Columns case, patient, endpoints, split.")]
EndpointOption = Annotated[str, typer.Option("--endpoint", help="What is measured: a column of the CSV.")]
CacheOption = Annotated[Path, typer.Option("--cache", help="Prepared cases, kept from run to run.")]
WorkersOption = Annotated[int, typer.Option("--workers", min=1, help="Processes that prepare cases.")]
