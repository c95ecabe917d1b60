"""BREAST-DIAGNOSIS, TCGA-BRCA and ACRIN 6667 (contralateral breast)."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from node.public.labels import (
    MALIGNANCY,
    TRIPLE_NEGATIVE,
    CollectionLabels,
    PatientLabels,
    known,
    triple_negative,
    yes_or_no,
)
from node.public.tables import Row, TableShape, find_table, read_rows

_DIAGNOSIS = TableShape(
    columns=("Breast Dx Case", "Pathology Dx", "Pathology Which breast"),
    optional=("Pathology ER", "Pathology PR", "Pathology HER2", "MRI Report BIRAD"),
)
# Words of pathology. Lobular carcinoma in situ is a risk marker, no cancer (WHO 2019), so it is taken out first.
_IN_SITU_LOBULAR = re.compile(r"\blcis\b|lobular carcinoma in[ -]situ|lobular neoplasia", re.IGNORECASE)
_CANCER = re.compile(
    r"carcinoma|adenoca|cancer|malignan|lymphoma|sarcoma|\b(?:dcis|idc|ilc|imc|invasive)\b", re.IGNORECASE
)
_BENIGN = re.compile(
    r"benign|fibro|adenosis|cyst|hyperplasia|papilloma|fat necrosis|scar|pash|normal|\b(?:adh|alh|fcc|fea)\b|inflamm",
    re.IGNORECASE,
)
# Beside a word of cancer these may deny it, or tell of another time or person; what they refer to is not parsed.
_DOUBT = re.compile(
    r"\b(?:no|not|non|without|negative|absent|history|previous|rule out|r/o|possible|vs)\b", re.IGNORECASE
)
_BIOTAB = TableShape(
    columns=("bcr_patient_barcode", "er_status_by_ihc", "pr_status_by_ihc", "her2_status_by_ihc"),
    optional=("her2_fish_status", "age_at_diagnosis"),
    skipped=2,  # lines that repeat the names and give the numbers of the data elements
)
_READING = TableShape(columns=("cn", "m3e68"))
_PATHOLOGY = TableShape(columns=("cn", "pae10"))


def read_breast_diagnosis(folder: Path) -> CollectionLabels:
    """The patients of `TCIA-Breast-clinical-data-public-7_16_11.xlsx`; pathology is prose, and read by its words."""
    rows = read_rows(find_table(folder, "TCIA-Breast-clinical-data-public-7_16_11.xlsx"), _DIAGNOSIS)
    patients = tuple(_diagnosed(row) for row in rows if row["Breast Dx Case"])
    return CollectionLabels(
        patients,
        notes=(
            "pathology is prose: words of cancer make a patient malignant, benign words benign, LCIS alone neither",
            "cancer beside a negation, a history or a doubt is no label: what such a word refers to is not parsed",
            "the first MR study in time takes part; one that was made after an operation is not told apart",
        ),
    )


def read_tcga(folder: Path) -> CollectionLabels:
    """The patients of the clinical table of the Genomic Data Commons (BCR biotab)."""
    rows = read_rows(find_table(folder, "nationwidechildrens.org_clinical_patient_brca.txt"), _BIOTAB)
    patients = tuple(_receptors(row) for row in rows if row["bcr_patient_barcode"].startswith("TCGA-"))
    return CollectionLabels(
        patients,
        notes=(
            "HER2 is that of FISH where it was made, else of immunohistochemistry; equivocal is unknown",
            "the first study in time takes part; every patient has cancer: malignancy is not labelled",
        ),
    )


def read_contralateral(folder: Path) -> CollectionLabels:
    """The patients of the forms M3 (reading of the MRI) and PA (pathology)."""
    categories: dict[str, list[int]] = defaultdict(list)
    for row in read_rows(find_table(folder, "6667_M3 reviewed.csv"), _READING):
        if known(row["m3e68"]).isdecimal():
            categories[row["cn"]].append(int(row["m3e68"]))
        else:
            categories.setdefault(row["cn"], [])
    found: dict[str, set[str]] = defaultdict(set)
    for row in read_rows(find_table(folder, "6667_PA reviewed.csv"), _PATHOLOGY):
        found[row["cn"]].add(known(row["pae10"]))
    numbers = sorted({*categories, *found}, key=lambda each: int(each) if each.isdecimal() else 0)
    patients = tuple(_contralateral(cn, categories.get(cn, []), found[cn]) for cn in numbers if cn.isdecimal())
    return CollectionLabels(
        patients,
        notes=(
            "every patient has a cancer in the other breast, which the images show too: malignancy of the patient is "
            "not labelled, contralateral_malignancy is",
            "the BI-RADS category is the highest that a form gives",
        ),
    )


def _diagnosis(text: str) -> str:
    """Malignant ("1"), benign ("0"), or "" where the words of a pathologist say neither, or cancer with doubt."""
    said = known(text)
    if _CANCER.search(_IN_SITU_LOBULAR.sub(" ", said)):
        return "" if _DOUBT.search(said) else "1"
    return "0" if _BENIGN.search(said) and not _IN_SITU_LOBULAR.search(said) else ""


def _diagnosed(row: Row) -> PatientLabels:
    label = _diagnosis(row["Pathology Dx"])
    number = re.sub(r"\D", "", row["Breast Dx Case"])[-4:].zfill(4)
    receptors = (_reported(row.get(f"Pathology {name}", "")) for name in ("ER", "PR", "HER2"))
    values = {
        MALIGNANCY: label,
        TRIPLE_NEGATIVE: triple_negative(*receptors) if label == "1" else "",
        "bi_rads": known(row.get("MRI Report BIRAD", "")),
    }
    return PatientLabels(
        f"BreastDx-01-{number}", values, "" if label else "the pathologist's words say neither cancer nor benign"
    )


def _reported(text: str) -> str:
    """A receptor as a report has it: positive, negative, +, -."""
    said = known(text).lower()
    if said.startswith(("pos", "+")):
        return "1"
    return "0" if said.startswith(("neg", "-")) else yes_or_no(text)


def _receptors(row: Row) -> PatientLabels:
    er, pr = (_status(row[f"{name}_status_by_ihc"]) for name in ("er", "pr"))
    her2 = _status(row.get("her2_fish_status", "")) or _status(row["her2_status_by_ihc"])
    values = {TRIPLE_NEGATIVE: triple_negative(er, pr, her2), "age": known(row.get("age_at_diagnosis", ""))}
    return PatientLabels(row["bcr_patient_barcode"], values)


def _status(text: str) -> str:
    return yes_or_no(text, ("Positive",), ("Negative",))


def _contralateral(number: str, categories: list[int], pathology: set[str]) -> PatientLabels:
    """Codes of pae10: 1 benign, 3 in situ, 4 invasive."""
    label = "1" if pathology & {"3", "4"} else "0" if "1" in pathology else ""
    values = {"contralateral_malignancy": label, "bi_rads": str(max(categories)) if categories else ""}
    return PatientLabels(f"ACRIN-Contralateral-Breast-MR-{int(number):03d}", values)
