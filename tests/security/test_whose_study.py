"""Two patients under one Study Instance UID: findings H4, M5 and M6 of the review of 2026-11-29."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import BasicTextSRStorage, MRImageStorage

import phantom
from live_node import LiveNode, instance, live_node, new_study
from mome_core.errors import Ineligibility
from node.analysis import analyze_study, open_context
from node.audit import AuditEvent
from node.models import find_bundle
from node.reasons import ReasonCode
from node.settings import Settings
from node.states import StudyState
from node.storage.ledger.conflicts import Resolution
from node.storage.ledger.transitions import ConflictStands

ALICE = {"PatientID": "PID7", "PatientName": "ZZALICE^A", "PatientBirthDate": "19500101"}
BOB = {"PatientID": "PID7", "PatientName": "ZZBOB^B", "PatientBirthDate": "19800101"}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    with live_node(tmp_path_factory.mktemp("whose")) as running:
        running.start()
        yield running


def send(node: LiveNode, sender: str, *images: Dataset) -> list[int]:
    association = node.associate(MRImageStorage, BasicTextSRStorage, ae_title=sender)
    statuses = [int(association.send_c_store(each).Status) for each in images]
    association.release()
    return statuses


def command(node: LiveNode, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "node.cli.main", *arguments, "--config", str(node.folder / "node.toml")]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def folders(node: LiveNode, study: str) -> set[Path]:
    paths = [path for _, _, path in node.ledger.reading.instances(study)]
    return {Path(path).parent for path in paths}


def answered(node: LiveNode, study: str) -> bool:
    return bool(node.ledger.reading.study(study).objects)


@pytest.mark.system
@pytest.mark.parametrize(
    ("senders", "patients"),
    [
        (("EVIL", "EVIL"), (ALICE, BOB)),
        (("EVIL", "EVIL"), ({**ALICE, "PatientID": ""}, {**BOB, "PatientID": ""})),
        (("MR1", "MR2"), ({"PatientID": "", "PatientName": ""},) * 2),
        (("MR1", "MR2", "MR3"), (ALICE, ALICE, BOB)),
    ],
    ids=["one ID two names", "empty ID two names", "empty ID two senders", "three senders"],
)
def test_there_is_no_score_under_one_name_without_the_operators_word(
    node: LiveNode, senders: Sequence[str], patients: Sequence[dict[str, str]]
) -> None:
    study = new_study()
    for sender, patient in zip(senders, patients, strict=True):
        assert send(node, sender, instance(study, **patient)) == [0]
    stopped = node.outcome(study, StudyState.FAILED)
    assert stopped.study.reason_code is ReasonCode.TWO_PATIENTS and not answered(node, study)
    _, other = node.ledger.conflicts.parties(study)
    assert Path(other.path).parent not in folders(node, study)
    with pytest.raises(ConflictStands):
        node.ledger.operator.requeue(study, time.time())
    node.ledger.conflicts.resolve(study, Resolution.KEEP, "1", "ann", time.time())
    assert node.outcome(study, StudyState.ANALYZED).study.instances == 1
    assert answered(node, study)


@pytest.mark.system
def test_the_operators_word_is_a_command_and_is_audited(node: LiveNode) -> None:
    study = new_study()
    send(node, "EVIL", instance(study, **ALICE), instance(study, **BOB), instance(study, **BOB))
    node.outcome(study, StudyState.FAILED)
    for verb in ("reprocess", "redeliver"):
        refused = command(node, "studies", verb, study)
        assert refused.returncode == 1 and "studies resolve" in refused.stderr
    assert not answered(node, study)
    decided = command(node, "studies", "resolve", study, "--split")
    assert decided.returncode == 0, decided.stderr
    node.outcome(study, StudyState.ANALYZED)
    said = [e for e, _ in node.ledger.audit.entries() if e.event is AuditEvent.OPERATED]
    assert said[-1].fields.person and said[-1].detail.endswith("resolve split")


@pytest.mark.system
def test_senders_that_agree_on_the_patient_are_told_and_not_stopped(node: LiveNode) -> None:
    study = new_study()
    for sender in ("MR1", "MR2", "MR3"):
        assert send(node, sender, instance(study, **ALICE)) == [0]
    node.outcome(study, StudyState.ANALYZED)
    assert node.ledger.reading.senders(study) == ("MR1", "MR2", "MR3")


@pytest.mark.system
def test_a_foreign_document_never_marks_a_study(node: LiveNode) -> None:
    study = new_study()
    send(node, "MR1", instance(study, **ALICE))
    node.outcome(study, StudyState.ANALYZED)
    note = instance(study, **BOB)
    note.SOPClassUID, note.Modality = BasicTextSRStorage, "SR"
    del note.PixelData
    assert send(node, "EVIL", note, note) == [0, 0]
    found = node.ledger.reading.study(study).study
    assert (found.state, found.conflict, found.instances) == (StudyState.ANALYZED, False, 1)
    assert command(node, "studies", "reprocess", study).returncode == 0
    assert node.outcome(study, StudyState.ANALYZED).study.revision == 2


@pytest.mark.system
def test_neither_ledger_nor_log_names_a_patient(node: LiveNode) -> None:
    held = [node.log, *node.settings.storage.root.glob("ledger.db*")]
    assert len(held) >= 2
    for file in held:
        for name in (b"ZZALICE", b"ZZBOB", b"zzalice", b"PID7", b"pid7"):
            assert name not in file.read_bytes(), file.name


@pytest.mark.slow
def test_a_folder_of_two_patients_is_not_answered_and_no_object_is_filed(tmp_path: Path) -> None:
    paths = phantom.study(tmp_path / "scanner", size="small")
    phantom.edited(paths[::2], lambda image: setattr(image, "PatientName", "ZZBOB^B"))
    settings = Settings(storage={"root": tmp_path / "root"})
    found = analyze_study(paths, open_context(settings, [find_bundle("demo")]))
    assert (found.code, found.result, found.objects) == (Ineligibility.SEVERAL_PATIENTS, None, None)
