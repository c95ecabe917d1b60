"""Duke-Breast-Cancer-MRI: `Clinical_and_Other_Features.xlsx`, sheet `Data`, names in line 2, patients from line 4.

Codes: Saha et al., British Journal of Cancer 119:508 (2018), and the collection's page (doi:10.7937/TCIA.e3sv-re93).
"""

from __future__ import annotations

from pathlib import Path

from node.public.labels import MALIGNANCY, RESPONSE, TRIPLE_NEGATIVE, CollectionLabels, PatientLabels, known
from node.public.tables import Row, TableShape, find_table, read_rows

_SHAPE = TableShape(
    columns=(
        "Patient ID",
        "Date of Birth (Days)",
        "ER",
        "PR",
        "HER2",
        "Mol Subtype",
        "Tumor Location",
        "Bilateral Information",
        "Pathologic Response to Neoadjuvant Therapy",
    ),
    sheet="Data",
)
_SUBTYPES = ("0", "1", "2", "3")  # luminal, HR+HER2+, HER2, triple-negative
_TRIPLE_NEGATIVE = "3"
_RESPONSE = {"1": "1", "2": "0", "3": "0", "4": "0"}  # complete; not; DCIS remains; LCIS remains; 5 is not known
_DAYS_PER_YEAR = 365.25
_NOTES = (
    "every patient of Duke has cancer: malignancy is 1 for all and cannot be learned from this set alone",
    "Duke's 'luminal' is not parted into A and B: its Mol Subtype gives triple_negative, not molecular_subtype",
    "complete response is Duke's code 1; DCIS (3) or LCIS (4) that remains counts as none, 5 is unknown",
    "known errors of the set (120 wrong labels of series, 596 duplicate instances) lie in its mapping file, which is "
    "not read: series are found by their headers, and an instance that is there twice is read once",
)


def read(folder: Path) -> CollectionLabels:
    """The patients of the clinical table below a folder."""
    rows = read_rows(find_table(folder, "Clinical_and_Other_Features.xlsx"), _SHAPE)
    patients = [row for row in rows if row["Patient ID"].startswith("Breast_MRI_")]  # else it explains codes
    return CollectionLabels(tuple(map(_patient, patients)), notes=_NOTES)


def _patient(row: Row) -> PatientLabels:
    subtype = known(row["Mol Subtype"])
    values = {
        MALIGNANCY: "1",
        TRIPLE_NEGATIVE: str(int(subtype == _TRIPLE_NEGATIVE)) if subtype in _SUBTYPES else "",
        RESPONSE: _RESPONSE.get(known(row["Pathologic Response to Neoadjuvant Therapy"]), ""),
        "age": _age(row["Date of Birth (Days)"]),
        "side": _side(row),
    }
    return PatientLabels(row["Patient ID"], values)


def _age(days: str) -> str:
    """Whole years at diagnosis; the table counts the days to birth, which are negative."""
    try:
        return str(int(-float(days) / _DAYS_PER_YEAR))
    except ValueError:
        return ""


def _side(row: Row) -> str:
    """The side of the cancer: L, R, or LR for both."""
    if known(row["Bilateral Information"]) == "1":
        return "LR"
    location = known(row["Tumor Location"]).upper()
    return location if location in ("L", "R") else ""
