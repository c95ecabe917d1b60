"""Where training starts: from nothing, or from a bundle (an import of BEiT-3 or of the authors' weights is one)."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn

from mome_core.model.architecture import Architecture, Head
from mome_core.model.build import build_network, with_new_heads
from mome_core.model.checkpoint import Checkpoint
from mome_core.model.mome import Mome

_POSITION_STD = 0.1


def from_scratch(architecture: Architecture, seed: int) -> Mome:
    """A network to be trained whole, backbone included.

    The published initial values suit a backbone that is already trained; from nothing they do not learn: adapters whose
    last linear map is zero in front of a layer norm answer the first step with noise of full size, and positions of
    standard deviation 1 drown the patches. So: linear maps after Glorot and Bengio (2010), small positions.
    """
    torch.manual_seed(seed)
    network = build_network(architecture)
    layers = [*network.early, *network.late]
    for linear in (m for layer in layers for m in layer.modules() if isinstance(m, nn.Linear)):
        nn.init.xavier_normal_(linear.weight)
    with torch.no_grad():
        for position in (*network.positions.values(), network.cls_position_D):
            position.mul_(_POSITION_STD)
    return network


def from_checkpoint(checkpoint: Checkpoint, answers: tuple[Head, ...], seed: int) -> Mome:
    """The checkpoint's network; with new heads where it is asked other questions."""
    torch.manual_seed(seed)
    if answers == checkpoint.architecture.answers:
        return deepcopy(checkpoint.network)  # each fold starts from the same values
    return with_new_heads(checkpoint.network, answers)
