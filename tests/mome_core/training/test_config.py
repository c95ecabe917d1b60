"""The numbers of a training run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mome_core.compute import Precision
from mome_core.training.config import (
    FOLLOW_UP_TASK,
    Flips,
    Optimizer,
    TrainingConfig,
    config_from_json,
)
from mome_core.training.errors import TrainingRefused
from training_examples import QUICK


def test_the_defaults_are_the_published_protocol() -> None:
    config = TrainingConfig()
    assert (config.epochs, config.batch_size, config.accumulation) == (100, 1, 32)
    assert (config.optimizer, config.weight_decay) == (Optimizer.ADAM, 5e-4)
    assert config.learning_rate_of(0) == pytest.approx(1e-4)
    assert config.learning_rate_of(50) == pytest.approx((1e-4 + 1e-6) / 2)
    assert () not in config.flips.axes
    assert FOLLOW_UP_TASK.epochs == 200
    assert FOLLOW_UP_TASK.class_weighted


def test_a_config_survives_being_written_and_read() -> None:
    config = replace(QUICK, flips=Flips.GROUP, precision=Precision.BFLOAT16, patience=3)
    assert config_from_json(config.to_json()) == config


def test_an_unknown_or_impossible_number_of_a_config_is_named() -> None:
    with pytest.raises(TrainingRefused, match="no 'epoch'"):
        config_from_json({"epoch": 3})
    with pytest.raises(TrainingRefused, match="epochs must be at least 1"):
        config_from_json({"epochs": 0})
