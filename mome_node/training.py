"""Training from a script: what `mome-node train` does, as a function."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mome_core.training.cohort import read_manifest
from mome_core.training.questions import heads_named
from node.models import find_bundle
from node.training import TrainingPlan, train_models, training_config
from node.training_report import TrainingProgress, TrainingReport


def train(
    manifest: str | Path,
    out: str | Path,
    *,
    start: str | Path = "demo",
    endpoints: Sequence[str] = ("malignancy",),
    config: str | Path | None = None,
    epochs: int | None = None,
    folds: int = 5,
    inner_folds: int = 5,
    scratch: bool = False,
    device: str = "cpu",
    workers: int = 1,
    progress: TrainingProgress | None = None,
) -> TrainingReport | None:
    """Train a model on a cohort and write its bundle; killed and called again it continues.

    The defaults are the published protocol (docs/training.md). Of further options see `node.training.TrainingPlan`,
    which `mome-node train` fills: this function holds what a script usually sets.

    Parameters
    ----------
    manifest
        CSV or Parquet of the cohort: a row for each study, with its folder, its patient and a column for each endpoint.
    out
        Folder of the bundle.
    start
        Bundle whose recipe, architecture and (unless `scratch`) weights are taken.
    endpoints
        What is learned: columns of the manifest.
    config
        TOML or JSON of a TrainingConfig.
    epochs
        Overrides the config.
    folds, inner_folds
        Parts of the cohort, of which the first is kept for the end; parts of the rest, of which one chooses epoch,
        calibration and operating point. Unused where the manifest has splits.
    workers
        Processes that prepare cases.
    progress
        Is told of cases, epochs and steps; None stays silent.

    Returns
    -------
    TrainingReport | None
        None in processes that only help the main one (torchrun).

    Raises
    ------
    MomeError
        A manifest, or a config, that nothing sound can be trained with (TrainingRefused).
    NodeError
        There is no such start, or the config cannot be read.
    """
    heads = heads_named(endpoints)
    plan = TrainingPlan(
        start=find_bundle(str(start)),
        heads=heads,
        config=training_config(None if config is None else Path(config), heads, epochs=epochs),
        out=Path(out),
        scratch=scratch,
        folds=folds,
        inner_folds=inner_folds,
        device=device,
        workers=workers,
    )
    return train_models(read_manifest(Path(manifest)), plan, progress or TrainingProgress())
