"""What training minimises: cross-entropy of each endpoint that a case has a label for.

B batch, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mome_core.results import Endpoint

_ClassWeights = Mapping[Endpoint, Tensor]


def class_weights(labels: Sequence[int], classes: int) -> Tensor:
    """(K,) weights inverse to the number of cases, K in sum: for two classes 2P/(P+N) and 2N/(P+N), as published."""
    counts = torch.bincount(torch.as_tensor(labels), minlength=classes).clamp(min=1)
    inverse = 1 / counts
    return classes * inverse / inverse.sum()


def endpoint_loss(
    logits: Mapping[Endpoint, Tensor],
    labels: Sequence[Mapping[Endpoint, int]],
    weights: _ClassWeights,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Sum over the endpoints of the weighted cross-entropies of the batch, over its size.

    The sum is divided by the number of cases, not by their weights: with a batch of one case PyTorch's mean would
    cancel the weight.

    Parameters
    ----------
    logits
        (B, K) of each endpoint.
    labels
        One mapping for each case, an endpoint without a label is not there.
    """
    total = torch.zeros((), device=next(iter(logits.values())).device)
    for endpoint, logits_BK in logits.items():
        known = [b for b, answers in enumerate(labels) if endpoint in answers]
        if known:
            target = torch.tensor([labels[b][endpoint] for b in known], device=logits_BK.device)
            losses = nn.functional.cross_entropy(
                logits_BK[known].float(),
                target,
                weight=weights.get(endpoint),
                reduction="sum",
                label_smoothing=label_smoothing,
            )
            total = total + losses / len(labels)
    return total
