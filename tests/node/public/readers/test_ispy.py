"""The tables of I-SPY 2, ACRIN 6698, I-SPY 1 and the NACT pilot; more in tests/node/public/test_cohort.py."""

from __future__ import annotations

from pathlib import Path

import public_tables as tables
from node.public.readers.ispy import read_acrin_6698, read_ispy1


def test_acrin_6698_without_its_ancillary_table_takes_numbers_to_be_the_same_and_says_so(tmp_path: Path) -> None:
    tables.ispy2(tmp_path, [{"Patient_ID": 100001, "HR": 0, "HER2": 0, "pCR": 1}])
    found = read_acrin_6698(tmp_path)
    assert [each.patient for each in found.patients] == ["ACRIN-6698-100001"]
    assert "taken to name one patient" in found.notes[-1]


def test_a_patient_of_acrin_6698_who_is_not_in_cohort_1_is_listed_with_the_reason(tmp_path: Path) -> None:
    tables.ispy2(tmp_path, [{"Patient_ID": 100001, "HR": 0, "HER2": 0, "pCR": 1}])
    tables.acrin_ids(tmp_path, [("ACRIN-6698-100001", "100001"), ("ACRIN-6698-200002", "200002")])
    found = {each.patient: each.excluded for each in read_acrin_6698(tmp_path).patients}
    assert found == {
        "ACRIN-6698-100001": "",
        "ACRIN-6698-200002": "not in the clinical table of imaging cohort 1",
    }


def test_an_unknown_receptor_leaves_triple_negative_open(tmp_path: Path) -> None:
    tables.ispy1(tmp_path, [{"SUBJECTID": 1003, "ERpos": 0, "PgRpos": 0, "Her2MostPos": "", "PCR": ""}])
    assert read_ispy1(tmp_path).patients[0].values["triple_negative"] == ""
