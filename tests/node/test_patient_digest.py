"""Patients are told apart by digests that nobody without the key can make."""

from __future__ import annotations

from dicom_io.encoding.patient import PatientIdentity
from node.patient_digest import Likeness, has_no_id, likeness
from node.search_key import SearchKey

KEY, OTHER_KEY = SearchKey("00" * 32), SearchKey("11" * 32)
ANN = PatientIdentity("7", "ann one", "19500101", "F")


def test_the_digest_depends_on_the_key_and_fits_the_column() -> None:
    assert KEY.patient(ANN) == KEY.patient(ANN) != OTHER_KEY.patient(ANN)
    assert len(KEY.patient(ANN)) == 64
    assert likeness(KEY.patient(ANN), OTHER_KEY.patient(ANN)) is Likeness.UNKNOWN is likeness("", KEY.patient(ANN))


def test_parts_that_are_alike_are_compared_one_by_one() -> None:
    def against(*parts: str) -> Likeness:
        return likeness(KEY.patient(ANN), KEY.patient(PatientIdentity(*parts)))

    assert against("7", "ann one", "19500101", "F") is Likeness.SAME
    assert against("7", "ann one", "", "F") is Likeness.LESS_SAID
    assert against("7", "bob two", "19500101", "F") is Likeness.ANOTHER
    assert KEY.patient(PatientIdentity("7")) != KEY.patient(PatientIdentity(name="7"))
    assert has_no_id(KEY.patient(PatientIdentity(name="7"))) and not has_no_id(KEY.patient(ANN))
