"""How an answer is computed, by size and device."""

from __future__ import annotations

from dataclasses import fields

import torch

from mome_core.compute import Arithmetic, Precision
from mome_core.model.architecture import BASE, Architecture
from mome_core.model.mome import Mome
from mome_core.policy import Policy, default_policy
from mome_core.preprocessing.recipe import Recipe

RECIPE = Recipe(dce_size=(32, 32, 16), dwi_size=(16, 16, 16), t2_size=(32, 16, 16), dce_phases=2)
SMALL = Architecture(
    width=16, heads=2, ffn_width=32, layers=3, sparse_layers=2, adapter_width=4, soft_experts=3, stem_widths=(4, 4)
).for_recipe(RECIPE)


def test_a_large_network_on_a_cpu_is_explained_the_cheaper_way_and_says_so() -> None:
    with torch.device("meta"):
        large, small = Mome(BASE), Mome(SMALL)
    assert str(default_policy(small)) == "float32; integrated gradients from blur of 8 versions"
    assert str(default_policy(large)) == "float32; gradient x input of 1 version"


def test_processes_that_share_a_device_share_its_memory() -> None:
    with torch.device("meta"):
        network = Mome(SMALL)
    alone, shared = default_policy(network), default_policy(network, sharers=2)
    assert shared.arithmetic.memory_gib == alone.arithmetic.memory_gib / 2
    assert shared.request.limits.memory_gib == alone.request.limits.memory_gib / 2
    assert str(shared) == str(alone)


def test_a_policy_says_in_one_line_how_the_answer_is_computed() -> None:
    assert str(Policy()) == "float32; integrated gradients from blur of 8 versions"
    assert str(Policy(Arithmetic(Precision.BFLOAT16), saliency=False)) == "bfloat16"


def test_nothing_in_a_policy_can_change_the_number() -> None:
    assert {each.name for each in fields(Policy)} == {*("arithmetic", "contributions", "saliency", "request")}
