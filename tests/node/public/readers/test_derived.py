"""Labels of MAMA-MIA, ODELIA and fastMRI breast; more in tests/node/public/test_cohort.py."""

from __future__ import annotations

from pathlib import Path

import pytest

import public_tables as tables
from node.public.readers.derived import read_odelia


@pytest.mark.parametrize(("lesion", "label"), [(0, "0"), (1, "0"), (2, "1"), ("", "")])
def test_only_a_malignant_lesion_of_odelia_is_positive(lesion: object, label: str, tmp_path: Path) -> None:
    tables.delimited(
        tmp_path / "annotation.csv", tables.lines_of(tables.ODELIA, [{"UID": "a_left", "Lesion": lesion, "Age": 18263}])
    )
    found = read_odelia(tmp_path)
    assert (found.patients[0].values["malignancy"], found.patients[0].values["age"]) == (label, "50")
    assert found.same == {"a_left": "a"}
