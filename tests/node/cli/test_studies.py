"""`mome-node studies show`: everything that the ledger knows of a study, for a person and for a script."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from kept_studies import STUDY, delivered, keep
from mome_core.calibration import WithheldCode
from mome_core.case import Modality, Role
from mome_core.results import Endpoint, QualityFlag, Severity, Withheld
from node.cli.main import main
from node.cli.studies import print_study
from node.settings import Settings
from node.settings_file import settings_toml
from node.states import StudyState
from node.storage.records import AuditRecord, JobRecord, KeptObject, ObjectReceipt, StudyDetail, StudyRecord
from node.summary import AnalysisSummary, ModelSummary, ScoreSummary, SeriesSummary

MODEL = ModelSummary("ours", "1", "a" * 64)


def score(endpoint: Endpoint, probability: float, contributions: dict[Modality, float]) -> ScoreSummary:
    old = Withheld(WithheldCode.NOT_CALIBRATED, "nothing is known of it")
    return ScoreSummary(endpoint, probability, 0.4, 0.02, 10, contributions, 0.3, MODEL, withheld_reason=old)


RECEIPTS = (ObjectReceipt("9.1", 0), ObjectReceipt("9.2", 0xA700))
ANSWERED = StudyDetail(
    study=StudyRecord(1, "1.2.3", StudyState.DELIVERED, 2, 7, 1.0, 2.0, 3.0, False, ""),
    jobs=(
        JobRecord("deliver", "pacs", 2, "done", 1, 0.0, "", (ObjectReceipt("9.1", 0), ObjectReceipt("9.2", 0xA700))),
    ),
    objects=(
        KeptObject("report", "1.2", "9.1", "9", "b" * 64, "results/1/report.dcm"),
        KeptObject("saliency", "1.3", "9.2", "9", "c" * 64, "results/1/saliency.dcm"),
    ),
    timeline=(AuditRecord(1.0, "INSTANCE_STORED", "", "RECEIVING", 1, ""),),
    summary=AnalysisSummary(
        scores=(
            score(Endpoint.MALIGNANCY, 0.873, {Modality.DCE: 0.31, Modality.T2: -0.12}),
            score(Endpoint.TRIPLE_NEGATIVE, 0.141, {Modality.DWI: 0.055}),
        ),
        series=(SeriesSummary("1.2.3.1", Role.DCE_PHASE, 0.95, "five phases"),),
        flags=(QualityFlag("MOTION", Severity.WARNING, "the patient moved 3 mm"),),
    ),
)


def shown(detail: StudyDetail) -> str:
    console = Console(width=160)
    with console.capture() as captured:
        print_study(detail, console)
    return captured.get()


def test_every_score_with_its_threshold_and_every_contribution_is_printed() -> None:
    text = shown(ANSWERED)
    for words in (
        "malignancy: probability 87 %, no call",
        "triple-negative subtype: probability 14 %",
        "NOT_CALIBRATED",
    ):
        assert words in text
    for modality, share in (("DCE", "+31.0 points"), ("T2", "-12.0 points"), ("DWI", "+5.5 points")):
        assert any(line.split()[:1] == [modality] and share in line for line in text.splitlines())


def test_every_result_object_is_printed_with_its_file_and_what_the_pacs_kept() -> None:
    text = shown(ANSWERED)
    for each in ANSWERED.objects:
        assert any(
            each.kind in line and each.path in line and each.sop_instance_uid in line for line in text.splitlines()
        )
    assert "1 of 2" in text


def test_roles_and_flags_are_printed() -> None:
    text = shown(ANSWERED)
    assert "five phases" in text
    assert "the patient moved 3 mm" in text


def test_a_study_that_was_never_analysed_has_no_score(capsys: pytest.CaptureFixture[str]) -> None:
    waiting = StudyDetail(
        StudyRecord(1, "1.2.3", StudyState.RECEIVING, 1, 7, 1.0, 2.0, 3.0, False, "[odd]"), (), (), ()
    )
    text = shown(waiting)
    assert "Receiving" in text and "[odd]" in text and "probability" not in text


def test_a_script_gets_scores_objects_and_deliveries_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, config = Settings(storage={"root": tmp_path / "root"}), tmp_path / "node.toml"
    config.write_text(f'[storage]\nroot = "{tmp_path / "root"}"\n')
    delivered(settings, keep(settings, 1))
    with pytest.raises(SystemExit) as ended:
        main(["studies", "show", STUDY, "--config", str(config), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert not ended.value.code
    assert [each["kind"] for each in found["objects"]] == ["report"]
    assert found["summary"]["scores"] == []
    assert [job["destination"] for job in found["jobs"] if job["kind"] == "deliver"] == ["pacs"]


def run(*words: str) -> int | str | None:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return ended.value.code


def test_a_study_is_named_by_its_number_or_its_uid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings, config = Settings(storage={"root": tmp_path / "root"}), tmp_path / "node.toml"
    config.write_text(f'[storage]\nroot = "{tmp_path / "root"}"\n')
    keep(settings, 1)
    for name in ("1", STUDY):
        assert not run("studies", "explain", name, "--config", str(config), "--json")
        assert [each["state"] for each in json.loads(capsys.readouterr().out)["protocol"]] == ["MISSING"] * 4
    assert not run("studies", "force", "1", "--config", str(config))
    assert not run("studies", "show", "1", "--config", str(config))
    assert "Study 1: Waiting for analysis" in capsys.readouterr().out
    for command in ("show", "explain", "reprocess", "force"):
        assert run("studies", command, "99", "--config", str(config)) == 1
        assert "no study 99" in capsys.readouterr().err


def test_a_uid_is_never_broken(capsys: pytest.CaptureFixture[str]) -> None:
    long = "1.2.840.113619.2.1234567890." + "9" * 36
    detail = replace(
        ANSWERED,
        study=replace(ANSWERED.study, study_instance_uid=long),
        objects=(replace(ANSWERED.objects[0], sop_instance_uid=long),),
    )
    console = Console(width=80)
    with console.capture() as captured:
        print_study(detail, console)
    lines = captured.get().splitlines()
    assert sum(long in line for line in lines) == 2


def test_parties_of_a_conflict_are_listed_and_one_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(storage={"root": tmp_path / "root"})
    keep(settings, 2)
    ledger = keep(settings, 1, PatientName="Bob^Two")
    config = tmp_path / "node.toml"
    config.write_text(settings_toml(settings))

    def told(*arguments: str) -> str:
        with pytest.raises(SystemExit):
            main(["studies", "resolve", STUDY, *arguments, "--config", str(config)])
        return capsys.readouterr().out

    listed = "0  the study as it is: 2 images from MODALITY\n1  another patient: 1 image from MODALITY\n"
    assert told() == listed
    assert json.loads(told("--json"))[1]["reason"] == "TWO_PATIENTS"
    assert told("--keep", "1", "--split") == ""
    assert "decided" in told("--keep", "1")
    assert ledger.reading.study(STUDY).study.instances == 1
    assert told() == "nothing of this study waits for a decision\n"
