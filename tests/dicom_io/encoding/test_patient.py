"""Who an object says its patient is: compared as people compare, not letter by letter."""

from __future__ import annotations

import pytest

from datasets import elements
from dicom_io.encoding.patient import PatientIdentity, are_two


def identity(**values: str) -> PatientIdentity:
    return PatientIdentity.of(elements(SpecificCharacterSet="ISO_IR 192", **values))


ANN = {"PatientID": "P7", "PatientName": "Müller^Ann", "PatientBirthDate": "19500101", "PatientSex": "F"}


@pytest.mark.parametrize(
    "spelled",
    [
        {"PatientName": "MUELLER^ANN^^^"},
        {"PatientName": "Müller Ann"},
        {"PatientName": "Müller^Ann^^Dr^MSc"},
        {"PatientName": "Müller^Ann=山^田"},
        {"PatientID": " p7 "},
    ],
)
def test_spelling_makes_no_other_patient(spelled: dict[str, str]) -> None:
    assert identity(**ANN) == identity(**{**ANN, **spelled})


@pytest.mark.parametrize(
    "other",
    [
        {"PatientName": "Müller^Eva"},
        {"PatientName": "Müller^Ann^Eva"},
        {"PatientID": "P8"},
        {"PatientID": ""},
        {"IssuerOfPatientID": "NORTH"},
        {"PatientBirthDate": "19500110"},
        {"PatientSex": "M"},
    ],
)
def test_another_name_number_date_or_sex_is_another_patient(other: dict[str, str]) -> None:
    assert are_two(identity(**ANN).parts, identity(**{**ANN, **other}).parts)


def test_a_name_in_other_letters_is_compared_too() -> None:
    assert not identity(PatientName="=山田^花子").name.isascii()
    assert are_two(identity(PatientName="=山田^花子").parts, identity(PatientName="=山田^太郎").parts)


def test_nothing_of_it_is_shown() -> None:
    assert repr(identity(**ANN)) == "PatientIdentity()"
