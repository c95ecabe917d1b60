"""One key for a patient in all collections."""

from __future__ import annotations

import pytest

from node.public.index import IndexedSeries
from node.public.patients import patient_key


@pytest.mark.parametrize(
    ("names", "key"),
    [
        (("ISPY2-100899", "ISPY2_100899", "ACRIN-6698-100899"), "ispy2-100899"),
        (("ISPY1_1001", "ISPY1-1001"), "ispy1-1001"),
        (("Breast_MRI_001", "DUKE_001"), "duke-001"),
        (("UCSF-BR-01", "NACT_01", "NACT_1"), "nact-01"),
        (("AMBL-001",), "ambl-001"),
        (("fastMRI_breast_001", "fastMRI_breast_001_2"), "fastmri-001"),
        (("TCGA-AO-A03M", "TCGA-AO-A03M-01A"), "tcga-ao-a03m"),
    ],
)
def test_every_name_of_a_patient_gives_one_key(names: tuple[str, ...], key: str) -> None:
    assert {patient_key(name) for name in names} == {key}


def test_a_table_that_knows_better_decides() -> None:
    assert patient_key("ACRIN-6698-555555", {"ACRIN-6698-555555": "ISPY2-100001"}) == "ispy2-100001"


@pytest.mark.slow
def test_no_two_patients_of_the_index_share_a_key(idc: list[IndexedSeries]) -> None:
    names = {each.patient for each in idc}
    assert len({patient_key(name) for name in names}) == len(names)
