"""The manifest of a cohort: a CSV or Parquet file that says where each study lies, whose it is, and what was found.

    case,patient,malignancy,split
    studies/0001,p1,1,training
    studies/0002,p2,0,test

case     folder of the study, relative to the manifest
patient  pseudonym; all studies of a patient stay on one side of every split
a column for each endpoint: 0 negative, 1 positive, empty when unknown
molecular_subtype   0 luminal A, 1 luminal B, 2 HER2-enriched, 3 triple-negative (and the label of that endpoint)
side     L or R where the case is one breast; then every row has one, and a study may stand in two rows
split    training, validation or test; empty or no such column: `train` draws the sides
age, bpe, bi_rads, field_strength, site, vendor, reader_...   kept as they are, for subgroups and comparisons
label_source   where a label is from a reader's verdict: malignancy=verdict:disagree-with-positive
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from mome_core.model.architecture import SUBTYPE
from mome_core.preprocessing.recipe import UnitOfAnalysis
from mome_core.results import Endpoint, Laterality
from mome_core.training.dataset import Labels
from mome_core.training.errors import TrainingRefused
from mome_core.training.levels import group_of
from mome_core.training.table import Record, read_table

_NEEDED = ("case", "patient")
SIDE = "side"  # column of the breast that is the case
_SIDES = {"L": Laterality.LEFT, "R": Laterality.RIGHT}
SUBTYPE_COLUMN = "molecular_subtype"
_FEW = 10  # cases of a class: fewer teach and prove little
GROUPS = ("age", "bpe", "bi_rads", "field_strength", "site", "vendor")  # columns that name subgroups
READER = "reader_"  # with this a reader's column begins
LABEL_SOURCE = "label_source"  # where a label is from, if not from pathology: ENDPOINT=verdict:...


def is_of_finding(column: str) -> bool:
    """Whether a column says what was found, or by whom: what is said of a patient is said of neither breast."""
    return column in ("bi_rads", LABEL_SOURCE) or column.startswith(READER)


class Split(StrEnum):
    """What a case is for."""

    TRAINING = "training"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One study of a cohort, or one breast of it.

    Parameters
    ----------
    name
        Its folder as the manifest writes it, and the side of a breast.
    facts
        The manifest's other columns, as they are.
    subtype
        Molecular subtype, 0 to 3, where it is known.
    side
        The breast that is the case; None where it is all that the study shows.
    """

    name: str
    folder: Path
    patient: str
    labels: Labels
    split: Split | None
    facts: Mapping[str, str]
    subtype: int | None = None
    side: Laterality | None = None

    @property
    def judged(self) -> frozenset[Endpoint]:
        """Endpoints whose label is from readers who had seen the score: it is no truth to measure that score by."""
        source = self.facts.get(LABEL_SOURCE, "").split()
        return frozenset(each for each in Endpoint if any(part.startswith(f"{each}=verdict:") for part in source))

    def group(self, column: str) -> str:
        """The subgroup that the case belongs to, as `group_of` has it; empty when the manifest does not say."""
        return group_of(column, self.facts.get(column, ""))

    def record(self, beside: Path, split: Split) -> Record:
        """This row for a manifest in the folder `beside`, on this side."""
        place = {"case": os.path.relpath(self.folder, beside), "patient": self.patient, "split": split.value}
        return place | self.of_side() | self.answers() | dict(self.facts)

    def of_side(self) -> Record:
        """The column that says which breast; none where the case is not one."""
        return {} if self.side is None else {SIDE: self.side.value}

    def answers(self) -> Record:
        """The columns that say what was found: every endpoint, and the molecular subtype; empty when unknown."""
        subtype = "" if self.subtype is None else str(self.subtype)
        return {e.value: str(self.labels.get(e, "")) for e in Endpoint} | {SUBTYPE_COLUMN: subtype}


def read_manifest(path: Path) -> tuple[ManifestRow, ...]:
    """The rows of a manifest; TrainingRefused names line and rule of the first mistake."""
    columns, records = read_table(path)
    _require_columns(path, columns)
    rows = [_row_of(path, number, record) for number, record in enumerate(records, start=2)]
    if not rows:
        raise TrainingRefused(f"the cohort {path} has no case")
    _require_each_once(path, rows)
    return tuple(rows)


