"""The public collections that we know by name: what each is good for, and where its tables of labels are.

How many patients, studies and gigabytes there are is not written here: it is counted from the index.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.errors import NodeError


@dataclass(frozen=True, slots=True)
class PublicCollection:
    """One collection of the NCI Imaging Data Commons.

    Parameters
    ----------
    name
        Its `collection_id` in the index.
    prefixes
        Patient IDs begin with one of these.
    tables
        Files with its labels, which come from its page; empty where no label is known to us.
    baseline
        Text of the StudyDescription of the visit before treatment; empty where that is the patient's first study.
    every_study
        Whether every study of a patient bears the label; else the one before treatment only.
    """

    name: str
    title: str
    good_for: str
    prefixes: tuple[str, ...]
    tables: tuple[str, ...] = ()
    baseline: str = ""
    every_study: bool = False


_KNOWN = (
    PublicCollection(
        "advanced_mri_breast_lesions",
        "Advanced-MRI-Breast-Lesions (AMBL)",
        "malignancy of a patient or lesion from DCE and T2",
        ("AMBL-",),
        ("Advanced-MRI-Breast-Lesions-DA-Clinical-Sep2024.xlsx",),
    ),
    PublicCollection(
        "duke_breast_cancer_mri",
        "Duke-Breast-Cancer-MRI",
        "triple-negative and response from DCE alone; every patient has cancer",
        ("Breast_MRI_",),
        ("Clinical_and_Other_Features.xlsx",),
    ),
    PublicCollection(
        "ispy2",
        "I-SPY 2",
        "response and triple-negative from DCE and T2",
        ("ISPY2-",),
        ("ISPY2-Imaging-Cohort-1-Clinical-Data.xlsx",),
        baseline="_T0",
    ),
    PublicCollection(
        "acrin_6698",
        "ACRIN 6698 (patients of I-SPY 2)",
        "response and triple-negative from DCE, T2 and DWI; test for models of I-SPY 2",
        ("ACRIN-6698-",),
        (
            "ISPY2-Imaging-Cohort-1-Clinical-Data.xlsx",
            "Full-Collection-Ancillary-Patient-Information-file.xlsx",
        ),
        baseline="_T0",
    ),
    PublicCollection(
        "ispy1",
        "I-SPY 1 (ACRIN 6657)",
        "response and triple-negative from DCE of one breast; test for models of Duke",
        ("ISPY1_",),
        ("I-SPY 1 All Patient Clinical and Outcome Data.xlsx",),
    ),
    PublicCollection(
        "breast_mri_nact_pilot",
        "Breast-MRI-NACT-Pilot (UCSF)",
        "response and triple-negative from DCE of one breast; small",
        ("UCSF-BR-",),
        ("SharedClinicalAndRFS.xls",),
    ),
    PublicCollection(
        "breast_diagnosis",
        "BREAST-DIAGNOSIS",
        "malignancy from DCE, T2 and STIR; small, test for models of AMBL",
        ("BreastDx-01-",),
        ("TCIA-Breast-clinical-data-public-7_16_11.xlsx",),
    ),
    PublicCollection(
        "tcga_brca",
        "TCGA-BRCA",
        "triple-negative from DCE and T2 of many scanners; small",
        ("TCGA-",),
        ("nationwidechildrens.org_clinical_patient_brca.txt",),
    ),
    PublicCollection(
        "acrin_contralateral_breast_mr",
        "ACRIN 6667 (contralateral breast)",
        "findings of the breast opposite to a known cancer; names of many scanners",
        ("ACRIN-Contralateral-Breast-MR-",),
        ("6667_M3 reviewed.csv", "6667_PA reviewed.csv"),
    ),
    PublicCollection(
        "ea1141",
        "EA1141",
        "screening: throughput and false alarms; few cancers, no table of labels known",
        ("EA1141-",),
    ),
    PublicCollection("qin_breast", "QIN-BREAST", "DCE and DWI during treatment", ("QIN-BREAST-01-",)),
    PublicCollection("qin_breast_02", "QIN-BREAST-02", "DCE and DWI during treatment", ("QIN-BREAST-02-",)),
    PublicCollection("qin_breast_dce_mri", "QIN-Breast-DCE-MRI", "DCE during treatment", ("QIN-Breast-DCE-MRI-",)),
    PublicCollection("cmb_brca", "CMB-BRCA", "a few MR studies of many scanners", ("MSB-",)),
    PublicCollection("rider_breast_mri", "RIDER Breast MRI", "repeatability of DWI", ("RIDER-",)),
)
COLLECTIONS = {each.name: each for each in _KNOWN}
_SHORT = {"ambl": "advanced_mri_breast_lesions", "duke": "duke_breast_cancer_mri", "nact": "breast_mri_nact_pilot"}


def collection_named(name: str) -> PublicCollection:
    """The collection of that name, however it is written (`ACRIN-6698`, `ambl`); NodeError names all that there are."""
    asked = name.strip().lower().replace("-", "_").replace(" ", "_")
    found = COLLECTIONS.get(_SHORT.get(asked, asked))
    if found is None:
        raise NodeError(f"'{name}' is no collection that is known here; there are {', '.join(sorted(COLLECTIONS))}")
    return found
