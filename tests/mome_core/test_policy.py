"""How an answer is computed, by size and device."""

from __future__ import annotations

import torch

from mome_core.model.architecture import BASE, Architecture
from mome_core.model.mome import Mome
from mome_core.policy import Augmentation, default_policy
from mome_core.preprocessing.recipe import Recipe

RECIPE = Recipe(dce_size=(32, 32, 16), dwi_size=(16, 16, 16), t2_size=(32, 16, 16), dce_phases=2)
SMALL = Architecture(
    width=16, heads=2, ffn_width=32, layers=3, sparse_layers=2, adapter_width=4, soft_experts=3, stem_widths=(4, 4)
).for_recipe(RECIPE)


def test_a_large_network_on_a_cpu_gets_the_cheaper_policy_and_says_so() -> None:
    with torch.device("meta"):
        large, small = Mome(BASE), Mome(SMALL)
    assert default_policy(small).augmentation is Augmentation.PUBLISHED
    assert "54 versions as published" in str(default_policy(small))
    assert "8 versions" in str(default_policy(large))
    assert "gradient x input" in str(default_policy(large))
