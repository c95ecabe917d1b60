"""The values of a network before training, as the published code sets them (spec: layer by layer, measured)."""

from __future__ import annotations

from torch import nn

from mome_core.model.experts import Adapter, SoftMixture

LINEAR_STD = 0.02
_HEAD_SCALE = 0.001


def initialise_linear(module: nn.Module) -> None:
    """Every linear map within: normal, cut at one standard deviation (so effectively 0.0108), bias zero."""
    for linear in (m for m in module.modules() if isinstance(m, nn.Linear)):
        nn.init.trunc_normal_(linear.weight, std=LINEAR_STD, a=-LINEAR_STD, b=LINEAR_STD)
        if linear.bias is not None:
            nn.init.zeros_(linear.bias)


def initialise_adapters(module: nn.Module) -> None:
    """Every adapter within answers zero at first: its last linear map is zero."""
    for part in module.modules():
        if isinstance(part, Adapter):
            nn.init.zeros_(part.up.weight)
            nn.init.zeros_(part.up.bias)
        if isinstance(part, SoftMixture):
            slots_bound = part.phi_AES.shape[1] ** -0.5  # the published code takes the experts' axis for the fan-in
            expert_bound = 1 / part.weight_EAA.shape[1]  # and both axes of an expert's matrix
            nn.init.uniform_(part.phi_AES, -slots_bound, slots_bound)
            nn.init.uniform_(part.weight_EAA, -expert_bound, expert_bound)
            nn.init.uniform_(part.bias_EA, -expert_bound, expert_bound)


def initialise_heads(heads: nn.ModuleDict) -> None:
    """Heads start close to zero, so that every probability starts close to one over the classes."""
    for head in heads.values():
        for parameter in head.parameters():
            parameter.data.mul_(_HEAD_SCALE)
