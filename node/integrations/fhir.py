"""FHIR R4 and R5: the result as a DiagnosticReport with Observations, in one transaction, always preliminary.

Every resource is put under an identifier made from node, study and endpoint, so that a repetition or a later revision
changes the resource that is there and never makes a second one.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote
from uuid import UUID, uuid5

from dicom_io.identification import StudyIdentification
from mome_core.calibration import Call
from mome_core.results import Endpoint
from node.integration_settings import FhirServer
from node.integrations.content import PreliminaryResult, ReportCode
from node.integrations.errors import LibraryMissing, NothingToTell
from node.summary import ScoreSummary
from sr_templates.dicom import codes

_Json = Mapping[str, object]
_NAMESPACE = UUID("3c1f0d5e-6b0a-5f1b-9c68-0a5c1b7d9e42")  # of every identifier made here; fixed for ever
_PRELIMINARY, _IN_ERROR = "preliminary", "entered-in-error"
_URI = "urn:ietf:rfc:3986"
_SYSTEMS = {
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "SCT": "http://snomed.info/sct",
    codes.PRIVATE_SCHEME: "urn:mome-node:codes",
}
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_UCUM = "http://unitsofmeasure.org"
_RADIOLOGY: _Json = {"coding": [{"system": f"{_TERMINOLOGY}/v2-0074", "code": "RAD", "display": "Radiology"}]}
_IMAGING: _Json = {"coding": [{"system": f"{_TERMINOLOGY}/observation-category", "code": "imaging"}]}
_STUDY: _Json = {"coding": [{"system": "http://loinc.org", "code": "18748-4", "display": "Diagnostic imaging study"}]}
_PACKAGES = {"R4": "fhir.resources.R4B.bundle", "R5": "fhir.resources.bundle"}


def result_bundle(server: FhirServer, node: str, result: PreliminaryResult) -> str:
    """The transaction as JSON, checked against the resources of its release.

    Parameters
    ----------
    node
        AE title of this node: two nodes that answer one study have each a report of their own.

    Raises LibraryMissing without fhir.resources, NothingToTell when a resource would not be valid.
    """
    study, subject = result.identification, _subject(server, result.identification)
    observations = {score.endpoint: _observation(server, node, result, score, subject) for score in result.scores} | {
        each: _retired(node, study, each, subject) for each in result.no_longer_told
    }
    told = [score.endpoint for score in result.scores]
    report = _report(server, node, result, subject, [_reference(node, study, each) for each in told])
    entries = [
        *(_entry("Observation", _key(node, study, each), content) for each, content in observations.items()),
        _entry("DiagnosticReport", _key(node, study), report),
    ]
    return _checked(server, {"resourceType": "Bundle", "type": "transaction", "entry": entries})


def _checked(server: FhirServer, bundle: _Json) -> str:
    """The bundle as JSON after fhir.resources has judged it."""
    try:
        module = importlib.import_module(_PACKAGES[server.release])
    except ImportError:
        raise LibraryMissing(f"[[fhir]] {server.name} needs an extra: pip install 'mome-node[fhir]'") from None
    try:
        return str(module.Bundle.model_validate(bundle).model_dump_json())
    except ValueError:  # its words may repeat a patient's name
        raise NothingToTell(f"the result makes no valid resource of FHIR {server.release}") from None


def require_library(server: FhirServer) -> None:
    """Raise LibraryMissing when messages for this server cannot be made here."""
    _checked(server, {"resourceType": "Bundle", "type": "transaction"})


def _key(node: str, study: StudyIdentification, part: str = "report") -> str:
    """The identifier of one resource, the same for every revision."""
    return f"urn:uuid:{uuid5(_NAMESPACE, chr(10).join((node, study.study_instance_uid, part)))}"


def _entry(kind: str, key: str, resource: _Json) -> _Json:
    """Create or update the resource with this identifier."""
    return {
        "fullUrl": key,
        "resource": resource,
        "request": {"method": "PUT", "url": f"{kind}?identifier={_URI}%7C{key}"},
    }


def _reference(node: str, study: StudyIdentification, endpoint: Endpoint) -> _Json:
    return {"reference": _key(node, study, endpoint)}


def _report(
    server: FhirServer, node: str, result: PreliminaryResult, subject: _Json, results: Sequence[_Json]
) -> _Json:
    """The DiagnosticReport: identifiers, order, study, observations, one sentence."""
    study = result.identification
    place = "imagingStudy" if server.release == "R4" else "study"
    return _without_empty(
        resourceType="DiagnosticReport",
        identifier=[
            {"system": _URI, "value": _key(node, study)},
            {"system": "urn:dicom:uid", "value": f"urn:oid:{result.report.sop_instance_uid}"},
        ],
        basedOn=list(_orders(server, study)),
        status=_IN_ERROR if result.withdrawn else _PRELIMINARY,
        category=[_RADIOLOGY],
        code=_STUDY,
        subject=subject,
        effectiveDateTime=_study_time(study),
        issued=_instant(result.analyzed_at),
        result=list(results),
        conclusion=result.conclusion,
        **{place: [_logical("ImagingStudy", "urn:dicom:uid", f"urn:oid:{study.study_instance_uid}")]},
    )


def _observation(
    server: FhirServer, node: str, result: PreliminaryResult, score: ScoreSummary, subject: _Json
) -> _Json:
    """One endpoint: its probability, the operating point and how it reads there, the model as the device."""
    study = result.identification
    notes = [codes.RESEARCH_ONLY.meaning, *(f"{each.code}: {each.message}" for each in result.flags)]
    if score.withheld_reason is not None:
        notes.append(f"{score.withheld_reason.code}: {score.withheld_reason.words}")
    return _without_empty(
        resourceType="Observation",
        contained=[_device(server, score)],
        identifier=[{"system": _URI, "value": _key(node, study, score.endpoint)}],
        status=_PRELIMINARY,
        category=[_IMAGING],
        code=_concept(codes.PROBABILITY[score.endpoint]),
        subject=subject,
        effectiveDateTime=_study_time(study),
        issued=_instant(result.analyzed_at),
        **_value(score),
        note=[{"text": each} for each in notes],
        device={"reference": "#model"},
        derivedFrom=[_logical("ImagingStudy", "urn:dicom:uid", f"urn:oid:{study.study_instance_uid}")],
        component=list(_components(score)),
    )


def _value(score: ScoreSummary) -> _Json:
    """The probability, or that these modalities may not be scored."""
    if score.probability is not None:
        return {"valueQuantity": _percent(score.probability)}
    withheld = {"system": f"{_TERMINOLOGY}/data-absent-reason", "code": "not-permitted"}
    return {"dataAbsentReason": {"coding": [withheld]}}


def _components(score: ScoreSummary) -> Iterator[_Json]:
    """The operating point where there is a call, and the call."""
    if score.call is not Call.WITHHELD:
        yield {"code": _concept(codes.OPERATING_POINT), "valueQuantity": _percent(score.threshold)}
    reading = codes.READINGS[score.call]
    yield {"code": _concept(codes.READING), "valueCodeableConcept": _concept(reading)}


def _retired(node: str, study: StudyIdentification, endpoint: Endpoint, subject: _Json) -> _Json:
    """What an earlier revision said and this one does not: it must not be read any more."""
    return {
        "resourceType": "Observation",
        "identifier": [{"system": _URI, "value": _key(node, study, endpoint)}],
        "status": _IN_ERROR,
        "code": _concept(codes.PROBABILITY[endpoint]),
        "subject": subject,
        "dataAbsentReason": {"coding": [{"system": f"{_TERMINOLOGY}/data-absent-reason", "code": "error"}]},
    }


def _device(server: FhirServer, score: ScoreSummary) -> _Json:
    """The model: name, version, digest of its weights."""
    name = {"type": "user-friendly-name"}
    names = (
        {"deviceName": [{"name": score.model.name, **name}]}
        if server.release == "R4"
        else {"name": [{"value": score.model.name, **name}]}
    )
    weights = {"system": "urn:mome-node:weights", "value": f"sha256:{score.model.sha256}"}
    version = [{"value": score.model.version}]
    return {"resourceType": "Device", "id": "model", "identifier": [weights], "version": version, **names}


def _subject(server: FhirServer, study: StudyIdentification) -> _Json:
    """The patient: by identifier, or by a search that the server carries out in the transaction."""
    if server.find_patient:
        value = f"{server.patient_system}|{study.patient_id}" if server.patient_system else study.patient_id
        return {"reference": f"Patient?identifier={quote(value, safe='')}"}
    return _logical("Patient", server.patient_system, study.patient_id)


def _orders(server: FhirServer, study: StudyIdentification) -> Iterator[_Json]:
    """The order by each of its numbers (v2 table 0203: accession, placer, filler)."""
    numbers = (("ACSN", study.accession_number), ("PLAC", study.placer_order), ("FILL", study.filler_order))
    for kind, number in numbers:
        if number:
            coded = {"coding": [{"system": f"{_TERMINOLOGY}/v2-0203", "code": kind}]}
            system = server.accession_system if kind == "ACSN" else ""
            identifier = _without_empty(type=coded, system=system, value=number)
            yield {"type": "ServiceRequest", "identifier": identifier}


def _logical(kind: str, system: str, value: str) -> _Json:
    """A reference by identifier: the resource need not be on that server."""
    return {"type": kind, "identifier": _without_empty(system=system, value=value)}


def _concept(code: ReportCode) -> _Json:
    coding = {"system": _SYSTEMS[code.scheme_designator], "code": code.value, "display": code.meaning}
    return {"coding": [coding], "text": code.meaning}


def _percent(share: float) -> _Json:
    return {"value": round(100 * share, 1), "unit": "%", "system": _UCUM, "code": "%"}


def _study_time(study: StudyIdentification) -> str:
    """When the study began: with the time only where the zone is known, which FHIR demands."""
    date = re.fullmatch(r"(\d{4})(\d{2})(\d{2})", study.study_date)
    if not date:
        return ""
    day = "-".join(date.groups())
    time = re.match(r"(\d{2})(\d{2})(\d{2})", study.study_time)
    zone = re.fullmatch(r"([+-]\d{2})(\d{2})", study.timezone)
    return f"{day}T{':'.join(time.groups())}{zone[1]}:{zone[2]}" if time and zone else day


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _without_empty(**members: object) -> _Json:
    """FHIR has no empty texts and lists."""
    return {name: value for name, value in members.items() if value not in ("", [], None)}
