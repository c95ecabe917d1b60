"""States, times and sizes in words."""

from __future__ import annotations

import pytest

from mome_core.results import Endpoint
from node.dashboard import formatting
from node.jobs import JobKind, JobState
from node.states import StudyState
from node.storage.accounts import Account, AccountRole


def test_every_state_has_words() -> None:
    assert set(formatting.STATE_MEANINGS) == set(StudyState)
    assert set(formatting.JOB_KIND_WORDS) == set(JobKind)
    assert set(formatting.JOB_STATE_WORDS) == set(JobState)


def test_an_account_signs_in_with_what_it_holds() -> None:
    person = Account(1, "anna", AccountRole.ADMIN, 0.0, has_password=True, kinds=("session",))
    program = Account(2, "robot", AccountRole.VIEWER, 0.0, kinds=("key",))
    assert formatting.credentials(person) == ["password"]
    assert formatting.credentials(program) == ["API key"]


def test_an_endpoint_begins_a_line() -> None:
    titles = [formatting.endpoint_title(each) for each in Endpoint]
    assert titles == ["Malignancy", "Triple-negative subtype", "Pathologic complete response"]


@pytest.mark.parametrize(("count", "words"), [(12, "12 B"), (2048, "2.0 KiB"), (3 * 2**40, "3.0 TiB")])
def test_a_size_has_a_binary_prefix(count: int, words: str) -> None:
    assert formatting.size(count) == words
