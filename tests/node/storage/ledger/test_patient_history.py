"""Whose studies are one patient's: the same ID with issuer, and nothing that says otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dicom_io.encoding.patient import PatientIdentity
from ledger_studies import ANN, SUMMARY, claim_job, stored_instance
from node.search_key import SearchKey
from node.storage.ledger.ledger import Ledger
from node.storage.records import AnalysisRecord, KeptObject

LIKE_ANN = PatientIdentity("7\0other", "ann one", "19500101", "F")
"""The same number by another issuer."""


def answered(ledger: Ledger, study: str, patient: PatientIdentity, key: SearchKey | None = None) -> None:
    image = stored_instance(1, study=study, patient=patient)
    if key is not None:
        image = replace(image, patient_digest=key.patient(patient))
    ledger.receiving.instances_stored([image], now=100)
    ledger.gathering.settle(quiet_since=150, now=160)
    kept = KeptObject("report", "1.2", f"9.{study}", "9", "digest", "path")
    ledger.jobs.analyzed(claim_job(ledger), AnalysisRecord((kept,), SUMMARY, ()), now=220)


def others(ledger: Ledger, study: str = "1.1") -> list[str]:
    return [each.study_instance_uid for each in ledger.history.other_studies(study)]


def test_the_other_answered_studies_of_the_patient_are_found(ledger: Ledger) -> None:
    for study in ("1.1", "1.2", "1.3"):
        answered(ledger, study, ANN)
    ledger.receiving.instances_stored([stored_instance(1, study="1.4", patient=ANN)], now=300)
    assert others(ledger) == ["1.2", "1.3"]


@pytest.mark.parametrize(
    "another",
    [
        LIKE_ANN,
        replace(ANN, name="anna one"),
        replace(ANN, birth_date="19500102"),
        replace(ANN, sex="M"),
        replace(ANN, patient_id="8"),
    ],
    ids=["issuer", "name", "birth date", "sex", "id"],
)
def test_a_patient_who_differs_in_anything_is_another(ledger: Ledger, another: PatientIdentity) -> None:
    answered(ledger, "1.1", ANN)
    answered(ledger, "1.2", another)
    assert others(ledger) == []


def test_a_study_that_says_less_of_the_same_patient_is_found(ledger: Ledger) -> None:
    answered(ledger, "1.1", ANN)
    answered(ledger, "1.2", replace(ANN, sex="", birth_date=""))
    assert others(ledger) == ["1.2"]


def test_without_an_id_or_under_another_key_nobody_is_found(ledger: Ledger) -> None:
    nameless = replace(ANN, patient_id="")
    answered(ledger, "1.1", nameless)
    answered(ledger, "1.2", nameless)
    assert others(ledger) == []
    answered(ledger, "1.3", ANN)
    answered(ledger, "1.4", ANN, SearchKey("11" * 32))
    assert others(ledger, "1.3") == []


def test_results_that_were_withdrawn_are_left_out(ledger: Ledger) -> None:
    for study in ("1.1", "1.2"):
        answered(ledger, study, ANN)
    ledger.operator.withdrawn("1.2", KeptObject("rejection", "1.2", "9.9", "9", "digest", "path"), (), 400)
    assert others(ledger) == []
