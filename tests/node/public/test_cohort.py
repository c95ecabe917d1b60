"""Labels of each collection joined with its studies: every code, every patient's key, every reason to stay out."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import public_tables as tables
from mome_core.results import Endpoint
from mome_core.training.cohort import read_manifest
from node.errors import NodeError
from node.public.cohort import NO_SIDE, keys_of, read_collection_labels, write_label_table, write_public_cohort
from node.public.collections import collection_named
from node.public.index import IndexedSeries
from node.public.tables import WrongHeader
from public_sets import write_public_study

pytestmark = pytest.mark.slow
Label = dict[str, str]


@dataclass(frozen=True)
class Example:
    """A collection's table, who of it is on disk, and what the cohort must say of them."""

    collection: str
    write: Callable[..., Path]
    patients: list[dict[str, object]]
    expected: dict[str, Label]  # by the key of the patient
    on_disk: tuple[str, ...]
    renamed: tuple[str, str] = ("", "")  # a column, and what a wrong header has in its place
    more: dict[str, str] = field(default_factory=dict)


EXAMPLES = {
    "duke": Example(
        "duke_breast_cancer_mri",
        tables.duke,
        [
            {
                "Patient ID": "Breast_MRI_001",
                "Date of Birth (Days)": -15006,
                "ER": 0,
                "PR": 0,
                "HER2": 0,
                "Mol Subtype": 3,
                "Tumor Location": "L",
                "Bilateral Information": 0,
                "Pathologic Response to Neoadjuvant Therapy": 1,
            },
            {
                "Patient ID": "Breast_MRI_002",
                "Date of Birth (Days)": -22500,
                "Mol Subtype": 0,
                "Tumor Location": "R",
                "Bilateral Information": 1,
                "Pathologic Response to Neoadjuvant Therapy": 3,
            },
            {"Patient ID": "Breast_MRI_003", "Mol Subtype": "NC", "Pathologic Response to Neoadjuvant Therapy": 5},
        ],
        {
            "duke-001": {
                "malignancy": "1",
                "triple_negative": "1",
                "pathological_complete_response": "1",
                "age": "41",
                "side": "L",
            },
            "duke-002": {"triple_negative": "0", "pathological_complete_response": "0", "side": "LR", "age": "61"},
            "duke-003": {"malignancy": "1", "triple_negative": "", "pathological_complete_response": "", "age": ""},
        },
        ("Breast_MRI_001", "Breast_MRI_002", "Breast_MRI_003"),
        ("Mol Subtype", "Molecular Subtype"),
    ),
    "ambl": Example(
        "advanced_mri_breast_lesions",
        tables.ambl,
        [
            {"Patient ID#": "AMBL-001", "BIRADS": 5, "age at mri": 47, "tumor/benign1": 0, "tumor/benign2": 1},
            {"Patient ID#": "AMBL-002", "BIRADS": 3, "age at mri": 52, "tumor/benign1": 0, "pathology1": 8},
            {"Patient ID#": "AMBL-003", "BIRADS": 0},
        ],
        {
            "ambl-001": {"malignancy": "1", "bi_rads": "5", "age": "47", "lesions": "2", "borderline": ""},
            "ambl-002": {"malignancy": "0", "lesions": "1", "borderline": "ADH or ALH"},
        },
        ("AMBL-001", "AMBL-002", "AMBL-003"),
        ("tumor/benign1", "tumor_or_benign 1st"),
    ),
    "ispy2": Example(
        "ispy2",
        tables.ispy2,
        [
            {"Patient_ID": 100899, "Arm": "Paclitaxel", "HR": 0, "HER2": 0, "MP": 1, "pCR": 1, "Age_at_Screening": 44},
            {"Patient_ID": 102011, "HR": 1, "HER2": 0, "pCR": 0, "Age_at_Screening": 60.5},
        ],
        {
            "ispy2-100899": {
                "triple_negative": "1",
                "pathological_complete_response": "1",
                "age": "44",
                "malignancy": "",
            },
            "ispy2-102011": {"triple_negative": "0", "pathological_complete_response": "0", "age": "60"},
        },
        ("ISPY2-100899", "ISPY2-102011"),
        ("pCR", "PCR status"),
    ),
    "ispy1": Example(
        "ispy1",
        tables.ispy1,
        [
            {"SUBJECTID": 1001, "age": 38.7, "HR_HER2_STATUS": "TripleNeg", "Laterality": 1, "PCR": 1},
            {"SUBJECTID": 1002, "ERpos": 1, "PgRpos": 0, "Her2MostPos": 0, "Laterality": 2, "PCR": 0},
            {"SUBJECTID": 1003, "ERpos": 0, "PgRpos": 0, "Her2MostPos": "", "PCR": ""},
        ],
        {
            "ispy1-1001": {"triple_negative": "1", "pathological_complete_response": "1", "age": "38", "side": "L"},
            "ispy1-1002": {"triple_negative": "0", "pathological_complete_response": "0", "side": "R"},
        },
        ("ISPY1_1001", "ISPY1_1002", "ISPY1_1003"),
        ("Her2MostPos", "HER2 status"),
    ),
    "nact": Example(
        "breast_mri_nact_pilot",
        tables.nact,
        [
            {"Patient ID": "UCSF-BR-01", "HR_HER2_STATUS": "TripleNeg", "path size (cm)": 0, "Age at MRI1 (yrs)": 48},
            {"Patient ID": "UCSF-BR-13", "HR_HER2_STATUS": "HRposHER2neg", "path size (cm)": 1.4},
        ],
        {
            "nact-01": {"triple_negative": "1", "pathological_complete_response": "1", "age": "48"},
            "nact-13": {"triple_negative": "0", "pathological_complete_response": "0"},
        },
        ("UCSF-BR-01", "UCSF-BR-13"),
        ("path size (cm)", "residual size (mm)"),
    ),
    "breast_diagnosis": Example(
        "breast_diagnosis",
        tables.diagnosis,
        [
            {
                "Breast Dx Case": "BreastDx-01-0001",
                "Pathology: Dx": "Invasive ductal carcinoma, DCIS",
                "Pathology: ER": "Negative",
                "Pathology: PR": "neg",
                "Pathology: HER2": "negative",
            },
            {"Breast Dx Case": "BreastDx-01-0034", "Pathology: Dx": "Fibroadenoma; no atypia"},
            {"Breast Dx Case": "BreastDx-01-0043", "Pathology: Dx": "LCIS"},
        ],
        {
            "breastdx-0001": {"malignancy": "1", "triple_negative": "1"},
            "breastdx-0034": {"malignancy": "0", "triple_negative": ""},
        },
        ("BreastDx-01-0001", "BreastDx-01-0034", "BreastDx-01-0043"),
        ("Pathology: Dx", "Diagnosis"),
    ),
    "tcga": Example(
        "tcga_brca",
        tables.tcga,
        [
            {
                "bcr_patient_barcode": "TCGA-AO-A03M",
                "age_at_diagnosis": 29,
                "er_status_by_ihc": "Negative",
                "pr_status_by_ihc": "Negative",
                "her2_status_by_ihc": "Equivocal",
                "her2_fish_status": "Negative",
            },
            {
                "bcr_patient_barcode": "TCGA-E2-A1II",
                "er_status_by_ihc": "Positive",
                "pr_status_by_ihc": "Negative",
                "her2_status_by_ihc": "[Not Evaluated]",
                "her2_fish_status": "[Not Available]",
            },
        ],
        {"tcga-ao-a03m": {"triple_negative": "1", "age": "29"}, "tcga-e2-a1ii": {"triple_negative": "0"}},
        ("TCGA-AO-A03M", "TCGA-E2-A1II"),
        ("pr_status_by_ihc", "breast_carcinoma_progesterone_receptor_status"),
    ),
    "contralateral": Example(
        "acrin_contralateral_breast_mr",
        tables.contralateral,
        [
            {"cn": 88, "m3e68": 4, "pae10": 4},
            {"cn": 786, "m3e68": 2, "pae10": 1},
            {"cn": 12, "m3e68": 1},
        ],
        {
            "acrin6667-088": {"malignancy": "", "contralateral_malignancy": "1", "bi_rads": "4"},
            "acrin6667-786": {"contralateral_malignancy": "0", "bi_rads": "2"},
        },
        ("ACRIN-Contralateral-Breast-MR-088", "ACRIN-Contralateral-Breast-MR-786"),
        ("m3e68", "m3e86"),
    ),
}


