"""Predictions as the challenges take them: names, forms, and what cannot be written in them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from measured_models import measured
from mome_core.results import Laterality
from mome_core.training.challenges import breast_likelihoods, mama_mia_scores, odelia_scores
from mome_core.training.cohort import ManifestRow
from node.errors import NodeError
from node.evaluation.challenge_files import ChallengeFormat, write_predictions
from node.evaluation.measure import EvaluationReport
from node.evaluation.sets import ManifestSet

SIDES = (Laterality.LEFT, Laterality.RIGHT)
NAMES = {Laterality.LEFT: "left", Laterality.RIGHT: "right"}


@cache
def whole_report() -> EvaluationReport:
    return EvaluationReport(measured(), {"internal": (), "external": ()})


def site(
    folder_of: Callable[[int], str], side_of: Callable[[int], Laterality | None]
) -> tuple[EvaluationReport, ManifestSet]:
    """The 80 measured cases of `measured_models` as rows of a manifest, and one more that has no score."""
    report = whole_report()
    cases = report.measured.sets[0].cases
    lesions = ["2" if positive else str(n % 2) for n, positive in enumerate(cases.truth)]
    rows = [
        ManifestRow(name, Path("data") / folder_of(n), f"p{n}", {}, None, cases.facts[n] | {"lesion": lesions[n]})
        for n, name in enumerate(cases.names)
    ]
    rows = [replace(row, side=side_of(n)) for n, row in enumerate(rows)]
    lost = replace(rows[-1], name="lost", folder=Path("data/lost"))
    return report, ManifestSet("internal", (*rows, lost))


def test_odelia_gets_both_breasts_of_a_study_in_one_file(tmp_path: Path) -> None:
    report, cases = site(lambda n: f"S{n // 2:02}_{NAMES[SIDES[n % 2]]}", lambda n: SIDES[n % 2])
    found = write_predictions(ChallengeFormat.ODELIA, report, cases, tmp_path / "out")
    answers = report.measured.sets[0].models[0].answers
    written = sorted((tmp_path / "out").glob("*/bilateral-breast-classification-likelihoods.json"))
    assert [each.parent.name for each in written] == [f"S{n:02}" for n in range(40)] and found.written == 40
    content = json.loads(written[3].read_text())
    assert content == {
        "left": pytest.approx(breast_likelihoods(answers.probability[6])),
        "right": pytest.approx(breast_likelihoods(answers.probability[7])),
    }
    lesions = [int(row.facts["lesion"]) for row in cases.rows[:-1]]
    assert found.scores == odelia_scores(lesions, [breast_likelihoods(float(p)) for p in answers.probability])
    assert "1 listed cases have no label or no score" in found.notes[0]


def test_a_study_with_one_answered_breast_is_not_written_and_told(tmp_path: Path) -> None:
    report, cases = site(lambda n: f"S{(n + 1) // 2:02}", lambda n: SIDES[(n + 1) % 2])
    rows = tuple(replace(row, facts={}) for row in cases.rows)
    found = write_predictions(ChallengeFormat.ODELIA, report, replace(cases, rows=rows), tmp_path / "out")
    assert found.written == 39 and found.scores == {}
    assert any(note.startswith("2 studies, answered for one breast only") for note in found.notes)
    assert any("need a column lesion" in note for note in found.notes)


def test_two_cases_of_one_breast_and_whole_studies_are_no_entry_of_odelia(tmp_path: Path) -> None:
    report, cases = site(lambda n: f"S{n // 2}", lambda n: Laterality.LEFT)
    with pytest.raises(NodeError, match="two cases are the left breast of one study"):
        write_predictions(ChallengeFormat.ODELIA, report, cases, tmp_path / "out")
    report, cases = site(lambda n: f"S{n}", lambda n: None)
    with pytest.raises(NodeError, match="every row needs a side"):
        write_predictions(ChallengeFormat.ODELIA, report, cases, tmp_path / "out")


def test_mama_mia_gets_a_line_for_each_patient_and_calls_at_half_without_an_operating_point(tmp_path: Path) -> None:
    report, cases = site(lambda n: f"DUKE_{n:03}", lambda n: None)
    model = report.measured.sets[0].models[0]
    answered = np.arange(80) >= 10
    model = replace(model, answers=replace(model.answers, answered=answered, called=model.answers.probability > 0.3))
    first = replace(report.measured.sets[0], models=(model, *report.measured.sets[0].models[1:]))
    report = replace(report, measured=replace(report.measured, sets=(first,)))
    found = write_predictions(ChallengeFormat.MAMA_MIA, report, cases, tmp_path / "out")
    with (tmp_path / "out" / "predictions.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == ["patient_id", "pcr", "score"] and lines[5]["patient_id"] == "duke_005"
    limit = np.where(answered, 0.3, 0.5)
    called = model.answers.probability > limit
    assert [line["pcr"] for line in lines] == [str(int(each)) for each in called]
    assert [float(line["score"]) for line in lines] == pytest.approx(model.answers.probability.tolist(), abs=1e-6)
    assert found.scores["balanced_accuracy"] == mama_mia_scores(model.answers.truth, called, {})["balanced_accuracy"]
    assert "ranking_score" in found.scores and any("of 10 cases without one, at 0.5" in note for note in found.notes)
    assert any(
        note == "fairness is without menopausal_status, breast_density, which no row tells" for note in found.notes
    )


def test_breasts_are_no_entry_of_mama_mia(tmp_path: Path) -> None:
    report, cases = site(lambda n: f"S{n}", lambda n: Laterality.LEFT)
    with pytest.raises(NodeError, match="lists single breasts"):
        write_predictions(ChallengeFormat.MAMA_MIA, report, cases, tmp_path / "out")
