"""I-SPY 2 and ACRIN 6698 (one trial, one clinical table), I-SPY 1, and the NACT pilot at UCSF."""

from __future__ import annotations

from pathlib import Path

from node.errors import NodeError
from node.public.labels import (
    RESPONSE,
    TRIPLE_NEGATIVE,
    CollectionLabels,
    PatientLabels,
    known,
    triple_negative,
    whole_years,
    yes_or_no,
)
from node.public.patients import patient_key
from node.public.tables import Row, TableShape, find_table, read_rows

_COHORT_1 = TableShape(columns=("Patient_ID", "Arm", "HR", "HER2", "MP", "pCR", "Age_at_Screening"))
_ANCILLARY = TableShape(columns=("TCIA PATIENT ID", "I-SPY 2 Research ID"))
_CLINICAL = TableShape(
    columns=("SUBJECTID", "age", "ERpos", "PgRpos", "Her2MostPos", "HR_HER2_STATUS", "Laterality"),
    sheet="TCIA Patient Clinical Subset",
)
_OUTCOMES = TableShape(columns=("SUBJECTID", "PCR"), sheet="TCIA Outcomes Subset")
_PILOT = TableShape(
    columns=("Patient ID", "HR_HER2_STATUS", "path size (cm)"),
    optional=("Age at MRI1 (yrs)", "Breast laterality", "Clinical response"),
    sheet="Clinical and DFS Data",
)
_STATUS = {"tripleneg": "1", "hrposher2neg": "0", "her2pos": "0"}
_TRIAL_NOTES = (
    "triple-negative is HR 0 and HER2 0; the visit before treatment (T0) alone takes part",
    "every patient has cancer: malignancy is not labelled",
)


def read_ispy2(folder: Path) -> CollectionLabels:
    """The 985 patients of imaging cohort 1, as I-SPY 2 names them."""
    rows = read_rows(find_table(folder, "ISPY2-Imaging-Cohort-1-Clinical-Data.xlsx"), _COHORT_1)
    patients = tuple(_of_cohort_1(row, f"ISPY2-{_digits(row['Patient_ID'])}") for row in rows if row["Patient_ID"])
    return CollectionLabels(patients, notes=_TRIAL_NOTES)


def read_acrin_6698(folder: Path) -> CollectionLabels:
    """The patients of imaging cohort 1 under their IDs of ACRIN 6698.

    The ancillary table says which patient of I-SPY 2 each is; without it the number is taken to be the same, and the
    notes say so.
    """
    of_trial = {each.patient: each for each in read_ispy2(folder).patients}
    try:
        table = read_rows(find_table(folder, "Full-Collection-Ancillary-Patient-Information-file.xlsx"), _ANCILLARY)
        same = {row["TCIA PATIENT ID"]: f"ISPY2-{_digits(row['I-SPY 2 Research ID'])}" for row in table}
        notes: tuple[str, ...] = _TRIAL_NOTES
    except NodeError as missing:
        if type(missing) is not NodeError:  # a table that is there and wrong is no reason to guess
            raise
        same = {each.replace("ISPY2-", "ACRIN-6698-"): each for each in of_trial}
        notes = (*_TRIAL_NOTES, "the ancillary table is not there: a number is taken to name one patient in both sets")
    theirs = {name: trial for name, trial in same.items() if name.startswith("ACRIN-6698-")}
    patients = tuple(
        PatientLabels(name, of_trial[trial].values, of_trial[trial].excluded)
        if trial in of_trial
        else PatientLabels(name, {}, "not in the clinical table of imaging cohort 1")
        for name, trial in theirs.items()
    )
    return CollectionLabels(patients, theirs, notes)


def read_ispy1(folder: Path) -> CollectionLabels:
    """The patients of both sheets of `I-SPY 1 All Patient Clinical and Outcome Data.xlsx`."""
    path = find_table(folder, "I-SPY 1 All Patient Clinical and Outcome Data.xlsx")
    response = {row["SUBJECTID"]: yes_or_no(row["PCR"]) for row in read_rows(path, _OUTCOMES)}
    rows = [row for row in read_rows(path, _CLINICAL) if row["SUBJECTID"]]
    patients = tuple(
        PatientLabels(
            f"ISPY1_{_digits(row['SUBJECTID'])}",
            {
                TRIPLE_NEGATIVE: _of_status(row),
                RESPONSE: response.get(row["SUBJECTID"], ""),
                "age": whole_years(row["age"]),
                "side": {"1": "L", "2": "R"}.get(known(row["Laterality"]), ""),
            },
        )
        for row in rows
    )
    return CollectionLabels(
        patients,
        notes=(
            "the first study in time takes part; most of I-SPY 1 shows one breast, sagittal",
            "triple-negative is HR_HER2_STATUS where it is given, else ER, PR and HER2 all 0",
            "every patient has cancer: malignancy is not labelled",
        ),
    )


def read_nact_pilot(folder: Path) -> CollectionLabels:
    """The 64 patients of `SharedClinicalAndRFS`, saved as .xlsx or .csv."""
    rows = read_rows(find_table(folder, "SharedClinicalAndRFS.xls"), _PILOT)
    patients = tuple(_of_pilot(row) for row in rows if row["Patient ID"].upper().startswith("UCSF"))
    return CollectionLabels(
        patients,
        notes=(
            "the table has no column of complete response: it is a residual size of 0 cm in the breast, nodes not read",
            "every patient has cancer: malignancy is not labelled",
        ),
    )


def _of_cohort_1(row: Row, name: str) -> PatientLabels:
    hr, her2 = yes_or_no(row["HR"]), yes_or_no(row["HER2"])
    values = {
        TRIPLE_NEGATIVE: triple_negative(hr, hr, her2),
        RESPONSE: yes_or_no(row["pCR"]),
        "age": whole_years(row["Age_at_Screening"]),
        "arm": known(row["Arm"]),
        "mammaprint": known(row["MP"]),
    }
    return PatientLabels(name, values)


def _of_status(row: Row) -> str:
    receptors = (yes_or_no(row[name]) for name in ("ERpos", "PgRpos", "Her2MostPos"))
    return _status(row) or triple_negative(*receptors)


def _status(row: Row) -> str:
    """Triple-negative by the column that names all receptors; empty where it does not say."""
    return _STATUS.get(known(row["HR_HER2_STATUS"]).lower().replace(" ", ""), "")


def _of_pilot(row: Row) -> PatientLabels:
    name = row["Patient ID"].strip().replace("_", "-").upper()
    values = {
        TRIPLE_NEGATIVE: _status(row),
        RESPONSE: _no_residue(row["path size (cm)"]),
        "age": whole_years(row.get("Age at MRI1 (yrs)", "")),
        "clinical_response": known(row.get("Clinical response", "")),
    }
    return PatientLabels(f"UCSF-BR-{patient_key(name).rsplit('-', 1)[-1]}", values)


def _no_residue(size: str) -> str:
    try:
        return str(int(float(size) == 0.0))
    except ValueError:
        return ""


def _digits(text: str) -> str:
    """The number at the end of an ID that may be a number alone."""
    return text.strip().replace("_", "-").rsplit("-", 1)[-1].split(".")[0]
