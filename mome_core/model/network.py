"""What every network of ours can do, MOME and the baselines it is compared with.

B batch, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from mome_core.case import Modality
from mome_core.model.architecture import Head
from mome_core.results import Endpoint

_VolumeShapes = Mapping[Modality, tuple[int, int, int, int]]


class _Architecture(Protocol):
    """The numbers that a network is built from."""

    def usable(self, modalities: Iterable[Modality]) -> frozenset[Modality]:
        """Those of the modalities that it answers from; none where it cannot answer without others."""


class Network(nn.Module):
    """Volumes of the present modalities in, logits of each endpoint out.

    Parameters
    ----------
    answers
        The heads, one for each endpoint.
    volume_shapes
        (channels, axis 0, axis 1, slices) of each modality that it can take.
    """

    architecture: _Architecture

    def __init__(self, answers: tuple[Head, ...], volume_shapes: _VolumeShapes) -> None:
        super().__init__()
        self.answers = answers
        self.volume_shapes = volume_shapes

    def __call__(self, volumes: Mapping[Modality, Tensor]) -> dict[Endpoint, Tensor]:
        """Logits (B, K) of each endpoint from padded volumes (B, channels, axis 0, axis 1, slices)."""
        logits: dict[Endpoint, Tensor] = super().__call__(volumes)
        return logits

    def log_odds(self, endpoint: Endpoint, logits_BK: Tensor) -> Tensor:
        """(B,) logit of the endpoint's probability: for two classes logit 1 - logit 0."""
        positive = self.head_of(endpoint).positive_class
        others = [k for k in range(logits_BK.shape[1]) if k != positive]
        return logits_BK[:, positive] - logits_BK[:, others].logsumexp(dim=1)

    def probability(self, endpoint: Endpoint, logits_BK: Tensor) -> Tensor:
        """(B,) softmax of the positive class, float32, not calibrated."""
        return torch.sigmoid(self.log_odds(endpoint, logits_BK.float()))

    def head_of(self, endpoint: Endpoint) -> Head:
        """The head of an endpoint; ValueError when the network does not answer it."""
        for head in self.answers:
            if head.endpoint is endpoint:
                return head
        raise ValueError(f"the network does not answer {endpoint}")

    def require_volumes(self, volumes: Mapping[Modality, Tensor]) -> None:
        """Raise ValueError, naming the modality and both shapes, for input that the network does not take."""
        if not volumes:
            raise ValueError("a network needs the volume of at least one modality")
        for modality, volume in volumes.items():
            if modality not in self.volume_shapes:
                raise ValueError(f"the network does not take {modality}")
            if volume.ndim != 5 or tuple(volume.shape[1:]) != self.volume_shapes[modality]:
                expected = ("batch", *self.volume_shapes[modality])
                raise ValueError(f"{modality}: expected a volume {expected}, got {tuple(volume.shape)}")
        if len({len(volume) for volume in volumes.values()}) > 1:
            raise ValueError(f"modalities of one batch differ in length: {[len(v) for v in volumes.values()]}")

    def trainable_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Name and tensor of each parameter that training changes, by the last `train_...` or `freeze`."""
        return ((name, parameter) for name, parameter in self.named_parameters() if parameter.requires_grad)

    def train_everything(self) -> None:
        """From now on training changes every parameter."""
        self.requires_grad_(True)

    def freeze(self) -> None:
        """Evaluation mode, and no parameter keeps a gradient: what inference and explanation want."""
        self.eval()
        self.requires_grad_(False)
