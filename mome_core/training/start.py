"""Where training starts: which of the paper's networks, and with which values.

MOME and its ablations begin with the values of a bundle (an import of BEiT-3 or of the authors' weights is one) as far
as they have the same tensors; the ResNets that the paper compares MOME with begin with values of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

import torch
from torch import nn

from mome_core.case import Modality
from mome_core.model.architecture import Architecture, EarlyAdapter, Head, LateAdapter
from mome_core.model.baselines import Fusion, ResNetArchitecture, ResNetFusion
from mome_core.model.build import AnyArchitecture, build_network, with_architecture
from mome_core.model.checkpoint import AnyCheckpoint, Checkpoint
from mome_core.model.mome import Mome
from mome_core.training.errors import TrainingRefused

_POSITION_STD = 0.1


class NetworkKind(StrEnum):
    """The networks of the paper's comparison (Fig. 2 and Extended Data): MOME, its ablations, and ResNets.

    BEIT3 joins all modalities in every layer and has no adapters; NO_EXPERTS has MOME's layers without adapters;
    MLP_ADAPTER has a plain adapter in the place of the soft mixture.
    """

    MOME = "mome"
    BEIT3 = "beit3"
    NO_EXPERTS = "no-experts"
    MLP_ADAPTER = "mlp-adapter"
    RESNET34_DCE = "resnet34-dce"
    RESNET34_T2 = "resnet34-t2"
    RESNET34_DWI = "resnet34-dwi"
    LATE_FUSION = "late-fusion"
    FEATURE_FUSION = "feature-fusion"


_RESNETS = {
    NetworkKind.RESNET34_DCE: (Fusion.LATE, (Modality.DCE,)),
    NetworkKind.RESNET34_T2: (Fusion.LATE, (Modality.T2,)),
    NetworkKind.RESNET34_DWI: (Fusion.LATE, (Modality.DWI,)),
    NetworkKind.LATE_FUSION: (Fusion.LATE, tuple(Modality)),
    NetworkKind.FEATURE_FUSION: (Fusion.FEATURE, tuple(Modality)),
}
_RESNET34_BLOCKS = (3, 4, 6, 3)


def starting_network(
    kind: NetworkKind,
    start: AnyCheckpoint,
    heads: tuple[Head, ...],
    *,
    seed: int,
    scratch: bool = False,
    resnet_widths: Sequence[int] = (),
) -> Mome | ResNetFusion:
    """The network to be trained, with its first values.

    TrainingRefused as `starting_architecture`.

    Parameters
    ----------
    scratch
        Take the bundle's sizes and recipe only.
    resnet_widths
        Channels of a ResNet's stages; ResNet-34's when empty.
    """
    architecture = starting_architecture(kind, start, heads, resnet_widths=resnet_widths)
    torch.manual_seed(seed)
    if isinstance(architecture, ResNetArchitecture):
        return build_network(architecture)
    if scratch or not isinstance(start, Checkpoint):
        return from_scratch(architecture, seed)
    return with_architecture(start.network, architecture)  # a copy: the next fold starts from the same values


def starting_architecture(
    kind: NetworkKind, start: AnyCheckpoint, heads: tuple[Head, ...], *, resnet_widths: Sequence[int] = ()
) -> AnyArchitecture:
    """The numbers of the network to be trained, without building it.

    TrainingRefused when the bundle to start from holds a network of the other family.
    """
    if kind in _RESNETS:
        return _resnets(kind, start, heads, widths=tuple(resnet_widths))
    if not isinstance(start, Checkpoint):
        raise TrainingRefused(f"{start.identity.name} holds ResNets; {kind} starts from a bundle of MOME or BEiT-3")
    return _ablated(replace(start.architecture, answers=heads), kind)


def begins_anew(kind: NetworkKind, *, scratch: bool) -> bool:
    """Whether no value of the bundle that is started from gets into the network."""
    return scratch or kind in _RESNETS


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


def _ablated(architecture: Architecture, kind: NetworkKind) -> Architecture:
    """The architecture with as much of MOME's around the backbone as the kind has."""
    match kind:
        case NetworkKind.MLP_ADAPTER:
            return replace(architecture, late_adapter=LateAdapter.SHARED)
        case NetworkKind.NO_EXPERTS:
            return replace(architecture, early_adapter=EarlyAdapter.NONE, late_adapter=LateAdapter.NONE)
        case NetworkKind.BEIT3:
            return replace(_ablated(architecture, NetworkKind.NO_EXPERTS), sparse_layers=0)
    return architecture


def _resnets(
    kind: NetworkKind, start: AnyCheckpoint, heads: tuple[Head, ...], *, widths: tuple[int, ...]
) -> ResNetArchitecture:
    """One ResNet-34 for each modality, fused as the kind says."""
    fusion, modalities = _RESNETS[kind]
    architecture = ResNetArchitecture(fusion, modalities, recipe=start.recipe, answers=heads)
    if widths:
        blocks = _RESNET34_BLOCKS[: len(widths)]
        return replace(architecture, stage_widths=widths, stage_blocks=blocks)
    return architecture
