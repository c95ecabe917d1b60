"""From a cohort of studies to one of breasts: a row for each breast that has a label of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mome_core.results import Endpoint, Laterality
from mome_core.training.cohort import SIDE, SUBTYPE_COLUMN
from mome_core.training.table import Record, read_table, write_table
from node.errors import NodeError

_ENDINGS = {Laterality.LEFT: "_left", Laterality.RIGHT: "_right"}
_OF_PATIENTS = (*(each.value for each in Endpoint), SUBTYPE_COLUMN)  # no label of a breast


@dataclass(frozen=True, slots=True)
class BreastCohort:
    """What was written.

    Parameters
    ----------
    breasts, patients
        In the new manifest.
    without_label
        Breasts of which no label is known; they are left out.
    """

    cohort: str
    breasts: int
    patients: int
    without_label: int


def write_breasts(manifest: Path, out: Path) -> BreastCohort:
    """Write the breasts of a manifest's studies: of a column `malignancy_left` the left one's `malignancy`, and so on.

    Other columns are of both breasts. A patient's label is none of a breast, but for one: both breasts of a patient
    without malignancy are without. NodeError where sides contradict the patient, or no breast has a label.
    """
    columns, records = read_table(manifest)
    _require_studies(manifest, columns)
    every = [row for n, record in enumerate(records, start=2) for row in _breasts_of(record, f"{manifest}, line {n}")]
    kept = [_placed(row, manifest, out) for row in every if any(row.get(name) for name in _OF_PATIENTS)]
    if not kept:
        raise NodeError(f"{manifest} has no label of a breast: fill in malignancy_left and malignancy_right")
    write_table(out, kept)
    _keep_key(manifest.with_suffix(".key"), out.with_suffix(".key"))
    return BreastCohort(str(out), len(kept), len({row["patient"] for row in kept}), len(every) - len(kept))


def _keep_key(key: Path, beside: Path) -> None:
    """The secret of the pseudonyms, which `cohort add` needs, beside the new manifest too."""
    if key.is_file() and not beside.exists():
        beside.touch(mode=0o600)
        beside.write_bytes(key.read_bytes())


def _require_studies(manifest: Path, columns: Sequence[str]) -> None:
    """NodeError for a table that is no manifest, or one of breasts already."""
    if SIDE in columns:
        raise NodeError(f"{manifest} has a column {SIDE}: its rows are breasts already")
    if missing := [name for name in ("case", "patient") if name not in columns]:
        raise NodeError(f"{manifest} has no column '{missing[0]}'")


def _breasts_of(record: Record, place: str) -> Iterator[Record]:
    """The row of each breast of a study."""
    of_study = {name: value for name, value in record.items() if not name.endswith(tuple(_ENDINGS.values()))}
    shared = {name: value for name, value in of_study.items() if name not in _OF_PATIENTS}
    _require_agreement(record, place)
    negative = {Endpoint.MALIGNANCY.value: "0"} if of_study.get(Endpoint.MALIGNANCY) == "0" else {}
    for side, ending in _ENDINGS.items():
        own = {name.removesuffix(ending): value for name, value in record.items() if name.endswith(ending)}
        yield {"case": shared["case"], "patient": shared["patient"], SIDE: side.value, **shared, **own, **negative}


def _require_agreement(record: Record, place: str) -> None:
    """NodeError where the patient's malignancy is not that of the breasts."""
    patient = record.get(Endpoint.MALIGNANCY, "")
    sides = [record.get(f"{Endpoint.MALIGNANCY}{ending}", "") for ending in _ENDINGS.values()]
    if (patient == "0" and "1" in sides) or (patient == "1" and sides == ["0", "0"]):
        raise NodeError(f"{place}: malignancy is {patient}, but left is {sides[0] or '?'} and right {sides[1] or '?'}")


def _placed(row: Record, manifest: Path, out: Path) -> Record:
    """The row with its study's place from where the new manifest lies."""
    study = manifest.parent / row["case"]
    return (
        row
        if study.is_absolute() and Path(row["case"]).is_absolute()
        else row | {"case": os.path.relpath(study, out.parent)}
    )
