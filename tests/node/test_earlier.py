"""Three visits of one patient whose lesion shrinks stand side by side; another patient's results never do."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

import phantom
from mome_core.visits import Incomparable
from node.cli.studies import show
from node.dashboard.site import Site
from node.dashboard.study_page import study_page
from visited_hospital import DAYS, Hospital, issued_elsewhere

SCALES = (1.0, 0.85, 0.7)


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Hospital:
    return Hospital(tmp_path_factory.mktemp("hospital"))


@pytest.fixture(scope="module")
def visits(hospital: Hospital) -> Sequence[str]:
    """UIDs of the three visits; before the last one somebody else with the same ID was examined."""
    first = hospital.examine("visit-1", DAYS[0], SCALES[0])
    second = hospital.examine("visit-2", DAYS[1], SCALES[1])
    hospital.examine("other", datetime(2025, 7, 1, 10, 0), 1.2, issued_elsewhere)
    return first, second, hospital.examine("visit-3", DAYS[2], SCALES[2])


@pytest.mark.slow
def test_the_volume_of_a_shrinking_lesion_changes_as_the_truth_does(hospital: Hospital, visits: Sequence[str]) -> None:
    found = hospital.beside(visits[2])
    truth = [phantom.examination(size="small", seed=4, lesion_scale=each).truth.lesion_volume_ml for each in SCALES]
    assert [each.date for each in found] == ["20250314", "20250602", "20250920"]
    assert [each.is_present for each in found] == [False, False, True]
    measured = [each.volume_ml or 0.0 for each in found]
    changes = [100 * (volume / measured[0] - 1) for volume in measured]
    expected = [100 * (volume / truth[0] - 1) for volume in truth]
    assert changes == pytest.approx(expected, abs=5.0)
    assert not any(each.measured_apart or each.scored_apart for each in found)


@pytest.mark.slow
def test_report_and_pdf_state_the_visits_by_date_and_judge_nothing(hospital: Hospital, visits: Sequence[str]) -> None:
    lines = hospital.stated(visits[2])
    assert [line[:10] for line in lines] == ["2025-03-14", "2025-06-02", "2025-09-20"]
    assert all(" ml" in line and "malign" in line.casefold() for line in lines)
    assert lines[-1].endswith("(diese Untersuchung)")
    assert hospital.stated(visits[0]) == [], "the first visit has nothing beside it"
    assert len(hospital.stated(visits[1])) == 2
    document = bytes(hospital.written(visits[2], "pdf").EncapsulatedDocument)
    text = " ".join(pdf_text(document, hospital.folder).split())
    assert all(each in text for each in ("Frühere Ergebnisse", "2025-03-14", "diese Untersuchung", "10⁻³ mm²/s"))
    words = " ".join([*lines, text]).casefold()
    assert not any(each in words for each in ("improve", "worse", "progress", "regress", "besser", "schlechter"))


@pytest.mark.slow
def test_another_patient_with_the_same_id_is_never_among_them(hospital: Hospital, visits: Sequence[str]) -> None:
    other = hospital.ledger.history.other_studies(visits[2])
    assert {each.study_instance_uid for each in other} == set(visits[:2])
    assert "2025-07-01" not in " ".join(hospital.stated(visits[2]))


@pytest.mark.slow
def test_another_scanner_protocol_is_marked_and_an_earlier_study_that_comes_late_sees_no_later_one(
    hospital: Hospital, visits: Sequence[str]
) -> None:
    early = hospital.examine("visit-0", datetime(2024, 9, 1, 9, 0), 1.1, field_strength_t=1.5)
    assert hospital.stated(early) == []
    first, *rest = hospital.beside(visits[2])
    assert first.date == "20240901" and first.measured_apart == (Incomparable.OTHER_PROTOCOL,)
    assert not any(each.measured_apart for each in rest)


@pytest.mark.slow
def test_the_page_of_the_study_shows_them_to_who_may_see_patients(
    hospital: Hospital, visits: Sequence[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site = Site.open(hospital.settings)
    number = site.ledger.reading.study(visits[1]).study.id
    head, *rows = study_page(site, number, 0.0, patients=True).visits
    assert [row[0] for row in rows][-2:] == ["2025-03-14", "2025-06-02"] and head[1] == "Enhancing tissue"
    assert study_page(site, number, 0.0, patients=False).visits == []
    monkeypatch.setattr("node.cli.studies.load_settings", lambda config: hospital.settings)
    monkeypatch.setattr("node.cli.studies.open_ledger", lambda config: hospital.ledger)
    show(visits[1], as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert [each["date"] for each in told["visits"]][-2:] == ["20250314", "20250602"]


def pdf_text(document: bytes, folder: Path) -> str:
    """What a search finds in the PDF."""
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("needs pdftotext (apt-get install poppler-utils)")
    (folder / "a.pdf").write_bytes(document)
    ran = subprocess.run([program, "-layout", str(folder / "a.pdf"), "-"], capture_output=True, text=True, check=True)
    return ran.stdout
