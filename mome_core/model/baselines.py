"""What MOME is compared with: a 3-D ResNet for each modality, their late fusion, and their feature fusion.

The ablations of MOME itself are architectures (`mome_core.training.start` names them). The
published code holds the ResNet class and no script; the fusions follow the paper's sentences (Methods: comparison).

B batch, C channels, XYZ voxels, F features, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor, nn

from mome_core.case import Modality
from mome_core.errors import CheckpointRefused
from mome_core.model.architecture import Head, heads_from_json, require_distinct_answers
from mome_core.model.network import Network
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint

_ALL = "all"


class Fusion(StrEnum):
    """How the modalities' ResNets come together: mean of their probabilities, or one perceptron over their features."""

    LATE = "late"
    FEATURE = "feature"


@dataclass(frozen=True, slots=True)
class ResNetArchitecture:
    """ResNets fused; late fusion of a single modality is the unimodal baseline.

    Parameters
    ----------
    modalities
        Those that the network takes. Feature fusion needs all of them at once.
    stage_widths, stage_blocks
        ResNet-34's by default (63.6 million parameters for six channels).
    recipe
        Sizes and channels of the volumes.
    """

    fusion: Fusion = Fusion.LATE
    modalities: tuple[Modality, ...] = tuple(Modality)
    stage_widths: tuple[int, ...] = (64, 128, 256, 512)
    stage_blocks: tuple[int, ...] = (3, 4, 6, 3)
    recipe: Recipe = field(default_factory=Recipe)
    answers: tuple[Head, ...] = (Head(Endpoint.MALIGNANCY),)

    def __post_init__(self) -> None:
        if not self.modalities or len(set(self.modalities)) < len(self.modalities):
            raise ValueError(f"a baseline takes one or more distinct modalities, got {self.modalities}")
        if not self.stage_widths or len(self.stage_widths) != len(self.stage_blocks):
            raise ValueError("each stage of a ResNet has a width and a number of blocks")
        require_distinct_answers(self.answers)

    def volume_shape(self, modality: Modality) -> tuple[int, int, int, int]:
        """(channels, axis 0, axis 1, slices) of the padded array."""
        return self.recipe.channels(modality), *self.recipe.size(modality)

    def require_fits(self, recipe: Recipe) -> None:
        """Raise ValueError unless the recipe gives the arrays that it was built for; quality flags may differ."""
        if recipe.of_arrays != self.recipe.of_arrays:
            raise ValueError("the recipe is not the one that this baseline was built for")

    def usable(self, modalities: Iterable[Modality]) -> frozenset[Modality]:
        """Those of the modalities that it answers from; feature fusion needs all of its own."""
        found = frozenset(modalities) & frozenset(self.modalities)
        complete = len(found) == len(self.modalities)
        return found if complete or self.fusion is Fusion.LATE else frozenset()

    def to_json(self) -> dict[str, Any]:
        """Plain values for the bundle's manifest."""
        return asdict(self)


def resnet_architecture_from_json(values: Mapping[str, Any]) -> ResNetArchitecture:
    """The baseline that a manifest describes."""
    known = {each.name for each in fields(ResNetArchitecture)}
    if unknown := sorted(set(values) - known):
        raise CheckpointRefused(f"the baseline has a field this version does not know: {unknown[0]}")
    try:
        return ResNetArchitecture(
            fusion=Fusion(values["fusion"]),
            modalities=tuple(Modality(value) for value in values["modalities"]),
            stage_widths=tuple(values["stage_widths"]),
            stage_blocks=tuple(values["stage_blocks"]),
            recipe=Recipe.from_json(values["recipe"]),
            answers=heads_from_json(values["answers"]),
        )
    except (TypeError, ValueError, KeyError) as error:
        raise CheckpointRefused(f"the manifest does not describe a valid baseline: {error}") from error


