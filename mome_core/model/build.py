"""From an architecture to a network with fresh values, and from one network to another."""

from __future__ import annotations

from dataclasses import replace
from typing import overload

from mome_core.model.architecture import Architecture, Head
from mome_core.model.baselines import ResNetArchitecture, ResNetFusion
from mome_core.model.mome import Mome


@overload
def build_network(architecture: Architecture) -> Mome: ...
@overload
def build_network(architecture: ResNetArchitecture) -> ResNetFusion: ...
def build_network(architecture: Architecture | ResNetArchitecture) -> Mome | ResNetFusion:
    """A network with initial values; seed torch first for the same values twice."""
    return Mome(architecture) if isinstance(architecture, Architecture) else ResNetFusion(architecture)


def with_new_heads(network: Mome, answers: tuple[Head, ...]) -> Mome:
    """A copy of the network with other heads: every other tensor is kept, the heads start anew.

    This is how the paper starts triple-negative and response models from the diagnosis model; the published loader
    instead overwrites the experts of DWI and T2 with those of the DCE.
    """
    other = Mome(replace(network.architecture, answers=answers))
    kept = {name: tensor for name, tensor in network.state_dict().items() if not name.startswith("heads.")}
    other.load_state_dict(kept, strict=False)
    return other
