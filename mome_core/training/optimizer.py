"""What training changes in a network, and the optimizer that changes it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from mome_core.model.baselines import ResNetFusion
from mome_core.model.mome import Mome
from mome_core.training.config import Optimizer, Parts, TrainingConfig
from mome_core.training.patches import PatchReader
from mome_core.training.run_state import TrainedTensors


def trained_tensors(network: Mome | ResNetFusion, reader: PatchReader | None, config: TrainingConfig) -> TrainedTensors:
    """What this config trains of the network and of its reader of patches, with a new optimizer."""
    trained = dict(network.trainable_parameters())
    if reader is not None:
        trained |= {f"reader.{name}": parameter for name, parameter in reader.named_parameters()}
    return TrainedTensors(trained, dict(network.named_buffers()), build_optimizer(trained.values(), config))


def select_parts(network: Mome | ResNetFusion, parts: Parts) -> None:
    """Give a gradient to what is trained, and to nothing else."""
    if parts is Parts.PUBLISHED:
        network.train_published_parts()
    elif parts is Parts.EVERYTHING:
        network.train_everything()
    else:
        network.train_heads()


def build_optimizer(parameters: Iterable[nn.Parameter], config: TrainingConfig) -> torch.optim.Optimizer:
    """The optimizer of what is trained, and of nothing else."""
    kind = torch.optim.Adam if config.optimizer is Optimizer.ADAM else torch.optim.AdamW
    return kind(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
