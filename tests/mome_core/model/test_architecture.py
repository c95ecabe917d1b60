"""Sizes and choices of a network: what cannot be is refused, and a manifest gives them back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mome_core.model.architecture import SUBTYPE, Architecture, Head, LateAdapter, architecture_from_json
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint

RECIPE = Recipe(dce_size=(32, 32, 16), dwi_size=(16, 16, 16), t2_size=(32, 32, 16), dce_phases=2)
SMALL = Architecture(
    width=16, heads=2, ffn_width=32, layers=3, sparse_layers=2, adapter_width=4, soft_experts=3, stem_widths=(4, 4)
).for_recipe(RECIPE)


@pytest.mark.parametrize("late", list(LateAdapter))
def test_every_architecture_survives_the_manifest(late: LateAdapter) -> None:
    a = replace(SMALL, late_adapter=late, answers=(Head(Endpoint.MALIGNANCY), SUBTYPE))
    assert architecture_from_json(json.loads(json.dumps(a.to_json()))) == a
