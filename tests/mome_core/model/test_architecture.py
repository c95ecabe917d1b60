"""Sizes and choices of a network: what cannot be is refused, and a manifest gives them back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mome_core.case import Modality
from mome_core.errors import CheckpointRefused
from mome_core.model.architecture import BASE, LARGE, SUBTYPE, Architecture, Head, LateAdapter, architecture_from_json
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


def test_a_recipe_decides_the_volumes_and_the_phases() -> None:
    a = Architecture().for_recipe(RECIPE)
    a.require_fits(RECIPE)
    assert a.volume_shape(Modality.DCE) == (2, 32, 32, 16)
    assert (a.tokens(Modality.DCE), a.tokens(Modality.DWI), a.tokens(Modality.T2)) == (4, 1, 4)
    with pytest.raises(ValueError, match="DCE: the network takes"):
        a.require_fits(Recipe())


def test_the_defaults_fit_the_recipe_of_the_paper() -> None:
    BASE.require_fits(Recipe())
    LARGE.require_fits(Recipe())
    assert BASE.tokens(Modality.DCE) == 24 * 16 * 8


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"heads": 7}, "not a multiple of 7 heads"),
        ({"sparse_layers": 12}, "leave no joint one"),
        ({"t2_grid": (1, 0, 1)}, "at least 1"),
        ({"answers": ()}, "one or more distinct endpoints"),
        ({"answers": (SUBTYPE, Head(Endpoint.TRIPLE_NEGATIVE))}, "one or more distinct endpoints"),
    ],
)
def test_a_network_that_cannot_be_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Architecture(**wrong)


@pytest.mark.parametrize(("classes", "positive_class"), [(1, 0), (2, 2), (2, -1)])
def test_a_head_whose_positive_class_is_none_of_its_classes_is_refused(classes: int, positive_class: int) -> None:
    with pytest.raises(ValueError, match="cannot be the positive one"):
        Head(Endpoint.MALIGNANCY, classes, positive_class)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"depth": 3}, "does not know: depth"),
        ({"head_kind": "square"}, "not describe a valid architecture"),
        ({"heads": 5}, "5 heads"),
    ],
)
def test_a_manifest_that_describes_no_network_is_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(CheckpointRefused, match=words):
        architecture_from_json({**SMALL.to_json(), **changed})
