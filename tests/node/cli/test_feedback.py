"""What readers say of our results, as a list and as a table."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from assessed_site import AssessedSite
from mome_core.assessment import Verdict
from node.cli.feedback import export_feedback, list_feedback
from node.search_key import SearchKey
from node.storage.records import Assessment
from reader_documents import OF_INTEREST, key_objects
from told_results import STUDY


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AssessedSite:
    """Anna disagrees with the positive call on the dashboard."""
    opened = AssessedSite(tmp_path)
    comment = SearchKey.open(opened.settings.storage.search_key_path).seal("benign\nat biopsy")
    opened.ledger.assessments.assess(STUDY, Assessment(1, 400.0, Verdict.DISAGREE, None, "anna", comment=comment))
    monkeypatch.setattr("node.cli.feedback.open_ledger", lambda config: opened.ledger)
    monkeypatch.setattr("node.cli.feedback.load_settings", lambda config: opened.settings)
    return opened


def test_a_verdict_is_listed_with_its_comment(site: AssessedSite, capsys: pytest.CaptureFixture[str]) -> None:
    list_feedback()
    assert "anna" in (line := capsys.readouterr().out) and "disagree  benign at biopsy" in line
    list_feedback(as_json=True)
    (told,) = json.loads(capsys.readouterr().out)
    assert told["assessment"]["comment"] == "benign\nat biopsy" and told["path"] == ""


def test_an_exported_verdict_has_its_label_and_where_it_is_from_but_no_comment(
    site: AssessedSite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export_feedback(tmp_path / "feedback.csv")
    (line,) = csv.DictReader((tmp_path / "feedback.csv").open())
    assert (line["verdict"], line["reader"], line["revision"]) == ("disagree", "anna", "1")
    assert (line["label"], line["label_source"]) == ("0", "verdict:disagree-with-positive")
    assert "biopsy" not in (tmp_path / "feedback.csv").read_text()
    assert "1 line" in (told := capsys.readouterr().out) and "1 label" in told


def test_readers_who_contradict_each_other_are_told(
    site: AssessedSite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.ledger.assessments.assess(STUDY, Assessment(1, 500.0, Verdict.AGREE, None, "otto"))
    export_feedback(tmp_path / "feedback.csv")
    assert f"no label of malignancy: readers contradict each other about study {STUDY}" in capsys.readouterr().out
    assert {line["label"] for line in csv.DictReader((tmp_path / "feedback.csv").open())} == {""}


def test_a_label_stands_beside_the_verdict_that_it_stems_from_and_no_other(site: AssessedSite, tmp_path: Path) -> None:
    for at, reader, verdict in ((500.0, "anna", Verdict.AGREE), (600.0, "otto", Verdict.NOT_USABLE)):
        site.ledger.assessments.assess(STUDY, Assessment(1, at, verdict, None, reader))
    export_feedback(tmp_path / "feedback.csv")
    lines = csv.DictReader((tmp_path / "feedback.csv").open())
    assert [(line["verdict"], line["label"]) for line in lines] == [
        ("disagree", ""),
        ("agree", "1"),
        ("not-usable", ""),
    ]


def test_no_cell_of_the_exported_feedback_is_a_formula(site: AssessedSite, tmp_path: Path) -> None:
    document = key_objects(OF_INTEREST, site.report())
    site.arrives(document, sender="=1+1")
    export_feedback(tmp_path / "feedback.csv")
    (line, _) = csv.DictReader((tmp_path / "feedback.csv").open())
    assert (line["sop_instance_uid"], line["calling_ae_title"]) == (document.SOPInstanceUID, "'=1+1")
