"""`mome-node cohort run`: a model over every study of a manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mome_core.training.cohort import read_manifest
from node.batch.page import PAGE
from node.batch.request import BatchRequest
from node.batch.run import BatchPlan, BatchReport, Shard, run_batch
from node.batch.table import RESULTS
from node.cli.common import counted
from node.cli.options import Config, Json
from node.cli.progress import study_progress
from node.engines.choice import EngineName, EngineOptions, engine_named
from node.engines.engine import Limits
from node.errors import NodeError
from node.models import find_bundle

_Manifest = Annotated[Path, typer.Argument(metavar="COHORT.csv", help="The manifest: CSV or Parquet.")]
_Out = Annotated[Path, typer.Option("--out", help="Folder of rows, tables and page; a later call goes on there.")]
_Models = Annotated[list[str], typer.Option("--model", help="Bundle: folder or shipped name; repeatable.")]
_Objects = Annotated[
    list[str] | None, typer.Option("--objects", help="Kind of result object to write, e.g. report; repeatable.")
]
_Engine = Annotated[EngineName, typer.Option("--engine", help="Processes of this machine, or a Ray cluster.")]
_Workers = Annotated[int, typer.Option("--workers", min=0, help="Processes side by side; 0: one a processor.")]
_Threads = Annotated[int, typer.Option("--threads", min=1, help="Processor threads of each process.")]
_Gpus = Annotated[float, typer.Option("--gpus", min=0, help="Ray: graphics cards of each process.")]
_Address = Annotated[
    str, typer.Option("--ray-address", help="Cluster: auto or HOST:PORT; without one it starts here and ends.")
]
_Shard = Annotated[str, typer.Option("--shard", help="This call's part among several on one --out, e.g. 2/8.")]
_Seconds = Annotated[float, typer.Option("--seconds", min=1, help="A study that takes longer is stopped.")]
_Memory = Annotated[
    float, typer.Option("--memory-gib", min=0, help="Most memory of a process; 0: an equal share of the machine.")
]


def run(
    manifest: _Manifest,
    out: _Out,
    model: _Models = ["demo"],  # noqa: B006
    objects: _Objects = None,
    engine: _Engine = EngineName.LOCAL,
    workers: _Workers = 0,
    threads: _Threads = 1,
    gpus: _Gpus = 0.0,
    ray_address: _Address = "",
    shard: _Shard = "1/1",
    seconds: _Seconds = 1800.0,
    memory_gib: _Memory = 0.0,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Answer every study of a manifest: a Parquet table of scores, calls and measurements, and a page.

    A study's row is named by its content, model, settings and code: the same call after any end, another engine, or
    another host that sees --out goes on with what is missing. A study that crashes its process, eats its memory or
    takes too long is a row with its reason; the next call tries it again. Exit code 1 when there is such a row.
    docs/batch.md shows it on a cluster.

    Example: mome-node cohort run cohort.csv --model demo --out results --workers 2
    """
    bundles = tuple(find_bundle(name).resolve() for name in model)
    request = BatchRequest(bundles, out.resolve(), tuple(objects or ()), threads, config)
    chosen = engine_named(engine, workers, EngineOptions(ray_address, gpus))
    plan = BatchPlan(read_manifest(manifest), request, chosen, Limits(seconds, memory_gib), Shard.parse(shard))
    report = run_batch(plan, study_progress("answered"))
    if as_json:
        typer.echo(json.dumps(report.to_json()))
    else:
        _print_report(report, out)
    if failed := len(report.failures):
        raise NodeError(f"{counted(failed, 'study', 'studies')} failed; the same call tries again")


def _print_report(report: BatchReport, out: Path) -> None:
    """What became of the studies, and where to look."""
    typer.echo("RESEARCH USE ONLY - not for clinical use.")
    counts = ", ".join(f"{count} {status}" for status, count in sorted(report.counts.items()))
    typer.echo(f"{counted(len(report.rows), 'study', 'studies')}: {counts}; {report.answered} analysed by this call")
    for row in report.failures:
        typer.echo(f"failed: case {row.case}: {row.failure}")
    typer.echo(f"{out / RESULTS}, {out / PAGE}")
