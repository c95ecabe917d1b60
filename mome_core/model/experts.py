"""What is trained beside the frozen backbone: bottleneck adapters, the late ones with a soft mixture of experts inside.

B batch, T tokens, D width, A adapter width, E experts, S slots of an expert, P = E * S slots in all.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mome_core.case import Modality
from mome_core.model.architecture import Architecture, EarlyAdapter, LateAdapter

LAYER_NORM_EPSILON = 1e-5
JOINT = "joint"  # the adapter that serves every modality


class Adapter(nn.Module):
    """(B, T, D) -> (B, T, D): down, GELU, the mixture if there is one, up, layer norm; no residual of its own."""

    def __init__(self, width: int, adapter_width: int, mixture: SoftMixture | None = None) -> None:
        super().__init__()
        self.down = nn.Linear(width, adapter_width)
        self.mixture = mixture
        self.up = nn.Linear(adapter_width, width)
        self.norm = nn.LayerNorm(width, eps=LAYER_NORM_EPSILON)

    def forward(self, tokens_BTD: Tensor, *, first: int | None = None) -> Tensor:
        """With `first`, the mixture sees all tokens but only that many of the first are answered."""
        hidden_BTA = nn.functional.gelu(self.down(tokens_BTD))
        if self.mixture is not None:
            hidden_BTA = self.mixture(hidden_BTA, first=first)
        out_BTD: Tensor = self.norm(self.up(hidden_BTA[:, :first]))
        return out_BTD


class SoftMixture(nn.Module):
    """Soft mixture of experts (Puigcerver et al. 2023): every slot is a weighted mean of all tokens, and back.

    The published MOME uses neither unit vectors nor a scale (`normalised=False`), and its experts are affine maps.
    """

    def __init__(self, adapter_width: int, experts: int, slots: int, *, normalised: bool) -> None:
        super().__init__()
        self.phi_AES = nn.Parameter(torch.empty(adapter_width, experts, slots))
        self.weight_EAA = nn.Parameter(torch.empty(experts, adapter_width, adapter_width))  # (expert, in, out)
        self.bias_EA = nn.Parameter(torch.empty(experts, adapter_width))
        self.scale = nn.Parameter(torch.ones(())) if normalised else None

    def forward(self, x_BTA: Tensor, *, first: int | None = None) -> Tensor:
        logits_BTP = self.affinity(x_BTA)
        slots_BPA = logits_BTP.softmax(dim=1).transpose(1, 2) @ x_BTA  # dispatch: softmax over the tokens
        slots_BESA = slots_BPA.view(len(x_BTA), *self.phi_AES.shape[1:], -1)
        answers_BESA = torch.einsum("besa,eao->beso", slots_BESA, self.weight_EAA) + self.bias_EA[:, None]
        combine_BTP = logits_BTP[:, :first].softmax(dim=2)  # softmax over the slots
        return combine_BTP @ answers_BESA.flatten(1, 2)

    def affinity(self, x_BTA: Tensor) -> Tensor:
        """Logits of tokens against slots, (B, T, P)."""
        phi_AP = self.phi_AES.flatten(1)
        if self.scale is None:
            return x_BTA @ phi_AP
        unit = nn.functional.normalize
        return unit(x_BTA, dim=2) @ (self.scale * unit(phi_AP, dim=0))


def adapters(a: Architecture, *, early: bool) -> nn.ModuleDict:
    """The adapters of one layer: an expert for each modality, or one under the name JOINT, or none."""
    kind = a.early_adapter if early else a.late_adapter
    if kind in (EarlyAdapter.NONE, LateAdapter.NONE):
        return nn.ModuleDict()
    if kind is EarlyAdapter.EXPERT_PER_MODALITY:
        return nn.ModuleDict({modality.value: Adapter(a.width, a.adapter_width) for modality in Modality})
    if kind in (EarlyAdapter.SHARED, LateAdapter.SHARED):
        return nn.ModuleDict({JOINT: Adapter(a.width, a.adapter_width)})
    normalised = kind is LateAdapter.SOFT_MIXTURE_NORMALISED
    mixture = SoftMixture(a.adapter_width, a.soft_experts, a.soft_slots, normalised=normalised)
    return nn.ModuleDict({JOINT: Adapter(a.width, a.adapter_width, mixture)})
