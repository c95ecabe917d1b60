"""The collections that are known by name."""

from __future__ import annotations

import pytest

from node.errors import NodeError
from node.public.collections import COLLECTIONS, collection_named


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("AMBL", "advanced_mri_breast_lesions"),
        ("Duke", "duke_breast_cancer_mri"),
        ("ACRIN-6698", "acrin_6698"),
        ("Breast-MRI-NACT-Pilot", "breast_mri_nact_pilot"),
        ("tcga_brca", "tcga_brca"),
    ],
)
def test_a_collection_is_found_however_it_is_written(written: str, name: str) -> None:
    assert collection_named(written) is COLLECTIONS[name]


def test_an_unknown_one_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(NodeError, match="there are acrin_6698, acrin_contralateral_breast_mr, advanced"):
        collection_named("brats")


def test_nine_collections_name_their_tables_of_labels() -> None:
    assert sum(bool(each.tables) for each in COLLECTIONS.values()) == 9
