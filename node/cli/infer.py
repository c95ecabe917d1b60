"""The command that analyses a folder without any network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dicom_io.files import dicom_files
from node.analysis import AnalysisContext, analyze_study, open_context, summarize
from node.answering import StageProgress
from node.cli.common import counted
from node.cli.options import Config, Json
from node.cli.tables import print_summary
from node.errors import NodeError
from node.identity import users_device
from node.models import find_bundle
from node.nifti_analysis import NO_DICOM, analyze_nifti, listed_maps, summarize_nifti, write_nifti_results
from node.nifti_folders import is_nifti_study, require_apart, require_own
from node.result_files import write_result_files
from node.settings import load_settings


def infer(
    folder: Annotated[Path, typer.Argument(help="Folder with one study.", exists=True, file_okay=False)],
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    model: Annotated[str, typer.Option("--model", help="Bundle folder or name of a shipped model.")] = "",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Analyse one study from a folder: DICOM in, result objects out, no network; of NIfTI, maps as NIfTI and JSON.

    A NIfTI study (docs/nifti.md) gets the score and maps that its DICOM would get, and what its files let be measured
    (kinetics need times, ADC an ADC map or b-values, which `assemble` does not write). It gets no report and no other
    DICOM object: those refer to DICOM images.

    Example: mome-node infer ./study --out ./results --model demo
    """
    if is_nifti_study(folder):
        require_apart(folder, out)
        require_own(out, listed_maps(out))
        _infer_nifti(folder, _context_for(config, model), out, as_json)
        return
    context = _context_for(config, model)
    paths = dicom_files(folder)
    if not paths:
        raise NodeError(f"{folder} holds no DICOM or NIfTI file")
    with _shown_progress() as progress:
        outcome = analyze_study(paths, context, progress=progress)
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


def _infer_nifti(folder: Path, context: AnalysisContext, out: Path, as_json: bool) -> None:
    """Analyse a NIfTI study, write its maps and result.json, and say which objects it cannot have."""
    with _shown_progress() as progress:
        outcome = analyze_nifti(folder, context, progress)
    summary = summarize_nifti(outcome, context)
    files = write_nifti_results(outcome, summary, out)
    if as_json:
        typer.echo(json.dumps(summary.to_json()))
        return
    print_summary(summary, Console())
    typer.echo(f"wrote {', '.join(files)} to {out}")
    typer.echo(f"no DICOM object: {NO_DICOM}")


@contextmanager
def _shown_progress() -> Iterator[StageProgress]:
    """A line on the terminal with the stage that is under way."""
    with Console(stderr=True).status("analysing") as status:
        yield lambda stage, done, planned: status.update(f"{stage} {done} of {planned}")


def _context_for(config: Path | None, model: str) -> AnalysisContext:
    """Model and policy; without a configuration the results are those of the user's own installation."""
    settings = load_settings(config)
    names = (model,) if model else (settings.model.path, *settings.model.further)
    if model:  # who names a bundle in a command vouches for it; what it answers stays in a folder
        settings = settings.model_copy(update={"model": settings.model.model_copy(update={"allow_unsigned": True})})
    device = None if config else users_device()
    return open_context(settings, [find_bundle(each) for each in names], device=device)
