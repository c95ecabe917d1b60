"""Predictions in the form that public challenges take, beside their own metrics on the cases at hand."""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from mome_core.calibration import Call
from mome_core.results import Endpoint, Laterality
from mome_core.training.answers import Answers
from mome_core.training.challenges import (
    age_group,
    breast_likelihoods,
    mama_mia_scores,
    menopausal_group,
    odelia_scores,
)
from mome_core.training.cohort import ManifestRow
from node.errors import NodeError
from node.evaluation.measure import EvaluationReport
from node.evaluation.sets import ManifestSet

_ODELIA_FILE, _MAMA_MIA_FILE = "bilateral-breast-classification-likelihoods.json", "predictions.csv"
_SIDES = {Laterality.LEFT: "left", Laterality.RIGHT: "right"}


class ChallengeFormat(StrEnum):
    """Whose form predictions are written in."""

    ODELIA = "odelia"
    MAMA_MIA = "mama-mia"

    @property
    def endpoint(self) -> Endpoint:
        """What the challenge asks."""
        return Endpoint.MALIGNANCY if self is ChallengeFormat.ODELIA else Endpoint.PATHOLOGICAL_COMPLETE_RESPONSE


@dataclass(frozen=True, slots=True)
class ChallengePredictions:
    """What was written, and what the challenge would say of it.

    Parameters
    ----------
    written
        Files, or lines of a file.
    scores
        The challenge's metrics on the cases that were written; empty where the manifest does not say enough.
    notes
        What the form does not show: cases that are missing, what was assumed.
    """

    folder: str
    written: int
    scores: Mapping[str, float]
    notes: tuple[str, ...]


def write_predictions(
    wanted: ChallengeFormat, report: EvaluationReport, cases: ManifestSet, out: Path
) -> ChallengePredictions:
    """Write the first model's answers to one set; NodeError where the cases are not of the challenge's kind.

    A case of which the model shows no score is not written, and is counted in a note.
    """
    measured = report.measured.sets[0]
    by_name = {row.name: row for row in cases.rows}
    rows = [by_name[name] for name in measured.cases.names]
    answers = measured.models[0].answers
    out.mkdir(parents=True, exist_ok=True)
    missing = len(cases.rows) - len(rows)
    left_out = (f"{missing} listed cases have no label or no score and are not written",) if missing else ()
    write = _write_odelia if wanted is ChallengeFormat.ODELIA else _write_mama_mia
    found = write(rows, answers, out)
    return ChallengePredictions(str(out), found.written, found.scores, (*left_out, *found.notes))


def _write_odelia(rows: Sequence[ManifestRow], answers: Answers, out: Path) -> ChallengePredictions:
    """STUDY/bilateral-breast-classification-likelihoods.json for each study whose two breasts were answered."""
    if not all(row.side for row in rows):
        raise NodeError("the ODELIA challenge asks about breasts: every row needs a side (public cohort odelia)")
    studies: dict[str, dict[str, int]] = defaultdict(dict)
    for n, row in enumerate(rows):
        side = _SIDES[row.side or Laterality.BOTH]
        if side in studies[_study_of(row)]:
            raise NodeError(f"two cases are the {side} breast of one study: {row.name} is one of them")
        studies[_study_of(row)][side] = n
    whole = {name: sides for name, sides in studies.items() if len(sides) == len(_SIDES)}
    likelihoods = [breast_likelihoods(float(each)) for each in answers.probability]
    for name, sides in whole.items():
        (out / name).mkdir(exist_ok=True)
        content = {side: likelihoods[sides[side]] for side in sorted(sides)}
        (out / name / _ODELIA_FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    written = [n for sides in whole.values() for n in sides.values()]
    lesions = [rows[n].facts.get("lesion", "") for n in written]
    known = bool(lesions) and set(lesions) <= {"0", "1", "2"}
    scores = odelia_scores([int(each) for each in lesions], [likelihoods[n] for n in written]) if known else {}
    return ChallengePredictions(str(out), len(whole), scores, tuple(_odelia_notes(len(studies) - len(whole), known)))


def _odelia_notes(of_one_breast: int, known: bool) -> Iterator[str]:
    yield "the model does not tell normal from benign: both get half of what malignant leaves"
    if of_one_breast:
        yield f"{of_one_breast} studies, answered for one breast only, are not written; the challenge scores every one"
    if not known:
        yield "no metrics of the challenge: they need a column lesion (0 normal, 1 benign, 2 malignant) in every row"


def _study_of(row: ManifestRow) -> str:
    """The study's ID: the folder's name, without the side that ODELIA's unilateral folders bear."""
    return re.sub(r"[_-](left|right)$", "", row.folder.name, flags=re.IGNORECASE)


def _write_mama_mia(rows: Sequence[ManifestRow], answers: Answers, out: Path) -> ChallengePredictions:
    """predictions.csv: patient_id in small letters, pcr (0 or 1), score."""
    if any(row.side for row in rows):
        raise NodeError("the MAMA-MIA challenge asks about patients, and the manifest lists single breasts")
    called = np.where(answers.answered, answers.called, answers.probability > 0.5)
    with (out / _MAMA_MIA_FILE).open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["patient_id", "pcr", "score"])
        for n, row in enumerate(rows):
            lines.writerow([row.folder.name.lower(), int(called[n]), f"{answers.probability[n]:.6f}"])
    groups = _groups_of(rows)
    uncalled = sum(answers.call(n) is Call.WITHHELD for n in range(len(answers)))
    scores = mama_mia_scores(answers.truth, called, groups)
    return ChallengePredictions(str(out), len(rows), scores, tuple(_mama_mia_notes(uncalled, groups)))


def _groups_of(rows: Sequence[ManifestRow]) -> dict[str, list[str]]:
    """The challenge's groups of each patient, of the variables that the manifest has."""
    groups = {"age": [age_group(row.facts.get("age", "")) for row in rows]}
    status, density = ([row.facts.get(name, "") for row in rows] for name in ("menopausal_status", "breast_density"))
    if any(status):
        groups["menopausal_status"] = list(map(menopausal_group, status))
    groups["breast_density"] = density
    return {name: values for name, values in groups.items() if any(values)}


def _mama_mia_notes(uncalled: int, groups: Mapping[str, Sequence[str]]) -> Iterator[str]:
    yield "pcr is the call at the bundle's operating point" + (
        f"; of {uncalled} cases without one, at 0.5" if uncalled else ""
    )
    if lacking := [name for name in ("age", "menopausal_status", "breast_density") if name not in groups]:
        yield f"fairness is without {', '.join(lacking)}, which no row tells"
