"""Advanced-MRI-Breast-Lesions: sheet `MRI BREASTS with Delay`, names in line 2; up to six lesions in a line.

A lesion is 1 (tumour by pathology), 0 (benign by biopsy or at least a year of follow-up) or -1 (missing).
"""

from __future__ import annotations

from pathlib import Path

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
)


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
    return PatientLabels(row["Patient ID"].strip(), values, "" if label else "no lesion of theirs has an answer")
