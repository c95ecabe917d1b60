"""Tables of public collections with their real headers, group rows and codes, filled with invented patients."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from openpyxl import Workbook

Values = Mapping[str, object]
DUKE = (
    "Patient ID",
    "Days to MRI (From the Date of Diagnosis)",
    "Manufacturer",
    "Date of Birth (Days)",
    "Menopause (at diagnosis)",
    "ER",
    "PR",
    "HER2",
    "Mol Subtype",
    "Tumor Location",
    "Position",
    "Bilateral Information",
    "Clinical Response, Evaluated Through Imaging ",
    "Pathologic Response to Neoadjuvant Therapy",
)
AMBL = (
    "Patient ID#",
    "age at mri",
    "reason for referral",
    "breast implants",
    "BIRADS",
    *(f"pos{n}" for n in range(1, 7)),
    *(name for n in range(1, 7) for name in (f"tumor/benign{n}", f"pathology{n}", f"GRADE{n}", f"isTN{n}")),
)
ISPY2 = (
    "Patient_ID",
    "Arm",
    "HR",
    "HER2",
    "MP",
    "pCR",
    "Age_at_Screening",
    "Race",
    "ethnicity",
    "menopausal_status",
)
ISPY1 = (
    "SUBJECTID",
    "DataExtractDt",
    "age",
    "race_id",
    "ERpos",
    "PgRpos",
    "HR Pos",
    "Her2MostPos",
    "HR_HER2_CATEGORY",
    "HR_HER2_STATUS",
    "BilateralCa",
    "Laterality",
    "MRI LD Baseline",
)
ISPY1_OUTCOMES = ("SUBJECTID", "DataExtractDt", "sstat", "survDtD2 (tx)", "RFS", "rfs_ind", "PCR", "RCBClass")
NACT = (
    "PRIMARY ID Number",
    "Patient ID",
    "Age at MRI1 (yrs)",
    "HR_HER2_CATEGORY",
    "HR_HER2_STATUS",
    "Clinical response",
    "path size (cm)",
    "LN",
)
DIAGNOSIS = (
    "Breast Dx Case",
    "Background",
    "Pathology: Dx",
    "Pathology: Which breast",
    "Pathology: ER",
    "Pathology: PR",
    "Pathology: HER2",
    "MRI Report: BIRAD",
)
TCGA = (
    "bcr_patient_uuid",
    "bcr_patient_barcode",
    "age_at_diagnosis",
    "er_status_by_ihc",
    "pr_status_by_ihc",
    "her2_status_by_ihc",
    "her2_fish_status",
)
MAMA_MIA = ("patient_id", "dataset", "age", "menopause", "pcr", "hr", "er", "pr", "her2", "tumor_subtype", "num_phases")
ODELIA = ("UID", "PatientID", "Institution", "Age", "Lesion")
FASTMRI = (
    "Patient Coded Name",
    "Repeated scans (0 = not repeat, 1:16 = repeated)",
    "Data split (0=training, 1=testing)",
    "Age",
    "Lesion status (0 = negative, 1= malignancy, 2= benign)",
)


def sheet(path: Path, sheets: Mapping[str, Sequence[Sequence[object]]]) -> Path:
    """A workbook of these sheets."""
    book = Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    for name, lines in sheets.items():
        page = book.create_sheet(name)
        for line in lines:
            page.append(list(line))
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def delimited(path: Path, lines: Sequence[Sequence[object]], delimiter: str = ",") -> Path:
    """A delimited file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(lines)
    return path


def lines_of(header: Sequence[str], patients: Sequence[Values]) -> list[list[object]]:
    """Header, then each patient's values in its columns."""
    return [list(header), *([each.get(name, "") for name in header] for each in patients)]


def duke(folder: Path, patients: Sequence[Values], header: Sequence[str] = DUKE) -> Path:
    groups = ["Patient Info", "", "MRI Technical Information", "Demographics"]
    codes = ["", "", "GE=0, SIEMENS=2", "Taking date of diagnosis as day 0", "", "0=neg, 1=pos"]
    names, *values = lines_of(header, patients)
    lines = [groups, names, codes, *values]
    return sheet(folder / "Clinical_and_Other_Features.xlsx", {"Data": lines, "Sheet2": [["x"]]})


def ambl(folder: Path, patients: Sequence[Values], header: Sequence[str] = AMBL) -> Path:
    missing = {name: -1 for name in header if name.startswith(("tumor/benign", "pathology"))}
    lines = [["MRI BREASTS with Delay"], *lines_of(header, [missing | dict(each) for each in patients])]
    name = "Advanced-MRI-Breast-Lesions-DA-Clinical-Sep2024.xlsx"
    return sheet(folder / name, {"MRI BREASTS with Delay": lines})


def ispy2(folder: Path, patients: Sequence[Values], header: Sequence[str] = ISPY2) -> Path:
    return sheet(folder / "ISPY2-Imaging-Cohort-1-Clinical-Data.xlsx", {"Sheet1": lines_of(header, patients)})


def acrin_ids(folder: Path, pairs: Sequence[tuple[str, str]]) -> Path:
    name = "Full-Collection-Ancillary-Patient-Information-file.xlsx"
    return sheet(folder / name, {"Sheet1": [["TCIA PATIENT ID", "I-SPY 2 Research ID", "Site"], *map(list, pairs)]})


def ispy1(folder: Path, patients: Sequence[Values], header: Sequence[str] = ISPY1) -> Path:
    sheets = {
        "Data Dictionary": [["Column", "Meaning"]],
        "TCIA Patient Clinical Subset": lines_of(header, patients),
        "TCIA Outcomes Subset": lines_of(ISPY1_OUTCOMES, patients),
    }
    return sheet(folder / "I-SPY 1 All Patient Clinical and Outcome Data.xlsx", sheets)


def nact(folder: Path, patients: Sequence[Values], header: Sequence[str] = NACT) -> Path:
    sheets = {"Legend": [["x"]], "Clinical and DFS Data": lines_of(header, patients)}
    return sheet(folder / "SharedClinicalAndRFS.xlsx", sheets)


def diagnosis(folder: Path, patients: Sequence[Values], header: Sequence[str] = DIAGNOSIS) -> Path:
    return sheet(folder / "TCIA-Breast-clinical-data-public-7_16_11.xlsx", {"Sheet1": lines_of(header, patients)})


def tcga(folder: Path, patients: Sequence[Values], header: Sequence[str] = TCGA) -> Path:
    names, *values = lines_of(header, patients)
    lines = [names, names, ["CDE_ID:", "CDE_ID:2003301"], *values]
    return delimited(folder / "nationwidechildrens.org_clinical_patient_brca.txt", lines, "\t")


def contralateral(folder: Path, forms: Sequence[Values], header: Sequence[str] = ("cn", "m3e67", "m3e68")) -> Path:
    delimited(folder / "6667_PA reviewed.csv", lines_of(("cn", "pae9", "pae10"), [e for e in forms if "pae10" in e]))
    return delimited(folder / "6667_M3 reviewed.csv", lines_of(header, forms))
