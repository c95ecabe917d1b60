"""What the ledger takes and gives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.states import StudyState
from node.storage.records import ObjectReceipt, StudyRecord

STUDY = StudyRecord(1, "1.2.3", StudyState.RECEIVING, 1, 90, 1.0, 2.0, 1.0, conflict=False, reason="")


@pytest.mark.parametrize(("status", "kept"), [(0x0000, True), (0xB007, True), (0xA700, False), (0x0122, False)])
def test_an_object_is_kept_with_or_without_a_warning(status: int, kept: bool) -> None:
    assert ObjectReceipt("9.1", status).kept is kept


@pytest.mark.parametrize(
    ("missing", "words"),
    [(0, ""), (1, "1 image fewer than"), (11, "11 images fewer than")],
)
def test_a_study_says_how_far_it_is_behind_earlier_ones(missing: int, words: str) -> None:
    awaits = replace(STUDY, missing=missing).awaits
    assert awaits.startswith(words) and bool(awaits) is bool(missing)
