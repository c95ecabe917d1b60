"""Five folds on four hosts of a Ray cluster, one of which dies in mid-training: the weights of the unbroken run."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mome_core.model.checkpoint import Description, load_checkpoint, save_checkpoint
from mome_core.training.cohort import ManifestRow
from mome_core.training.dataset import Cohort
from mome_core.training.history import epochs_of
from mome_core.training.questions import heads_named
from mome_core.training.start import from_scratch
from node.engines.ray_cluster import RayEngine
from node.training import TrainingPlan, train_on
from node.training_report import TrainingProgress, TrainingReport
from ray_hosts import ray_hosts
from training_examples import QUICK, RECIPE, SMALL, examples

pytestmark = [pytest.mark.system, pytest.mark.slow]
EPOCHS, LOST_IN = 6, 3


def test_a_host_lost_in_the_third_epoch_changes_no_weight(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "start", from_scratch(SMALL, 1), RECIPE, Description("start", "1", "Knows nothing."))
    start = load_checkpoint(tmp_path / "start")
    cases = examples(tmp_path, 40)
    rows = [ManifestRow(e.name, tmp_path / e.name, e.patient, e.labels, None, {}) for e in cases]
    config = replace(QUICK, threads=1, epochs=EPOCHS)
    plan = TrainingPlan(tmp_path / "start", heads_named(["malignancy"]), config, tmp_path / "serial", fold=None)
    unbroken = train_on(Cohort(tuple(cases)), rows, start, plan, TrainingProgress())
    plan = replace(plan, out=tmp_path / "broken")
    with ray_hosts(4, num_gpus=1) as cluster:
        lost = threading.Thread(target=_lose_a_host, args=(cluster, plan.out))
        lost.start()
        engine = RayEngine(cluster.address, gpus=1)
        broken = train_on(Cohort(tuple(cases)), rows, start, plan, TrainingProgress(), engine=engine)
        lost.join()
        assert len(cluster.worker_nodes) == 3
    assert unbroken is not None and broken is not None
    assert _weights(broken) == _weights(unbroken)
    assert broken.cross_validation == unbroken.cross_validation


def _lose_a_host(cluster: object, out: Path) -> None:
    """Kill a host once some fold is in its third epoch."""
    while not any(len(epochs_of(run)) >= LOST_IN - 1 for run in out.glob("fold-*.run")):
        time.sleep(0.05)
    dying = sorted(cluster.worker_nodes, key=str)[0]  # type: ignore[attr-defined]
    cluster.remove_node(dying, allow_graceful=False)  # type: ignore[attr-defined]


def _weights(report: TrainingReport) -> list[str]:
    """Digest of each model's tensors."""
    files = [Path(each.bundle) / "model.safetensors" for each in report.models]
    return [hashlib.sha256(each.read_bytes()).hexdigest() for each in files]