def unit_of(rows: Iterable[ManifestRow]) -> UnitOfAnalysis:
    """What the cases are, patients or breasts; TrainingRefused where some rows have a side and others none."""
    sides = [row.side for row in rows]
    if any(sides) and not all(sides):
        raise TrainingRefused(
            f"{sides.count(None)} of {len(sides)} cases have no {SIDE}: give every case one (L or R), or none"
        )
    return UnitOfAnalysis.BREAST if any(sides) else UnitOfAnalysis.PATIENT


def rows_of_split(rows: Iterable[ManifestRow], split: str) -> tuple[ManifestRow, ...]:
    """The rows of one split; all of them where none is named."""
    return tuple(row for row in rows if split in ("", row.split))


def rows_to_measure(rows: Iterable[ManifestRow]) -> tuple[ManifestRow, ...]:
    """The rows without the labels that stem from readers' verdicts: a score is not measured by who had seen it."""
    return tuple(
        replace(row, labels={each: label for each, label in row.labels.items() if each not in row.judged})
        for row in rows
    )


def not_measured(rows: Iterable[ManifestRow], endpoint: Endpoint | None = None) -> str:
    """Which cases `rows_to_measure` took a label from (of this endpoint), in a sentence; empty for none."""
    names = [row.name for row in rows if (row.judged if endpoint is None else endpoint in row.judged)]
    if not names:
        return ""
    return (
        f"not measured by, because readers who had seen the score gave the label ({LABEL_SOURCE}): {', '.join(names)}"
    )


def _require_columns(path: Path, columns: Sequence[str]) -> None:
    """Raise TrainingRefused unless the manifest says where, who, and at least one answer; unknown columns are fine."""
    for needed in _NEEDED:
        if needed not in columns:
            raise TrainingRefused(f"the cohort {path} has no column '{needed}'; it has {', '.join(columns) or 'none'}")
    if not set(columns) & {*Endpoint, SUBTYPE_COLUMN}:
        raise TrainingRefused(f"the cohort {path} has no column with labels: one of {', '.join(Endpoint)}")


def _row_of(path: Path, number: int, values: Record) -> ManifestRow:
    """One line of the manifest."""
    place = f"{path}, line {number}"
    if not values["case"] or not values["patient"]:
        raise TrainingRefused(f"{place}: case and patient must not be empty")
    labels = {e: _label_of(values[e], e, place, 2) for e in Endpoint if values.get(e)}
    subtype = _subtype_of(values.get(SUBTYPE_COLUMN, ""), labels, place)
    split = values.get("split", "")
    if split and split not in set(Split):
        raise TrainingRefused(f"{place}: split is '{split}'; it must be one of {', '.join(Split)}, or empty")
    known = (*_NEEDED, *Endpoint, SUBTYPE_COLUMN, "split", SIDE)
    side = _side_of(values.get(SIDE, ""), place)
    return ManifestRow(
        name=values["case"] if side is None else f"{values['case']} {side}",
        folder=path.parent / values["case"],
        patient=values["patient"],
        labels=labels,
        split=Split(split) if split else None,
        facts={name: value for name, value in values.items() if name not in known},
        subtype=subtype,
        side=side,
    )


def _side_of(text: str, place: str) -> Laterality | None:
    """The breast that a row is about; None where it names none."""
    if text and text not in _SIDES:
        raise TrainingRefused(f"{place}: {SIDE} is '{text}'; it must be L or R (DICOM's words), or empty")
    return _SIDES.get(text)


def _label_of(text: str, column: str, place: str, classes: int) -> int:
    """A class index."""
    if not text.isdecimal() or int(text) >= classes:
        allowed = ", ".join(map(str, range(classes)))
        raise TrainingRefused(f"{place}: {column} is '{text}'; it must be one of {allowed}, or empty")
    return int(text)


