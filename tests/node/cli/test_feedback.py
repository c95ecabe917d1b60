"""What others sent about our results, as a table."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from node.cli.feedback import export_feedback
from node.storage.records import Feedback


def test_no_cell_of_the_exported_feedback_is_a_formula(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Feedback("1.2", "1.3", "1.4", "ab", "inbox/1.dcm", "=1+1", 1.5)
    ledger = SimpleNamespace(reading=SimpleNamespace(feedback=lambda: [found]))
    monkeypatch.setattr("node.cli.feedback.open_ledger", lambda config: ledger)
    export_feedback(tmp_path / "feedback.csv")
    header, line = (tmp_path / "feedback.csv").read_text().splitlines()
    assert header.split(",")[5] == "calling_ae_title" and line == "1.2,1.3,1.4,ab,inbox/1.dcm,'=1+1,1.5"
