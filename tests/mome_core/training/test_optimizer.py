"""What training changes, and nothing else."""

from __future__ import annotations

from mome_core.training.config import (
    Parts,
    TrainingConfig,
)
from mome_core.training.optimizer import build_optimizer, select_parts
from mome_core.training.start import from_scratch
from training_examples import SMALL


def test_the_frozen_backbone_gets_no_gradient_and_no_place_in_the_optimizer() -> None:
    network = from_scratch(SMALL, seed=1)
    select_parts(network, Parts.PUBLISHED)
    trained = dict(network.trainable_parameters())
    assert not any(".attention." in name or ".ffn." in name for name in trained)
    assert any("adapters" in name for name in trained)
    assert any("tokenizers" in name for name in trained)
    optimizer = build_optimizer(trained.values(), TrainingConfig())
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert held == {id(p) for p in trained.values()}
