"""`mome-node cohort`: a list of studies that names no patient, labels joined, and what would go wrong told first."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet
from pydicom import Dataset, dcmread

import phantom
from mome_core.case import same_images
from mome_core.results import Endpoint
from mome_core.training.cohort import read_manifest
from mome_core.training.errors import TrainingRefused
from node.cases import read_study
from node.cli.main import main

pytestmark = pytest.mark.slow


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:  # type: ignore[type-arg]  # JSON
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--json"])
    out = capsys.readouterr().out
    return {"code": end.value.code or 0} | (json.loads(out) if out else {})


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Three studies of two patients."""
    for n in range(3):
        paths = phantom.study(tmp_path / "studies" / f"s{n}", seed=90 + n)
        phantom.edited(paths, lambda image, n=n: setattr(image, "PatientID", f"SECRET-{n // 2}"))
    return tmp_path


def test_a_manifest_begins_with_pseudonyms_and_gets_labels_by_the_hospital_s_ids(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cohort, pathology = site / "cohort.csv", site / "pathology.csv"
    begun = said(capsys, "cohort", "init", str(site / "studies"), "--out", str(cohort))
    assert (begun["cases"], begun["patients"]) == (3, 2)
    assert "SECRET" not in cohort.read_text() and (site / "cohort.key").stat().st_mode & 0o077 == 0
    pathology.write_text("patient_id,malignancy,age\nSECRET-0,1,44\nSECRET-1,0,61\n")
    assert said(capsys, "cohort", "add", str(cohort), "--labels", str(pathology))["joined"] == 3
    shown = said(capsys, "cohort", "show", str(cohort))
    assert shown["classes"] == {"malignancy": {"": {"1": 2, "0": 1}}}
    assert "SECRET" not in cohort.read_text() and ",44" in cohort.read_text()


def test_a_label_of_nobody_is_named_by_its_line(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cohort, pathology = site / "cohort.csv", site / "pathology.csv"
    said(capsys, "cohort", "init", str(site / "studies"), "--out", str(cohort))
    before = cohort.read_text()
    pathology.write_text("patient_id,malignancy\nSECRET-0,1\nSECRET-9,0\n")
    with pytest.raises(SystemExit):
        main(["cohort", "add", str(cohort), "--labels", str(pathology)])
    told = capsys.readouterr().err
    assert "line 3" in told and "SECRET" not in told
    assert cohort.read_text() == before


def test_everything_that_would_go_wrong_is_told_at_once(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(site / "studies" / "s0", site / "studies" / "copy")
    (site / "studies" / "torn").mkdir()
    lines = [
        "case,patient,malignancy,split",
        "studies/s0,p0,1,training",
        "studies/s1,p0,1,test",
        "studies/s2,p1,0,test",
    ]
    lines += ["studies/copy,p2,1,training", "studies/torn,p3,1,training"]
    cohort = site / "cohort.csv"
    cohort.write_text("\n".join(lines))
    told = said(capsys, "cohort", "check", str(cohort), "--workers", "2")
    assert told["code"] == 1
    fatal = {each["what"] for each in told["problems"] if each["fatal"]}
    assert fatal == {
        "the patient of case studies/s1 is in the training and the test split",
        "malignancy: all 3 labelled cases of the training split are of class 1",
        "case studies/copy holds the same images as case studies/s0",
    }
    notes = {each["what"] for each in told["problems"] if not each["fatal"]}
    assert "case studies/torn cannot be used: the folder holds no DICOM file" in notes


def test_a_study_that_cannot_be_read_is_named_and_the_others_are_exported(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / "studies" / "s1" / "loop").symlink_to("loop")
    cohort = site / "cohort.csv"
    cohort.write_text("case,patient,malignancy\nstudies/s0,p0,1\nstudies/s1,p0,1\nstudies/s2,p1,0\n")
    checked = said(capsys, "cohort", "check", str(cohort))
    why = "a file cannot be read: Too many levels of symbolic links"
    assert f"case studies/s1 cannot be used: {why}" in {each["what"] for each in checked["problems"]}
    told = said(capsys, "cohort", "export", str(cohort), "--out", str(site / "out"))
    assert (told["cases"], told["not_exported"]) == (2, [{"case": "studies/s1", "reason": why}])


def test_a_study_of_the_archive_joins_the_cohort(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, cohort = site / "node.toml", site / "cohort.csv"
    config.write_text(f'[storage]\nroot = "{site / "root"}"\n')
    said(capsys, "cohort", "init", str(site / "studies"), "--out", str(cohort))
    paths = phantom.study(site / "new", seed=99)
    main_quietly("ingest", str(site / "new"), "-c", str(config))
    uid = str(dcmread(paths[0], stop_before_pixels=True).StudyInstanceUID)
    assert said(capsys, "cohort", "add", str(cohort), "--study", uid, "-c", str(config))["cases"] == 4
    assert said(capsys, "cohort", "check", str(cohort))["problems"] == [
        {"what": f"case {name} has no label", "fatal": False}
        for name in [line.split(",")[0] for line in cohort.read_text().splitlines()[1:]]
    ]


def main_quietly(*arguments: str) -> None:
    with pytest.raises(SystemExit):
        main(list(arguments))


def test_a_cohort_lives_in_parquet_as_in_csv(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cohort, pathology = site / "cohort.parquet", site / "pathology.parquet"
    said(capsys, "cohort", "init", str(site / "studies"), "--out", str(cohort))
    answers = {"patient_id": ["SECRET-0", "SECRET-1"], "malignancy": [1.0, 0.0], "age": [44.0, None]}
    parquet.write_table(pyarrow.table(answers), pathology)  # pandas writes integers with gaps as 1.0
    assert said(capsys, "cohort", "add", str(cohort), "--labels", str(pathology))["joined"] == 3
    rows = read_manifest(cohort)
    assert [(row.labels[Endpoint.MALIGNANCY], row.facts["age"]) for row in rows] == [(1, "44"), (1, "44"), (0, "")]
    (site / "torn.parquet").write_bytes(cohort.read_bytes()[:-9])
    with pytest.raises(TrainingRefused, match="cannot read the table"):
        read_manifest(site / "torn.parquet")


SECRETS = ("SECRET", "Phantom^", "GENERAL HOSPITAL", "DOE")


def test_an_exported_cohort_holds_the_same_cases_and_no_patient(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cohort = site / "cohort.csv"
    said(capsys, "cohort", "init", str(site / "studies"), "--out", str(cohort))
    for path in (site / "studies").rglob("*.dcm"):
        betray(path)
    lines = cohort.read_text().splitlines()
    cohort.write_text("\n".join([f"{lines[0]},surname,site", *(f"{line},DOE,north" for line in lines[1:])]) + "\n")
    told = said(capsys, "cohort", "export", str(cohort), "--out", str(site / "out"), "--workers", "2")
    assert (told["cases"], told["not_exported"], told["columns_left_behind"]) == (3, [], ["surname"])
    exported = sorted((site / "out").rglob("*.dcm"))
    assert len(exported) == told["images"] == len(list((site / "studies").rglob("*.dcm")))
    originals = {uid for path in (site / "studies").rglob("*.dcm") for uid in uids_of(path)}
    for path in exported:
        assert not any(secret.encode() in path.read_bytes() for secret in SECRETS)
        assert not uids_of(path) & originals
    assert not any(secret in (site / "out/cohort.csv").read_text() for secret in SECRETS)
    rows = read_manifest(site / "out/cohort.csv")
    for row, copy in zip(read_manifest(cohort), rows, strict=True):
        assert same_images(read_study(row.folder), read_study(copy.folder))
    assert len({row.patient for row in rows}) == 2 and all(row.facts["site"] == "north" for row in rows)


def betray(path: Path) -> None:
    """Put the patient where scanners and people put it."""
    image = dcmread(path)
    image.InstitutionName, image.ImageComments, image.OperatorsName = "GENERAL HOSPITAL", "Mrs DOE", "DOE^J"
    image.PatientBirthDate, image.AccessionNumber = "19610203", "SECRET-ACC"
    request = Dataset()
    request.RequestedProcedureDescription, request.ScheduledProcedureStepID = "DOE left", "SECRET-STEP"
    image.RequestAttributesSequence = [request]
    source = Dataset()
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    image.ReferencedImageSequence = [source]
    image.private_block(0x0029, "SITE", create=True).add_new(1, "LO", "SECRET")
    image.save_as(path)


def uids_of(path: Path) -> set[str]:
    """Every UID of a data set that its maker has given out."""
    values = [str(e.value) for e in dcmread(path, stop_before_pixels=True).iterall() if e.VR == "UI"]
    return {value for value in values if value and not value.startswith("1.2.840.10008.")}