def _subtype_of(text: str, labels: dict[Endpoint, int], place: str) -> int | None:
    """The molecular subtype, which also labels triple-negative; TrainingRefused where that column says otherwise."""
    if not text:
        return None
    subtype = _label_of(text, SUBTYPE_COLUMN, place, SUBTYPE.classes)
    label = int(subtype == SUBTYPE.positive_class)
    if labels.setdefault(Endpoint.TRIPLE_NEGATIVE, label) != label:
        raise TrainingRefused(f"{place}: {SUBTYPE_COLUMN} is {subtype}, but triple_negative is {1 - label}")
    return subtype


def _require_each_once(path: Path, rows: Iterable[ManifestRow]) -> None:
    """Raise TrainingRefused when a study or a breast is listed twice, or a breast beside the whole study."""
    seen: dict[Path, set[Laterality | None]] = {}
    for row in rows:
        sides = seen.setdefault(row.folder, set())
        if row.side in sides:
            raise TrainingRefused(f"{path} lists the case {row.name} twice")
        if sides and (row.side is None or None in sides):
            raise TrainingRefused(f"{path} lists the study {row.folder.name} whole, and a breast of it")
        sides.add(row.side)


@dataclass(frozen=True, slots=True)
class CohortProblem:
    """Something about a cohort that a person should know.

    Parameters
    ----------
    fatal
        Training or measuring would be refused, or give a wrong figure.
    """

    what: str
    fatal: bool


def balance(rows: Sequence[ManifestRow]) -> dict[str, dict[str, dict[int, int]]]:
    """Cases of each class: endpoint -> split ("" without one) -> class -> number; endpoints without labels left out."""
    counts: dict[str, dict[str, dict[int, int]]] = {}
    for endpoint in Endpoint:
        for row in rows:
            if endpoint in row.labels:
                classes = counts.setdefault(endpoint.value, {}).setdefault(row.split or "", {})
                classes[row.labels[endpoint]] = classes.get(row.labels[endpoint], 0) + 1
    return counts


def problems_of(rows: Sequence[ManifestRow]) -> list[CohortProblem]:
    """What can be seen in the manifest alone: patients on two sides, splits of one class, rare classes, no labels."""
    found = [
        CohortProblem(f"the patient of case {row.name} is in the {first} and the {row.split} split", fatal=True)
        for row, first in _leaking(rows)
    ]
    for endpoint, splits in balance(rows).items():
        for split, classes in splits.items():
            where = f"the {split} split" if split else "the cohort"
            if len(classes) < 2:
                ((only, count),) = classes.items()
                found.append(
                    CohortProblem(f"{endpoint}: all {count} labelled cases of {where} are of class {only}", fatal=True)
                )
            elif min(classes.values()) < _FEW:
                rare = min(classes, key=lambda each: classes[each])
                found.append(
                    CohortProblem(f"{endpoint}: {where} has only {classes[rare]} cases of class {rare}", fatal=False)
                )
    found += [CohortProblem(f"case {row.name} has no label", fatal=False) for row in rows if not row.labels]
    if judged := sum("verdict:" in row.facts.get(LABEL_SOURCE, "") for row in rows):
        words = f"labels of {judged} cases are from readers who had seen the score, not from pathology ({LABEL_SOURCE})"
        found.append(CohortProblem(words, fatal=False))
    if any(row.side for row in rows) and not all(row.side for row in rows):
        missing = sum(row.side is None for row in rows)
        found.append(
            CohortProblem(f"{missing} cases have no {SIDE}: give every case one (L or R), or none", fatal=True)
        )
    if any(row.split for row in rows) and not all(row.split for row in rows):
        missing = sum(row.split is None for row in rows)
        found.append(CohortProblem(f"{missing} cases have no split: give every case one, or none", fatal=True))
    return found


def _leaking(rows: Sequence[ManifestRow]) -> list[tuple[ManifestRow, str]]:
    """Rows whose patient was in another split before, with that split."""
    first: dict[str, str] = {}
    return [
        (row, before) for row in rows if row.split and (before := first.setdefault(row.patient, row.split)) != row.split
    ]
