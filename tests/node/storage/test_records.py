"""What the ledger takes and gives."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from node.states import StudyState
from node.storage.records import REJECTION_KIND, REPORT_KIND, ObjectReceipt, StudyRecord
from sr_templates.kinds import Kind

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


def test_the_ledger_calls_the_report_as_its_builder_does() -> None:
    assert Kind(REPORT_KIND) is Kind.REPORT
    assert Kind(REJECTION_KIND) is Kind.REJECTION


def test_opening_a_ledger_loads_no_dicom_library() -> None:
    script = "import sys, node.storage.ledger.ledger; print({'pydicom', 'pynetdicom', 'highdicom'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout == "set()\n"
