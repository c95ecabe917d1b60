"""From an architecture to a network with fresh values, and from one network to another."""

from __future__ import annotations

from typing import overload

from mome_core.model.architecture import Architecture
from mome_core.model.baselines import ResNetArchitecture, ResNetFusion
from mome_core.model.mome import Mome

AnyArchitecture = Architecture | ResNetArchitecture


@overload
def build_network(architecture: Architecture) -> Mome: ...
@overload
def build_network(architecture: ResNetArchitecture) -> ResNetFusion: ...
def build_network(architecture: AnyArchitecture) -> Mome | ResNetFusion:
    """A network with initial values; seed torch first for the same values twice."""
    return Mome(architecture) if isinstance(architecture, Architecture) else ResNetFusion(architecture)


def with_architecture(network: Mome, architecture: Architecture) -> Mome:
    """A network of another architecture with every tensor of this one that it has too; heads of new questions anew.

    This is how the paper starts triple-negative and response models from the diagnosis model; the published loader
    instead overwrites the experts of DWI and T2 with those of the DCE. Layers are matched by their number from the
    input, so that a layer which keeps to one modality in the one network may join all of them in the other. On the CPU.
    """
    other = Mome(architecture)
    own, kept = other.state_dict(), {}
    redrawn = tuple(f"heads.{head.endpoint}." for head in network.answers if head not in other.answers)
    for name, tensor in network.state_dict().items():
        renamed = _renumbered(name, network.architecture, architecture)
        if renamed in own and own[renamed].shape == tensor.shape and not name.startswith(redrawn):
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
