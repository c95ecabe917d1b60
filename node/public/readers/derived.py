"""Labels of sets that come as NIfTI or by agreement: MAMA-MIA, ODELIA, fastMRI breast."""

from __future__ import annotations

import re
from pathlib import Path

from node.public.labels import (
    MALIGNANCY,
    RESPONSE,
    TRIPLE_NEGATIVE,
    CollectionLabels,
    PatientLabels,
    known,
    whole_years,
    yes_or_no,
)
from node.public.tables import TableShape, find_table, find_tables, read_rows

_MAMA_MIA = TableShape(
    columns=("patient_id", "dataset", "pcr", "tumor_subtype", "age"),
    optional=("menopausal_status", "menopause", "breast_density"),  # by which the challenge judges fairness
    sheet="dataset_info",
)
_SPLITS = TableShape(columns=("train_split", "test_split"))
_ODELIA = TableShape(columns=("UID", "Age", "Lesion"), optional=("PatientID", "Institution", "Split"))
_STATUS = "Lesion status (0 = negative, 1= malignancy, 2= benign)"
_SPLIT = "Data split (0=training, 1=testing)"
_REPEATED = "Repeated scans (0 = not repeat, 1:16 = repeated)"
_FASTMRI = TableShape(columns=("Patient Coded Name", _STATUS, _SPLIT, "Age"), optional=(_REPEATED,))
_CORRUPT = {
    "fastMRI_breast_272_1": "the published file is corrupt",
    "fastMRI_breast_272": "one of its files is corrupt",
}
_SUBTYPES = ("luminal", "luminal_a", "luminal_b", "her2_enriched", "her2_pure", "triple_negative")


def read_mama_mia(folder: Path) -> CollectionLabels:
    """The 1,506 cases of `clinical_and_imaging_info.xlsx`, with the published split."""
    rows = read_rows(find_table(folder, "clinical_and_imaging_info.xlsx"), _MAMA_MIA)
    splits = read_rows(find_table(folder, "train_test_splits.csv"), _SPLITS)
    test = {row["test_split"].lower() for row in splits if row["test_split"]}
    patients = tuple(
        PatientLabels(
            row["patient_id"].upper(),
            {
                RESPONSE: yes_or_no(row["pcr"]),
                TRIPLE_NEGATIVE: _triple_negative(row["tumor_subtype"]),
                "age": whole_years(row["age"]),
                "site": known(row["dataset"]),
                "menopausal_status": known(row.get("menopausal_status") or row.get("menopause", "")),
                "breast_density": known(row.get("breast_density", "")),
                "split": "test" if row["patient_id"].lower() in test else "training",
            },
        )
        for row in rows
        if row["patient_id"]
    )
    return CollectionLabels(
        patients, notes=("its patients are those of Duke, I-SPY 1, I-SPY 2 and the NACT pilot, under one key",)
    )


def read_odelia(folder: Path) -> CollectionLabels:
    """The breasts of every `annotation.csv` (each centre has one): 0 no lesion, 1 benign, 2 malignant."""
    rows = [row for table in find_tables(folder, "annotation.csv") for row in read_rows(table, _ODELIA)]
    patients = tuple(
        PatientLabels(
            row["UID"],
            {
                MALIGNANCY: yes_or_no(row["Lesion"], ("2",), ("0", "1")),
                "lesion": known(row["Lesion"]),
                "age": _years(row["Age"]),
                "site": known(row.get("Institution", "")),
            },
        )
        for row in rows
        if row["UID"]
    )
    same = {row["UID"]: row.get("PatientID") or re.sub(r"_(left|right)$", "", row["UID"]) for row in rows}
    return CollectionLabels(patients, same, ("a row is a breast; both breasts of a patient bear one key",))


def read_fastmri(folder: Path) -> CollectionLabels:
    """The 300 examinations of `fastMRI_breast_labels.xlsx`, with the published split; repeated ones are one patient."""
    rows = read_rows(find_table(folder, "fastMRI_breast_labels.xlsx"), _FASTMRI)
    patients = tuple(
        PatientLabels(
            row["Patient Coded Name"],
            {
                MALIGNANCY: yes_or_no(row[_STATUS], ("1",), ("0", "2")),
                "age": whole_years(row["Age"]),
                "split": {"0": "training", "1": "test"}.get(row[_SPLIT], ""),
            },
            _CORRUPT.get(row["Patient Coded Name"], ""),
        )
        for row in rows
        if row["Patient Coded Name"]
    )
    repeated = {
        row["Patient Coded Name"]: f"fastMRI repeated {row[_REPEATED]}"
        for row in rows
        if row.get(_REPEATED, "0") not in ("", "0")
    }
    return CollectionLabels(patients, repeated, ("examinations with one number of repetition are of one patient",))


def _triple_negative(subtype: str) -> str:
    word = known(subtype).lower().replace(" ", "_").replace("-", "_")
    return str(int(word == "triple_negative")) if word in _SUBTYPES else ""


def _years(text: str) -> str:
    """Whole years; ODELIA counts days."""
    try:
        value = float(text)
    except ValueError:
        return ""
    return str(int(value / 365.25 if value > 150 else value))
