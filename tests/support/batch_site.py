"""A manifest of tiny phantoms, one folder without images among them."""

from __future__ import annotations

from pathlib import Path

import phantom
from mome_core.training.cohort import read_manifest
from node.batch.request import BatchRequest
from node.batch.run import BatchPlan, Shard
from node.engines.engine import Engine, Limits
from node.models import find_bundle
from serial_engine import SerialEngine

LESIONS = ("malignant", "benign", "none")


def manifest_of(folder: Path, studies: int) -> Path:
    """So many studies, and an empty folder as the last case."""
    lines = ["case,patient,malignancy"]
    for n in range(studies):
        phantom.study(folder / f"s{n}", seed=n + 1, lesion=LESIONS[n % 3])
        lines.append(f"s{n},p{n},")
    (folder / "empty").mkdir()
    (folder / "cohort.csv").write_text("\n".join([*lines, "empty,p9,"]) + "\n")
    return folder / "cohort.csv"


def plan_of(manifest: Path, out: Path, engine: Engine | None = None, shard: str = "1/1") -> BatchPlan:
    """The demo model on the manifest."""
    request = BatchRequest((find_bundle("demo"),), out)
    return BatchPlan(read_manifest(manifest), request, engine or SerialEngine(), Limits(), Shard.parse(shard))
