"""States, times and sizes in words."""

from __future__ import annotations

import pytest

from mome_core.results import Endpoint
from node.dashboard import formatting
from node.states import StudyState
from node.storage.accounts import Account, AccountRole, Credential, TokenKind


def test_every_state_has_words() -> None:
    assert set(formatting.STATE_MEANINGS) == set(StudyState)


def test_an_account_signs_in_with_what_it_holds() -> None:
    session = Credential(TokenKind.SESSION, 0.0, 60.0, 3600.0)
    person = Account(1, "anna", AccountRole.ADMIN, 0.0, has_password=True, credentials=(session,))
    program = Account(2, "robot", AccountRole.VIEWER, 0.0, credentials=(Credential(TokenKind.KEY, 0.0, None, None),))
    first, since = formatting.credentials(person)
    assert first == "password"
    assert since.startswith("session since ") and ", until " in since and ", used " in since
    (key,) = formatting.credentials(program)
    assert key.startswith("API key since ") and key.endswith(", without end, not used yet")


def test_an_endpoint_begins_a_line() -> None:
    titles = [formatting.endpoint_title(each) for each in Endpoint]
    assert titles == ["Malignancy", "Triple-negative subtype", "Pathologic complete response"]


@pytest.mark.parametrize(("count", "words"), [(12, "12 B"), (2048, "2.0 KiB"), (3 * 2**40, "3.0 TiB")])
def test_a_size_has_a_binary_prefix(count: int, words: str) -> None:
    assert formatting.size(count) == words


@pytest.mark.parametrize(
    ("text", "expected"),
    [("no dynamic was found", "No dynamic was found."), ("PACS refused it.", "PACS refused it."), ("", "")],
)
def test_a_sentence_keeps_the_letters_of_names(text: str, expected: str) -> None:
    assert formatting.sentence(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("MUSTER^Anna^Maria^^", "MUSTER, Anna Maria"), ("Muster", "Muster"), ("Yamada^Tarou=山田^太郎", "Yamada, Tarou")],
)
def test_a_name_of_dicom_is_read_as_people_write_it(value: str, expected: str) -> None:
    assert formatting.person_name(value) == expected


@pytest.mark.parametrize(("value", "expected"), [("20261129", "2026-11-29"), ("unknown", "unknown")])
def test_a_date_of_dicom_is_iso_8601(value: str, expected: str) -> None:
    assert formatting.study_date(value) == expected
