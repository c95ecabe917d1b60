"""What a study is found by, and what a list shows of it."""

from __future__ import annotations

import pytest

from dicom_io.labels import Labels
from node.patient_search import RowLabels, StudySearch, digests_of, study_search, terms_of
from node.search_key import SearchKey
from node.settings_sections import PatientDisplay

KEY = SearchKey("11" * 32)
LABELS = Labels(
    patient_name="Müller-Lüdenscheidt^Anna Maria^^Dr.",
    patient_id="0012 ab",
    accession_number="ACC 2026-17",
    study_date="20261129",
    study_description="MR breast",
    manufacturer="SIEMENS Healthineers",
    model="Vida",
    station="MR_3T_2",
)
INDEXED = frozenset(digests_of(terms_of([LABELS, Labels(patient_name="O'Brien^Sue")], "MRI1"), KEY))


def finds(text: str, *, patients: bool = True) -> bool:
    search = study_search(text, KEY, patients=patients)
    every = bool(search) and all(word.digests & INDEXED for word in search.words)
    return every or bool(search.whole & INDEXED)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Müller", id="a name"),
        pytest.param("mueller", id="as a scanner writes it"),
        pytest.param("MULLER", id="without accents"),
        pytest.param("Lüd", id="the beginning of a part"),
        pytest.param("Müller-Lüdenscheidt", id="with a hyphen"),
        pytest.param("Anna Müller", id="two words in any order"),
        pytest.param("Müller^Anna", id="as DICOM writes it"),
        pytest.param("Muller, Anna", id="with a comma"),
        pytest.param("OBrien", id="without the apostrophe"),
        pytest.param("o'brien sue", id="with it"),
        pytest.param("12ab", id="a patient ID without zeros and spaces"),
        pytest.param("0012 AB", id="a patient ID with them"),
        pytest.param("acc 2026-17", id="an accession number with a space"),
        pytest.param("2026-11-29", id="a date in ISO 8601"),
        pytest.param("20261129", id="a date of DICOM"),
        pytest.param("29.11.2026", id="a date of Germany"),
        pytest.param("mri1", id="an AE title"),
        pytest.param("Vida 2026-11-29", id="a scanner and a day"),
        pytest.param("MR_3T_2", id="a station"),
    ],
)
def test_a_study_is_found_by(text: str) -> None:
    assert finds(text)


@pytest.mark.parametrize("text", ["Mü", "Smith", "12a", "2026-11-30", "Anna Smith", "31.02.2026", "", "  ", "ACC"])
def test_a_study_is_not_found_by(text: str) -> None:
    assert not finds(text)


def test_without_the_right_no_patient_is_sought() -> None:
    for text in ("Müller", "12ab", "ACC 2026-17", "ACC2026-17"):
        assert not finds(text, patients=False)
    assert finds("MRI1", patients=False)
    assert finds("20261129", patients=False)


def test_a_number_may_be_ours_and_digits_part_of_a_uid() -> None:
    (word,) = study_search("812", KEY, patients=False).words
    assert (word.number, word.uid_part) == (812, "")
    (word,) = study_search("1.2.840", KEY, patients=False).words
    assert (word.number, word.uid_part) == (None, "1.2.840")
    assert study_search("9" * 30, KEY, patients=False).words[0].number is None
    assert not StudySearch()


@pytest.mark.parametrize(
    ("shown", "patient"),
    [
        (PatientDisplay.NONE, ("", "")),
        (PatientDisplay.ID, ("0012 ab", "")),
        (PatientDisplay.NAME, ("0012 ab", LABELS.patient_name)),
    ],
)
def test_a_row_holds_as_much_of_the_patient_as_the_site_shows(shown: PatientDisplay, patient: tuple[str, str]) -> None:
    row = RowLabels.of(LABELS, shown)
    assert (row.patient_id, row.patient_name) == patient
    assert (row.study_description, row.device) == ("MR breast", "SIEMENS Healthineers Vida")
    assert RowLabels.unsealed(KEY, row.sealed(KEY)) == row
    assert RowLabels.unsealed(KEY, "") == RowLabels()
    assert (row.without_patient().patient_id, row.without_patient().study_date) == ("", "20261129")
