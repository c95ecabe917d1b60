"""DiagnosticReport and Observations: valid for models of others, with the identifiers of the report, never final."""

from __future__ import annotations

import json
import sys
import traceback
from dataclasses import replace
from typing import Any

import pytest

from fhir_server import FhirStore, judged
from mome_core.results import Endpoint
from node.integration_settings import FhirServer
from node.integrations.content import PreliminaryResult
from node.integrations.errors import LibraryMissing, NothingToTell
from node.integrations.fhir import require_library, result_bundle
from told_results import NOT_ANALYSED, PATIENT, REPORT, STUDY, SUMMARY, UNKNOWN, told_result, without

RELEASES = ("R4", "R5")


def server(release: str = "R4", **more: object) -> FhirServer:
    return FhirServer(name="ehr", url="https://ehr/fhir", release=release, **more)  # type: ignore[arg-type]


def bundle(result: PreliminaryResult, to: FhirServer | None = None) -> dict[str, Any]:
    return json.loads(result_bundle(to or server(), "MOMENODE", result))


def resources(content: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each["resource"] for each in content["entry"] if each["resource"]["resourceType"] == kind]


RESULTS = {
    "a score": told_result(),
    "no score": told_result(NOT_ANALYSED),
    "withdrawn": told_result(withdrawn=True),
    "an earlier score": replace(told_result(NOT_ANALYSED), earlier=frozenset((Endpoint.MALIGNANCY,))),
    "little known": without(told_result(), **UNKNOWN),
}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_models_of_others_take_it_in_as_it_is(release: str, result: PreliminaryResult) -> None:
    sent = bundle(result, server(release))
    assert judged(release, sent) == sent


@pytest.mark.parametrize("release", RELEASES)
def test_the_report_names_study_report_order_and_patient(release: str) -> None:
    (report,) = resources(bundle(told_result(), server(release, patient_system="urn:oid:1.2")), "DiagnosticReport")
    assert {"system": "urn:dicom:uid", "value": f"urn:oid:{REPORT}"} in report["identifier"]
    (study,) = report["imagingStudy" if release == "R4" else "study"]
    assert study == {"type": "ImagingStudy", "identifier": {"system": "urn:dicom:uid", "value": f"urn:oid:{STUDY}"}}
    orders = {
        each["identifier"]["type"]["coding"][0]["code"]: each["identifier"]["value"] for each in report["basedOn"]
    }
    assert orders == {"ACSN": PATIENT["AccessionNumber"], "PLAC": "PLACER-1", "FILL": "FILLER-1"}
    assert report["subject"]["identifier"] == {"system": "urn:oid:1.2", "value": PATIENT["PatientID"]}
    assert report["effectiveDateTime"] == "2026-11-29T08:15:30+01:00"


def test_an_observation_is_coded_as_in_the_report_with_the_model_as_its_device() -> None:
    (observation,) = resources(bundle(told_result()), "Observation")
    assert observation["code"]["coding"][0]["system"] == "http://dicom.nema.org/resources/ontology/DCM"
    assert observation["code"]["coding"][0]["code"] == "111047"
    assert observation["valueQuantity"] == {
        "value": 73.1,
        "unit": "%",
        "system": "http://unitsofmeasure.org",
        "code": "%",
    }
    coded = {each["code"]["coding"][0]["code"]: each for each in observation["component"]}
    assert coded["OPERATING_POINT"]["valueQuantity"]["value"] == 50.0
    assert coded["READING"]["valueCodeableConcept"]["coding"][0]["code"] == "ABOVE"
    assert observation["contained"][0]["identifier"][0]["value"] == f"sha256:{'ab' * 32}"
    assert observation["note"][0]["text"] == "Research use only, not for diagnosis"
    assert observation["note"][1]["text"].startswith("MOTION: ")


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_nothing_is_ever_final(result: PreliminaryResult) -> None:
    sent = bundle(result)
    (report,) = resources(sent, "DiagnosticReport")
    assert report["status"] == ("entered-in-error" if result.withdrawn else "preliminary")
    statuses = {each["status"] for each in resources(sent, "Observation")}
    assert statuses <= {"preliminary", "entered-in-error"}
    assert "Research use only" in report["conclusion"]


@pytest.mark.parametrize("result", [RESULTS["withdrawn"], RESULTS["an earlier score"]])
def test_a_score_that_is_no_longer_told_is_taken_back(result: PreliminaryResult) -> None:
    (observation,) = resources(bundle(result), "Observation")
    assert observation["status"] == "entered-in-error"
    assert "valueQuantity" not in observation
    (before,) = resources(bundle(told_result(SUMMARY)), "Observation")
    assert observation["identifier"] == before["identifier"]


def test_a_repetition_and_a_later_revision_change_the_resources_that_are_there() -> None:
    store = FhirStore()
    store.transact(bundle(told_result()))
    store.transact(bundle(told_result()))
    later = replace(told_result(), revision=2, report=replace(told_result().report, sop_instance_uid="2.25.100"))
    store.transact(bundle(later))
    assert len(store.resources) == 2
    (report,) = store.of("DiagnosticReport")
    assert report["identifier"][1]["value"] == "urn:oid:2.25.100"
    other = json.loads(result_bundle(server(), "OTHERNODE", told_result()))
    store.transact(other)
    assert len(store.resources) == 4, "another node's report is another one"


def test_no_address_in_the_transaction_names_a_patient_unless_the_server_is_to_find_one() -> None:
    urls = [each["request"]["url"] for each in bundle(told_result())["entry"]]
    assert all(url.partition("?")[0] in {"Observation", "DiagnosticReport"} for url in urls)
    assert not any(PATIENT["PatientID"] in url or STUDY in url for url in urls)
    (report,) = resources(
        bundle(told_result(), server(find_patient=True, patient_system="urn:oid:1.2")), "DiagnosticReport"
    )
    assert report["subject"]["reference"] == "Patient?identifier=urn%3Aoid%3A1.2%7CP%7C1%5E2"


def test_a_time_without_zone_is_told_as_a_date() -> None:
    (report,) = resources(bundle(without(told_result(), timezone="")), "DiagnosticReport")
    assert report["effectiveDateTime"] == "2026-11-29"


def test_a_result_that_makes_no_valid_resource_repeats_nothing_of_it_however_it_is_shown() -> None:
    with pytest.raises(NothingToTell) as refused:
        bundle(without(told_result(), study_date="20261399"))
    assert "2026-13-99" not in "".join(traceback.format_exception(refused.value))


def test_a_missing_library_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fhir.resources.R4B.bundle", None)
    with pytest.raises(LibraryMissing, match=r"\[\[fhir\]\] ehr needs an extra: pip install 'mome-node\[fhir\]'"):
        require_library(server())
