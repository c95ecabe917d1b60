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
    return with_architecture(network, replace(network.architecture, answers=answers))


def with_architecture(network: Mome, architecture: Architecture) -> Mome:
    """A network of another architecture with every tensor of this one that it has too; heads of other questions anew.

    Layers are matched by their number from the input, so that a layer which keeps to one modality in the one network
    may join all of them in the other. On the CPU.
    """
    other = Mome(architecture)
    own, kept = other.state_dict(), {}
    for name, tensor in network.state_dict().items():
        renamed = _renumbered(name, network.architecture, architecture)
        asked_before = not name.startswith("heads.") or network.answers == other.answers
        if renamed in own and own[renamed].shape == tensor.shape and asked_before:
            kept[renamed] = tensor
    other.load_state_dict(kept, strict=False)
    return other


def _renumbered(name: str, before: Architecture, after: Architecture) -> str:
    """A tensor's name where the border between early and late layers lies elsewhere."""
    part, _, rest = name.partition(".")
    if part not in ("early", "late"):
        return name
    number, _, tensor = rest.partition(".")
    layer = int(number) + (before.sparse_layers if part == "late" else 0)
    early = layer < after.sparse_layers
    return f"early.{layer}.{tensor}" if early else f"late.{layer - after.sparse_layers}.{tensor}"
