"""Studies are found however they were laid out, and not mixed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from node.public.folders import study_folders
from public_sets import write_public_study

pytestmark = pytest.mark.slow


def test_a_study_is_the_folder_above_its_series_and_tables_beside_it_do_no_harm(tmp_path: Path) -> None:
    studies = [write_public_study(tmp_path, "ispy1", f"ISPY1_100{n}", seed=n) for n in (1, 2)]
    (tmp_path / "table.xlsx").write_bytes(b"PK")
    (studies[0] / "LICENSE").write_text("CC BY 3.0")
    found = study_folders(tmp_path)
    assert [(each.folder, each.fault) for each in found] == [(study, "") for study in sorted(studies)]
    assert [each.labels.patient_id for each in found] == ["ISPY1_1001", "ISPY1_1002"]


def test_series_that_lie_among_those_of_another_study_are_a_fault(tmp_path: Path) -> None:
    one, other = (write_public_study(tmp_path / "new", "ispy1", f"ISPY1_100{n}", seed=n) for n in (1, 2))
    for study in (one, other):
        for series in study.iterdir():
            shutil.move(series, tmp_path / "flat" / f"{study.name[-6:]}-{series.name}")
    assert all("among those of other studies" in each.fault for each in study_folders(tmp_path / "flat"))
