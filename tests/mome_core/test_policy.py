"""How an answer is computed, by size and device."""

from __future__ import annotations

import pytest
import torch

from mome_core.compute import Precision
from mome_core.model.architecture import BASE, Architecture
from mome_core.model.mome import Mome
from mome_core.policy import VERSIONS, Augmentation, Policy, default_policy
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


def test_every_augmentation_has_its_versions_and_words_that_say_how_many() -> None:
    counts = {each: len(placements) * len(flips) for each, (placements, flips, _) in VERSIONS.items()}
    assert counts == dict(zip(Augmentation, (1, 8, 54, 72), strict=True))
    assert all(str(counts[each]) in words for each, (_, _, words) in VERSIONS.items() if counts[each] > 1)


def test_a_policy_says_in_one_line_how_the_answer_is_computed() -> None:
    assert str(Policy()) == (
        "54 versions as published: 9 placements x 6 flips, none unflipped; float32; mean of probabilities; "
        "integrated gradients from blur"
    )
    short = Policy(Augmentation.NONE, Precision.BFLOAT16, mean_of_log_odds=True, saliency=False)
    assert str(short) == "one centred, unflipped version; bfloat16; mean of log odds"


def test_a_policy_without_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="memory_gib must be positive"):
        Policy(memory_gib=0)
