"""Advanced-MRI-Breast-Lesions: sheet `MRI BREASTS with Delay`, names in line 2; up to six lesions in a line.

A lesion is 1 (tumour by pathology), 0 (benign by biopsy or at least a year of follow-up) or -1 (missing). Its place
(`pos1` ...) begins with the letter of the breast, L or R, before the slice: so two public readers of the table take it.
"""

from __future__ import annotations

from pathlib import Path

from mome_core.results import Laterality
from node.public.labels import MALIGNANCY, CollectionLabels, PatientLabels, known, whole_years
from node.public.tables import Row, TableShape, find_table, read_rows

_LESIONS = range(1, 7)
_SHAPE = TableShape(
    columns=("Patient ID", "BIRADS", "age at mri", *(f"tumor/benign{n}" for n in _LESIONS)),
    optional=("breast implants", *(f"pos{n}" for n in _LESIONS), *(f"pathology{n}" for n in _LESIONS)),
    sheet="MRI BREASTS with Delay",
)
_BORDERLINE = {"7": "LCIS", "8": "ADH or ALH", "25": "a radial scar"}  # neither cancer nor plainly benign
_NOTES = (
    "a patient is malignant when any lesion is a tumour, benign when every lesion with an answer is benign",
    "benign by follow-up is at least one year without change, not always a biopsy",
    "some 200 of the 632 patients have an answer in the table; the others take no part",
    "a breast without a lesion that has an answer has no label: the table does not say that it is healthy",
)
_SIDES = {"L": Laterality.LEFT, "R": Laterality.RIGHT}


def read(folder: Path) -> CollectionLabels:
    """The patients of the clinical table below a folder."""
    rows = read_rows(find_table(folder, "Advanced-MRI-Breast-Lesions-DA-Clinical-Sep2024.xlsx"), _SHAPE)
    patients = [row for row in rows if row["Patient ID"].upper().startswith("AMBL")]
    return CollectionLabels(tuple(map(_patient, patients)), notes=_NOTES)


def _patient(row: Row) -> PatientLabels:
    answers = [row[f"tumor/benign{n}"] for n in _LESIONS]
    label = "1" if "1" in answers else "0" if "0" in answers else ""
    values = {
        MALIGNANCY: label,
        "age": whole_years(row["age at mri"]),
        "bi_rads": known(row["BIRADS"]),
        "lesions": str(sum(each in ("0", "1") for each in answers)),
        "borderline": ", ".join(
            sorted({_BORDERLINE[p] for n in _LESIONS if (p := row.get(f"pathology{n}")) in _BORDERLINE})
        ),
    }
    excluded = "" if label else "no lesion of theirs has an answer"
    return PatientLabels(row["Patient ID"].strip(), values, excluded, _breasts(row))


def _breasts(row: Row) -> dict[Laterality, dict[str, str]]:
    """The label of each breast that has one; a tumour that names no breast leaves open which one it is in."""
    answers = {side: {row[f"tumor/benign{n}"] for n in _LESIONS if _side(row, n) is side} for side in _SIDES.values()}
    tumour_somewhere = any(row[f"tumor/benign{n}"] == "1" and _side(row, n) is None for n in _LESIONS)
    found = {}
    for side, those in answers.items():
        if "1" in those:
            found[side] = {MALIGNANCY: "1"}
        elif "0" in those and not tumour_somewhere:
            found[side] = {MALIGNANCY: "0"}
    return found


def _side(row: Row, lesion: int) -> Laterality | None:
    return _SIDES.get(row.get(f"pos{lesion}", "").strip()[:1].upper())
