"""Where training starts: each fold from the same values, whatever the fold before it has learned."""

from __future__ import annotations

from pathlib import Path

import torch

from mome_core.model.checkpoint import Description, load_checkpoint, save_checkpoint
from mome_core.training.loop import digest
from mome_core.training.start import from_checkpoint, from_scratch
from training_examples import RECIPE, SMALL


def test_training_changes_a_copy_so_that_the_next_fold_starts_from_the_same_values(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "start", from_scratch(SMALL, 3), RECIPE, Description("start", "1", "For tests."))
    start = load_checkpoint(tmp_path / "start")
    before = digest(start.network)
    network = from_checkpoint(start, start.architecture.answers, seed=1)
    assert digest(network) == before
    with torch.no_grad():
        next(network.parameters()).add_(1)
    assert digest(start.network) == before
