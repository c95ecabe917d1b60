"""The prose of BREAST-DIAGNOSIS, the receptors of TCGA, the forms of ACRIN 6667."""

from __future__ import annotations

from pathlib import Path

import pytest

import public_tables as tables
from node.public.readers.single import read_breast_diagnosis, read_contralateral


@pytest.mark.parametrize(
    ("words", "label"),
    [
        ("Invasive ductal carcinoma", "1"),
        ("DCIS, high grade", "1"),
        ("IDC and LCIS", "1"),
        ("LCIS", ""),
        ("Lobular carcinoma in situ", ""),
        ("Fibrocystic changes, no malignancy", ""),  # what "no" refers to is not parsed
        ("Fibroadenoma, no malignancy seen on left and invasive ductal carcinoma right", ""),
        ("Fibrocystic change, carcinoma not identified", ""),
        ("Benign. Family history of cancer", ""),
        ("Fibroadenoma without atypia", "0"),
        ("Atypical ductal hyperplasia", "0"),
        ("pending", ""),
        ("", ""),
    ],
)
def test_a_pathologist_s_words_become_a_label_or_none(words: str, label: str, tmp_path: Path) -> None:
    tables.diagnosis(tmp_path, [{"Breast Dx Case": "BreastDx-01-0007", "Pathology: Dx": words}])
    found = read_breast_diagnosis(tmp_path).patients[0]
    assert (found.values["malignancy"], bool(found.excluded)) == (label, not label)


def test_the_highest_category_and_the_worst_pathology_of_the_other_breast_count(tmp_path: Path) -> None:
    tables.contralateral(tmp_path, [{"cn": 7, "m3e68": 2, "pae10": 1}, {"cn": 7, "m3e68": 4, "pae10": 3}])
    found = read_contralateral(tmp_path).patients[0]
    assert found.patient == "ACRIN-Contralateral-Breast-MR-007"
    assert (found.values["bi_rads"], found.values["contralateral_malignancy"]) == ("4", "1")