class ResNetFusion(Network):
    """A 3-D ResNet for each modality, fused late or by features."""

    architecture: ResNetArchitecture

    def __init__(self, architecture: ResNetArchitecture) -> None:
        a = architecture
        super().__init__(a.answers, {modality: a.volume_shape(modality) for modality in a.modalities})
        self.architecture = a
        self.trunks = nn.ModuleDict({m.value: _ResNet3d(a.recipe.channels(m), a) for m in a.modalities})
        features = a.stage_widths[-1]
        late = a.fusion is Fusion.LATE
        readers = [m.value for m in a.modalities] if late else [_ALL]
        self.perceptron = nn.Identity() if late else _three_layers(features * len(a.modalities), features)
        names = {_head_name(reader, h): h for reader in readers for h in a.answers}
        self.heads = nn.ModuleDict({name: nn.Linear(features, h.classes) for name, h in names.items()})

    def forward(self, volumes: Mapping[Modality, Tensor]) -> dict[Endpoint, Tensor]:
        """Logits (B, K) of each endpoint from the padded volumes (B, C, X, Y, Z) of the present modalities."""
        self.require_volumes(volumes)
        features = {m: self.trunks[m.value](volumes[m]) for m in self.architecture.modalities if m in volumes}
        if self.architecture.fusion is Fusion.LATE:
            return {head.endpoint: self.mean_of_probabilities(head, features) for head in self.answers}
        if len(features) < len(self.architecture.modalities):
            raise ValueError(
                f"feature fusion needs {', '.join(self.architecture.modalities)}, got {', '.join(features)}"
            )
        fused_BF = self.perceptron(torch.cat(list(features.values()), dim=1))
        return {head.endpoint: self.heads[_head_name(_ALL, head)](fused_BF) for head in self.answers}

    def train_published_parts(self) -> None:
        """From now on training changes every parameter: there is no backbone that others have trained."""
        self.train_everything()

    def train_heads(self) -> None:
        """From now on training changes the classifiers alone."""
        self.requires_grad_(False)
        self.heads.requires_grad_(True)

    def mean_of_probabilities(self, head: Head, features: Mapping[Modality, Tensor]) -> Tensor:
        """(B, K) logarithm of the mean probability over the present modalities; its softmax is that mean."""
        logs = [self.heads[_head_name(m, head)](f_BF).log_softmax(dim=1) for m, f_BF in features.items()]
        return torch.stack(logs).logsumexp(dim=0) - torch.tensor(float(len(logs))).log()


class _ResNet3d(nn.Module):
    """(B, C, X, Y, Z) -> (B, F): He et al. 2016 in three dimensions, without its classifier."""

    def __init__(self, channels: int, a: ResNetArchitecture) -> None:
        super().__init__()
        first = a.stage_widths[0]
        self.stem = nn.Sequential(
            nn.Conv3d(channels, first, kernel_size=7, stride=2, padding=3, bias=False),
            nn.BatchNorm3d(first),
            nn.ReLU(inplace=True),
            nn.MaxPool3d(kernel_size=3, stride=2, padding=1),
        )
        blocks: list[nn.Module] = []
        before = first
        for stage, (width, count) in enumerate(zip(a.stage_widths, a.stage_blocks, strict=True)):
            for block in range(count):
                blocks.append(_BasicBlock(before, width, stride=2 if stage and not block else 1))
                before = width
        self.blocks = nn.Sequential(*blocks)
        for convolution in (m for m in self.modules() if isinstance(m, nn.Conv3d)):
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, volume_BCXYZ: Tensor) -> Tensor:
        features_BF: Tensor = self.blocks(self.stem(volume_BCXYZ)).mean(dim=(2, 3, 4))
        return features_BF


class _BasicBlock(nn.Module):
    """Two 3 x 3 x 3 convolutions around an identity, or around a 1 x 1 x 1 convolution where the shape changes."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv3d(before, width, kernel_size=3, stride=stride, padding=1, bias=False),
            nn.BatchNorm3d(width),
            nn.ReLU(inplace=True),
            nn.Conv3d(width, width, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm3d(width),
        )
        same = before == width and stride == 1
        shortcut = [nn.Conv3d(before, width, kernel_size=1, stride=stride, bias=False), nn.BatchNorm3d(width)]
        self.shortcut = nn.Identity() if same else nn.Sequential(*shortcut)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.branch(x) + self.shortcut(x))


def _head_name(reader: str, head: Head) -> str:
    """Name of the classifier that reads the features of one modality, or of ALL, for one endpoint."""
    return f"{reader}_{head.endpoint.value}"


def _three_layers(features_in: int, features: int) -> nn.Sequential:
    """The perceptron of feature fusion up to its classifier, which is the head."""
    return nn.Sequential(nn.Linear(features_in, features), nn.ReLU(), nn.Linear(features, features), nn.ReLU())
