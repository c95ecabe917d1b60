"""A second answer, in training only, read off the strongest patch of each modality.

A network that starts from nothing does not find a lesion of a few voxels by way of CLS alone: attention would have to
look there before the tokenizer makes it worth looking. The maximum over the patches (multiple-instance learning, Ilse
et al. 2018) reaches the tokenizer directly, and makes each modality answer for itself.
B batch, T tokens, D width, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from mome_core.case import Modality
from mome_core.model.mome import Mome
from mome_core.results import Endpoint


class PatchReader(nn.Module):
    """Logits (B, K) of each endpoint for each modality, from its tokens after the early layers."""

    def __init__(self, network: Mome) -> None:
        super().__init__()
        width = network.architecture.width
        self.norms = nn.ModuleDict({modality.value: nn.LayerNorm(width) for modality in Modality})
        self.heads = nn.ModuleDict(
            {
                modality.value: nn.ModuleDict({h.endpoint.value: nn.Linear(width, h.classes) for h in network.answers})
                for modality in Modality
            }
        )

    def forward(self, tokens: Mapping[Modality, Tensor]) -> list[dict[Endpoint, Tensor]]:
        """One answer for each modality that is there."""
        return [self.read(modality, tokens_BTD) for modality, tokens_BTD in tokens.items()]

    def read(self, modality: Modality, tokens_BTD: Tensor) -> dict[Endpoint, Tensor]:
        """Logits (B, K) of each endpoint from the maximum over the patches; CLS, first of the DCE's, is none."""
        patches_BTD = tokens_BTD[:, 1:] if modality is Modality.DCE else tokens_BTD
        strongest_BD = self.norms[modality.value](patches_BTD).amax(dim=1)
        heads = self.heads[modality.value]
        return {Endpoint(name): head(strongest_BD) for name, head in heads.items()}  # type: ignore[operator]
