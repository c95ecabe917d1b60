"""Lists of series without images: names in a CSV, whole studies as JSON lines, and what is said of each."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from dicom_io.study.listed import ListedSeries
from dicom_io.study.names import read_name
from dicom_io.study.roles import RoleRule, rule_for
from mome_core.case import Role


def read_names(path: Path) -> list[str]:
    """The column series_description of a CSV; ValueError for one without it."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if "series_description" not in (reader.fieldnames or ()):
            raise ValueError(f"{path} has no column series_description; its columns: {reader.fieldnames}")
        return [row["series_description"] or "" for row in reader]


def read_studies(path: Path) -> Iterator[tuple[str | int, list[ListedSeries]]]:
    """Each study of a file with a JSON object a line: its `index` (else its line) and its `series`.

    A series has `number`, `description` and `instances`. ValueError names the line that is none.
    """
    with path.open(encoding="utf-8-sig") as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                study = json.loads(text)
                series = [
                    ListedSeries(int(each["number"]), str(each["description"] or ""), int(each["instances"]))
                    for each in study["series"]
                ]
            except (ValueError, KeyError, TypeError, AttributeError):
                needed = "a study is a JSON object with series, each with number, description, instances"
                raise ValueError(f"{path}, line {line}: {needed}") from None
            yield study.get("index", line), series


@dataclass(frozen=True, slots=True)
class NameRole:
    """The role that a series' name suggests by itself.

    Parameters
    ----------
    confidence
        In [0, 1].
    why
        The word that decided, or the site's rule.
    phase, moment, fat_suppressed
        None where the name is silent.
    """

    series_description: str
    role: Role
    confidence: float
    why: str
    phase: int | None
    moment: str | None
    fat_suppressed: bool | None

    def to_json(self) -> dict[str, object]:
        """Plain values, for scripts."""
        return asdict(self)


def role_of_name(name: str, rules: Iterable[RoleRule]) -> NameRole:
    """The role of one name alone; a rule of the site comes first."""
    reading = read_name(name)
    rule = rule_for(name, rules)
    return NameRole(
        series_description=name,
        role=rule.role if rule else reading.role,
        confidence=1.0 if rule else reading.confidence,
        why=f"rule '{rule.pattern}'" if rule else reading.word,
        phase=reading.phase_number,
        moment=reading.moment,
        fat_suppressed=reading.fat_suppressed,
    )
