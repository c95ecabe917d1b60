"""What `public list` counts, held against what was published of the collections."""

from __future__ import annotations

import pytest

from node.public.index import IndexedSeries
from node.public.listing import totals_of

pytestmark = pytest.mark.slow
PUBLISHED = {  # patients, studies, series, GB: shared/spec/public_data.md, counted in the same index by another
    "advanced_mri_breast_lesions": (632, 632, 6712, 645),
    "duke_breast_cancer_mri": (922, 922, 5034, 368),
    "ispy2": (719, 2688, 29723, 1721),
    "acrin_6698": (385, 1123, 16534, 834),
    "ea1141": (500, 957, 5627, 367),
    "acrin_contralateral_breast_mr": (984, 1102, 10183, 200),
    "ispy1": (222, 847, 6464, 70),
    "tcga_brca": (137, 157, 1858, 88),
    "breast_diagnosis": (84, 112, 345, 58),
}


def test_the_counts_are_those_of_the_index(idc: list[IndexedSeries]) -> None:
    found = {each.name: each for each in totals_of(idc)}
    counted = {name: (each.patients, each.studies, each.series, round(each.gigabytes)) for name, each in found.items()}
    assert {name: counted[name] for name in PUBLISHED} == PUBLISHED
    assert [name for name, each in found.items() if each.non_commercial] == ["duke_breast_cancer_mri"]
    assert (found["acrin_6698"].dwi, found["ispy2"].t2, found["ispy2"].dwi) == (1113, 2084, 0)