def rows_of(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as file:
        return {row["patient"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_label_is_right_and_every_patient_keyed(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    example.write(tmp_path / "tables", example.patients)
    for n, patient in enumerate(example.on_disk):
        write_public_study(tmp_path, example.collection, patient, seed=n)
    written = write_public_cohort(collection_named(example.collection), tmp_path, tmp_path / "cohort.csv")
    rows = rows_of(tmp_path / "cohort.csv")
    assert set(rows) == set(example.expected)
    for key, expected in example.expected.items():
        assert {column: rows[key][column] for column in expected} == expected, key
        assert (tmp_path / rows[key]["case"]).is_dir()
        assert (rows[key]["site"], rows[key]["field_strength"]) == (example.collection, "1.5")
    assert written.cases == len(example.expected)
    assert written.notes
    outside = set(example.on_disk) - {each.patient for each in written.left_out}
    assert len(outside) == len(example.expected), "whoever has no label is listed with the reason"


def test_of_ambl_each_breast_with_a_lesion_that_has_an_answer_is_a_case(tmp_path: Path) -> None:
    """The letter before the slice is the breast; what names none leaves open which breast a tumour is in."""
    tables.ambl(
        tmp_path / "tables",
        [
            {
                "Patient ID#": "AMBL-001",
                "BIRADS": 4,
                "pos1": "L-12.5",
                "tumor/benign1": 1,
                "pos2": "r30",
                "tumor/benign2": 0,
            },
            {"Patient ID#": "AMBL-002", "pos1": "R8", "tumor/benign1": 0, "pos2": "R9", "tumor/benign2": 1},
            {"Patient ID#": "AMBL-003", "pos1": "L8", "tumor/benign1": 0, "tumor/benign2": 1},
            {"Patient ID#": "AMBL-004", "pos1": "L8", "tumor/benign1": 0, "pos2": "R9", "tumor/benign2": -1},
        ],
    )
    for n in range(1, 5):
        write_public_study(tmp_path, "advanced_mri_breast_lesions", f"AMBL-00{n}", seed=n)
    written = write_public_cohort(collection_named("ambl"), tmp_path, tmp_path / "breasts.csv", breasts=True)
    rows = read_manifest(tmp_path / "breasts.csv")
    assert [(row.patient, str(row.side), row.labels[Endpoint.MALIGNANCY]) for row in rows] == [
        ("ambl-001", "L", 1),
        ("ambl-001", "R", 0),
        ("ambl-002", "R", 1),
        ("ambl-004", "L", 0),
    ]
    assert (written.cases, written.patients) == (4, 3)
    assert [each.patient for each in written.left_out if each.reason == NO_SIDE] == ["AMBL-003"]
    assert rows[0].facts["site"] == "advanced_mri_breast_lesions"
    columns = set((tmp_path / "breasts.csv").read_text().splitlines()[0].split(","))
    assert not columns & {"bi_rads", "lesions", "borderline"}, "of the patient: the other breast is healthy"


def test_a_collection_whose_tables_know_no_breast_is_refused(tmp_path: Path) -> None:
    example = EXAMPLES["ispy2"]
    example.write(tmp_path, example.patients)
    with pytest.raises(NodeError, match="no labels of breasts"):
        write_public_cohort(collection_named("ispy2"), tmp_path, tmp_path / "c.csv", breasts=True)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_wrong_header_is_refused_with_the_difference(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    whole = {
        "duke": tables.DUKE,
        "ambl": tables.AMBL,
        "ispy2": tables.ISPY2,
        "ispy1": tables.ISPY1,
        "nact": tables.NACT,
        "breast_diagnosis": tables.DIAGNOSIS,
        "tcga": tables.TCGA,
        "contralateral": ("cn", "m3e67", "m3e68"),
    }[name]
    wanted, there = example.renamed
    example.write(tmp_path, example.patients, [there if column == wanted else column for column in whole])
    with pytest.raises(WrongHeader) as refused:
        read_collection_labels(example.collection, tmp_path)
    assert f"no column '{wanted.replace(':', '')}'" in str(refused.value)
    assert there in str(refused.value)


def test_acrin_6698_and_i_spy_2_never_share_a_patient(tmp_path: Path) -> None:
    tables.ispy2(
        tmp_path / "tables",
        [{"Patient_ID": n, "HR": 0, "HER2": 0, "pCR": n % 2} for n in (100001, 100002, 100003, 100004)],
    )
    tables.acrin_ids(tmp_path / "tables", [("ACRIN-6698-555555", "100001"), ("ACRIN-6698-100002", "100002")])
    for n, patient in enumerate(("ISPY2-100001", "ISPY2-100002", "ISPY2-100003")):
        write_public_study(tmp_path, "ispy2", patient, seed=n)
    for n, patient in enumerate(("ACRIN-6698-555555", "ACRIN-6698-100002")):
        write_public_study(tmp_path, "acrin_6698", patient, seed=n)
    external = tmp_path / "external.csv"
    write_public_cohort(collection_named("acrin_6698"), tmp_path, external)
    assert keys_of(external) == {"ispy2-100001", "ispy2-100002"}
    training = tmp_path / "training.csv"
    written = write_public_cohort(collection_named("ispy2"), tmp_path, training, without=keys_of(external))
    assert keys_of(training) == {"ispy2-100003"}
    assert sum("must not share" in each.reason for each in written.left_out) == 2


def test_only_the_visit_before_treatment_takes_part(tmp_path: Path) -> None:
    tables.ispy2(tmp_path / "tables", [{"Patient_ID": 100001, "HR": 1, "HER2": 0, "pCR": 0}])
    first = write_public_study(tmp_path, "ispy2", "ISPY2-100001", seed=1)
    write_public_study(tmp_path, "ispy2", "ISPY2-100001", seed=1, visit="T1", date="20040101")
    written = write_public_cohort(collection_named("ispy2"), tmp_path, tmp_path / "cohort.csv")
    assert [(tmp_path / row["case"]).resolve() for row in rows_of(tmp_path / "cohort.csv").values()] == [first]
    assert any("later visit" in each.reason for each in written.left_out)


def test_a_visit_that_the_index_knows_to_be_late_stays_out(tmp_path: Path) -> None:
    tables.ispy1(tmp_path / "tables", [{"SUBJECTID": n, "HR_HER2_STATUS": "TripleNeg", "PCR": 1} for n in (1, 2)])
    study = write_public_study(tmp_path, "ispy1", "ISPY1_1", seed=1)
    write_public_study(tmp_path, "ispy1", "ISPY1_2", seed=2)
    visits = [_visit("ISPY1_1", study.name, "1985-01-01"), _visit("ISPY1_1", "1.2.3", "1984-10-13")]
    written = write_public_cohort(collection_named("ispy1"), tmp_path, tmp_path / "cohort.csv", indexed=visits)
    assert keys_of(tmp_path / "cohort.csv") == {"ispy1-0002"}
    assert any("earlier visit" in each.reason for each in written.left_out)


def _visit(patient: str, study: str, date: str) -> IndexedSeries:
    return IndexedSeries("ispy1", patient, study, "1", 1, "", 1, 1.0, "CC BY 3.0", "", "s3://a/b/*", "", date)


def test_tables_that_are_not_there_or_contradict_themselves_are_said(tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="it is on the collection's page"):
        read_collection_labels("duke_breast_cancer_mri", tmp_path)
    tables.ispy2(tmp_path, [{"Patient_ID": 100001, "HR": h, "HER2": 0, "pCR": 0} for h in (0, 1)])
    with pytest.raises(NodeError, match="ISPY2-100001 twice"):
        write_public_cohort(collection_named("ispy2"), tmp_path, tmp_path / "cohort.csv")
    with pytest.raises(NodeError, match="no table of labels of ea1141"):
        read_collection_labels("ea1141", tmp_path)


def test_mama_mia_bears_the_keys_of_the_sets_that_it_repeats(tmp_path: Path) -> None:
    ids = ("DUKE_001", "ISPY1_1001", "ISPY2_100899", "NACT_01")
    cases = [{"patient_id": p, "dataset": p[:4], "pcr": 1, "tumor_subtype": "triple_negative"} for p in ids]
    tables.sheet(tmp_path / "clinical_and_imaging_info.xlsx", {"dataset_info": tables.lines_of(tables.MAMA_MIA, cases)})
    tables.delimited(tmp_path / "train_test_splits.csv", [["train_split", "test_split"], ["DUKE_001", "NACT_01"]])
    write_label_table("mama-mia", tmp_path, tmp_path / "labels.csv")
    rows = rows_of(tmp_path / "labels.csv")
    assert set(rows) == {"duke-001", "ispy1-1001", "ispy2-100899", "nact-01"}
    assert (rows["nact-01"]["split"], rows["duke-001"]["triple_negative"]) == ("test", "1")


def test_odelia_keys_both_breasts_alike_and_fastmri_its_repeated_scans(tmp_path: Path) -> None:
    breasts = [{"UID": f"O1_{side}", "Lesion": n, "Age": 18263} for side, n in (("left", 2), ("right", 1))]
    tables.delimited(tmp_path / "annotation.csv", tables.lines_of(tables.ODELIA, breasts))
    written = write_label_table("odelia", tmp_path, tmp_path / "odelia.csv")
    assert (written.cases, written.patients, written.classes["malignancy"]) == (2, 1, {"0": 1, "1": 1})
    exams = [
        dict(zip(tables.FASTMRI, line, strict=True))
        for line in (
            ("fastMRI_breast_001", 3, 0, 50, 1),
            ("fastMRI_breast_002", 3, 1, 51, 2),
            ("fastMRI_breast_272", 0, 0, 40, 0),
        )
    ]
    tables.sheet(tmp_path / "fastMRI_breast_labels.xlsx", {"labels": tables.lines_of(tables.FASTMRI, exams)})
    written = write_label_table("fastmri-breast", tmp_path, tmp_path / "fastmri.csv")
    assert (written.cases, written.patients) == (2, 1)
    assert [each.patient for each in written.left_out] == ["fastMRI_breast_272"]
