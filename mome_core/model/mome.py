"""MOME: three modalities of a breast MRI study in, one set of logits for each endpoint out.

Luo et al., "A large model for non-invasive and personalized management of breast cancer from multiparametric MRI"
(mixture of modality experts), as its published code builds it; `architecture` says where the two differ.

B batch, C channels, XYZ voxels, T tokens of one modality, L tokens of all present ones, D width, K classes.
Base: DCE 6 x 384 x 256 x 128 -> T = 1 + 3072, DWI 1 x 256 x 128 x 32 -> 256, T2 1 x 384 x 256 x 48 -> 1152.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from mome_core.case import Modality
from mome_core.model.architecture import Architecture, HeadKind
from mome_core.model.embedding import Tokenizer
from mome_core.model.encoder import Block, recomputed
from mome_core.model.experts import JOINT, LAYER_NORM_EPSILON
from mome_core.model.initialise import initialise_adapters, initialise_heads, initialise_linear
from mome_core.model.network import Network
from mome_core.results import Endpoint

_Paths = Tensor | None  # (layers, 2, B): factor of each residual branch in training, see `draw_paths`


class Mome(Network):
    """Takes any non-empty subset of the modalities: absent ones cost nothing, their tokens do not exist.

    The CLS token lives with the DCE; without DCE it passes the early layers alone and joins the others afterwards.
    """

    architecture: Architecture

    def __init__(self, architecture: Architecture) -> None:
        a = architecture
        super().__init__(a.answers, {modality: a.volume_shape(modality) for modality in Modality})
        self.architecture = a
        self.tokenizers = nn.ModuleDict(
            {m.value: Tokenizer(a.channels(m), a.stem_widths, a.width, a.tokenizer_norm) for m in Modality}
        )
        self.positions = nn.ParameterDict({m.value: nn.Parameter(torch.randn(a.tokens(m), a.width)) for m in Modality})
        self.cls_D = nn.Parameter(torch.zeros(a.width))
        self.cls_position_D = nn.Parameter(torch.randn(a.width))
        self.early = nn.ModuleList(Block(a, early=True) for _ in range(a.sparse_layers))
        self.late = nn.ModuleList(Block(a, early=False) for _ in range(a.layers - a.sparse_layers))
        self.norm = nn.LayerNorm(a.width, eps=LAYER_NORM_EPSILON)
        bias = a.head_kind is HeadKind.LINEAR
        self.heads = nn.ModuleDict({h.endpoint.value: nn.Linear(a.width, h.classes, bias=bias) for h in a.answers})
        self.recompute = False  # in training, keep only the layers' inputs for the backward pass
        initialise_linear(self)
        initialise_adapters(self)
        initialise_heads(self.heads)
        self.train_published_parts()

    def forward(self, volumes: Mapping[Modality, Tensor]) -> dict[Endpoint, Tensor]:
        """Logits (B, K) of each endpoint from the padded volumes (B, C, X, Y, Z) of the present modalities."""
        self.require_volumes(volumes)
        paths = self.draw_paths(len(next(iter(volumes.values()))))
        tokens = {m: self.modality_stage(m, volumes[m], paths) for m in Modality if m in volumes}
        return self.joint_stage(tokens, paths=paths)

    def modality_stage(self, modality: Modality, volume_BCXYZ: Tensor, paths: _Paths = None) -> Tensor:
        """(B, T, D) after the early layers, from this modality alone; the DCE's have CLS at index 0."""
        return self.after_tokenizer(modality, self.tokenizer(modality)(volume_BCXYZ), paths)

    def tokenizer(self, modality: Modality) -> Tokenizer:
        """From a volume of this modality to its tokens."""
        return cast(Tokenizer, self.tokenizers[modality.value])

    def after_tokenizer(self, modality: Modality, patches_BTD: Tensor, paths: _Paths = None) -> Tensor:
        """The rest of the modality stage, from the tokenizer's output, which token-space explanations start from."""
        tokens_BTD = patches_BTD + self.positions[modality.value]
        if modality is Modality.DCE:
            tokens_BTD = torch.cat([self.cls_B1D(len(tokens_BTD)), tokens_BTD], dim=1)
        return self.through_early(tokens_BTD, modality, paths)

    def cls_alone(self, batch: int, paths: _Paths = None) -> Tensor:
        """(B, 1, D) CLS after the early layers when there is no DCE: it attends to itself, beside the DCE's expert."""
        return self.through_early(self.cls_B1D(batch), Modality.DCE, paths)

    def joint_stage(
        self, tokens: Mapping[Modality, Tensor], cls_B1D: Tensor | None = None, paths: _Paths = None
    ) -> dict[Endpoint, Tensor]:
        """Logits (B, K) of each endpoint from the modality stages given; without DCE, `cls_B1D` is `cls_alone`'s."""
        parts = [tokens[modality] for modality in Modality if modality in tokens]
        if Modality.DCE not in tokens:
            parts.insert(0, self.cls_alone(len(parts[0]), paths) if cls_B1D is None else cls_B1D)
        x_BLD = torch.cat(parts, dim=1)  # CLS, DCE, DWI, T2
        for layer, block in enumerate(self.late):
            first = 1 if layer == len(self.late) - 1 else None  # of the last layer only CLS is read
            x_BLD = self.through(block, x_BLD, JOINT, _path(paths, len(self.early) + layer), first)
        return self.answer(x_BLD[:, 0])

    def answer(self, cls_BD: Tensor) -> dict[Endpoint, Tensor]:
        """Logits (B, K) of each endpoint from the CLS token of the last layer."""
        feature_BD = self.norm(cls_BD)
        if self.architecture.head_kind is HeadKind.COSINE:
            feature_BD = nn.functional.normalize(feature_BD, dim=1)
        return {head.endpoint: self.heads[head.endpoint.value](feature_BD) for head in self.answers}

    def cls_B1D(self, batch: int) -> Tensor:  # noqa: N802
        """CLS with its position, before the first layer."""
        return (self.cls_D + self.cls_position_D).expand(batch, 1, -1)

    def through_early(self, x_BTD: Tensor, modality: Modality, paths: _Paths) -> Tensor:
        """(B, T, D) after the early layers, beside the experts of this modality."""
        for layer, block in enumerate(self.early):
            x_BTD = self.through(block, x_BTD, modality.value, _path(paths, layer))
        return x_BTD

    def through(self, block: nn.Module, x_BTD: Tensor, *arguments: object) -> Tensor:
        """One layer, (B, T, D) -> (B, T, D), keeping only its input for the backward pass when `recompute` is on."""
        out_BTD: Tensor = recomputed(block, x_BTD, *arguments) if self.recompute else block(x_BTD, *arguments)
        return out_BTD

    def draw_paths(self, batch: int) -> _Paths:
        """Which residual branches each sample keeps in this training step (stochastic depth); None in evaluation."""
        if not self.training or not self.architecture.drop_path:
            return None
        layers = self.architecture.layers
        keep_L11 = 1 - torch.linspace(0, self.architecture.drop_path, layers, device=self.cls_D.device)[:, None, None]
        return torch.bernoulli(keep_L11.expand(layers, 2, batch)) / keep_L11

    def train_published_parts(self) -> None:
        """From now on training changes what the paper trains: all but the BEiT-3 backbone."""
        self.requires_grad_(True)
        for block in (*self.early, *self.late):
            block.requires_grad_(False)
            block.adapters.requires_grad_(True)

    def train_heads(self) -> None:
        """From now on training changes the last layer norm and the classifiers alone."""
        self.requires_grad_(False)
        self.norm.requires_grad_(True)
        self.heads.requires_grad_(True)


def _path(paths: _Paths, layer: int) -> _Paths:
    """Paths (2, B) of one layer, of those of all layers."""
    return None if paths is None else paths[layer]
