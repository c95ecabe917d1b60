"""The command that analyses a folder without any network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dicom_io.files import dicom_files
from node.analysis import AnalysisContext, analyze_study, open_context, summarize
from node.cli.common import counted
from node.cli.options import Config, Json
from node.cli.tables import print_summary
from node.errors import NodeError
from node.models import find_bundle
from node.result_files import write_result_files
from node.settings import load_settings


def infer(
    folder: Annotated[Path, typer.Argument(help="Folder with one study.", exists=True, file_okay=False)],
    out: Annotated[Path, typer.Option("--out", help="Folder for the result objects.")],
    model: Annotated[str, typer.Option("--model", help="Bundle folder or name of a shipped model.")] = "",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Analyse one study from a folder: DICOM in, result objects out, no network.

    Example: mome-node infer ./study --out ./results --model demo
    """
    console = Console(stderr=True)
    context = _context_for(config, model, out)
    paths = dicom_files(folder)
    if not paths:
        raise NodeError(f"{folder} holds no DICOM file")
    with console.status("analysing") as status:
        outcome = analyze_study(
            paths, context, progress=lambda stage, done, planned: status.update(f"{stage} {done} of {planned}")
        )
    out.mkdir(parents=True, exist_ok=True)
    if outcome.objects is not None:
        write_result_files(outcome.objects, out)
    summary = summarize(outcome)
    (out / "result.json").write_text(json.dumps(summary.to_json(), indent=2))
    if as_json:
        typer.echo(json.dumps(summary.to_json()))
    else:
        print_summary(summary, Console())
        typer.echo(
            f"wrote {counted(sum(1 for _ in outcome.objects or ()), 'object')}, result.json and summary.png to {out}"
        )


def _context_for(config: Path | None, model: str, out: Path) -> AnalysisContext:
    """Model and policy; the installation's identity lies in the storage root if that can be written, else in `out`."""
    settings = load_settings(config)
    if not config:
        storage = settings.storage.model_copy(update={"root": out / ".node"})
        settings = settings.model_copy(update={"storage": storage})
    names = (model,) if model else (settings.model.path, *settings.model.further)
    if model:  # who names a bundle in a command vouches for it; what it answers stays in a folder
        settings = settings.model_copy(update={"model": settings.model.model_copy(update={"allow_unsigned": True})})
    return open_context(settings, [find_bundle(each) for each in names])
