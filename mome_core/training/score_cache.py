"""Answers of a network that were computed before: the same weights, arrays, estimator, code and device give the same.

An evaluation that is interrupted, or repeated with one more model, answers no case twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from mome_core.calibration import Coalition, coalition_name, coalition_named
from mome_core.compute import device_of
from mome_core.model.checkpoint import AnyCheckpoint
from mome_core.results import Endpoint
from mome_core.scoring import pooled
from mome_core.training.dataset import Example, code_digest
from mome_core.training.files import write_whole
from mome_core.training.predict import answer_cases

_Pooled = Mapping[Endpoint, Mapping[Coalition, float]]


def pooled_log_odds(
    checkpoint: AnyCheckpoint, example: Example, cache: Path | None, *, every_coalition: bool
) -> _Pooled:
    """The estimator's log odds of one case by endpoint and coalition, before any calibration.

    Parameters
    ----------
    cache
        Folder in which they are looked up and kept; None asks the network.
    every_coalition
        Of every subset of the case's modalities; else of all together.
    """
    path = cache / f"{_key(checkpoint, example, every_coalition)}.json" if cache else None
    if path is not None and (kept := _read(path)):
        return kept
    (answers,) = answer_cases(
        checkpoint.network, [example], checkpoint.recipe, checkpoint.estimator, every_coalition=every_coalition
    )
    found = {endpoint: pooled(answers, endpoint, checkpoint.estimator) for endpoint in checkpoint.endpoints}
    if path is not None:
        _write(path, found)
    return found


def _key(checkpoint: AnyCheckpoint, example: Example, every_coalition: bool) -> str:
    """Name of the answer: whatever could change a digit is in it; a prepared case is named by its content."""
    parts: Sequence[object] = (
        checkpoint.manifest["weights"]["sha256"],
        checkpoint.manifest["architecture"],
        checkpoint.estimator.name,
        example.path.stem,
        every_coalition,
        [code_digest(package) for package in ("mome_core", "mome_core.model", "mome_core.preprocessing")],
        torch.__version__,
        device_of(checkpoint.network).type,
        torch.get_num_threads(),
    )
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _write(path: Path, found: _Pooled) -> None:
    content = {e.value: {coalition_name(c): value for c, value in by.items()} for e, by in found.items()}
    write_whole(path, json.dumps(content).encode())


def _read(path: Path) -> _Pooled | None:
    """What was kept; None where nothing was, or it is damaged."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return {Endpoint(e): {coalition_named(c): value for c, value in by.items()} for e, by in content.items()}
