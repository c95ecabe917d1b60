"""HL7 v2 ORU^R01: the result as an unsolicited observation message, never final."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from dicom_io.identification import StudyIdentification
from mome_core.calibration import Call
from node.integration_settings import Hl7Receiver
from node.integrations.content import PreliminaryResult, ReportCode
from node.integrations.er7 import Field, encoded, message_header, segment
from node.summary import ScoreSummary
from sr_templates.dicom import codes

_PRELIMINARY, _POSTED_AS_WRONG = "P", "W"  # OBX-11, table 0085
_NO_RESULT = "X"  # OBR-25, table 0123: of a result that was withdrawn
_STUDY: Field = ("18748-4", "Diagnostic imaging study", "LN")
_IMPRESSION: Field = ("19005-8", "Radiology Imaging study [Impression] (narrative)", "LN")
_STUDY_UID: Field = ("113014", "DICOM Study", "DCM")  # as IHE RAD writes it in ORU messages
_REPORT_UID: Field = ("REPORT_UID", "SOP Instance UID of the DICOM report", codes.PRIVATE_SCHEME)
_SEXES = frozenset("MFO")
_GROUPS = ("A", "I", "P")  # table 4000: alphabetic, ideographic, phonetic


@dataclass(frozen=True, slots=True)
class _Observation:
    """One OBX segment without its number: value type, what it is, the value, its units."""

    type: str
    concept: Field
    value: Field
    group: str = ""
    units: Field = ""
    equipment: str = ""


def observation_message(receiver: Hl7Receiver, result: PreliminaryResult, now: float) -> bytes:
    """The whole message for one receiver.

    Parameters
    ----------
    now
        When it is sent, seconds since 1970, UTC.
    """
    header = message_header(
        receiver.sending_application,
        receiver.sending_facility,
        receiver.receiving_application,
        receiver.receiving_facility,
        _timestamp(now),
        "",
        ("ORU", "R01", "ORU_R01"),
        control_id(receiver.name, result),
        receiver.processing_id,
        receiver.version,
        *("",) * 5,
        "UNICODE UTF-8",
    )
    body = [_patient(result.identification), _order(result)]
    at = _timestamp(result.analyzed_at)
    status = _POSTED_AS_WRONG if result.withdrawn else _PRELIMINARY
    for number, each in enumerate(_observations(result), 1):
        body.append(_observation(number, each, status, at))
    return encoded([header, *body])


def control_id(receiver: str, result: PreliminaryResult) -> str:
    """MSH-10: the same whenever the same result goes to the same receiver, so that a repetition is known as one."""
    told = f"{receiver}\n{result.report.sop_instance_uid}\n{result.withdrawn}"
    return base64.b32encode(hashlib.sha256(told.encode()).digest()).decode()[:20]


def _patient(study: StudyIdentification) -> str:
    """PID: the patient as the images name it."""
    return segment(
        "PID",
        "1",
        "",
        (study.patient_id, "", "", study.patient_id_issuer),
        "",
        _person_names(study.patient_name) or ("", "", "", "", "", "", "U"),  # required; U: not specified
        "",
        study.birth_date if re.fullmatch(r"\d{8}", study.birth_date) else "",
        study.sex if study.sex in _SEXES else "",
    )


def _order(result: PreliminaryResult) -> str:
    """OBR: the order and the study, with the status of everything below."""
    study = result.identification
    physician = _person_names(study.referring_physician)
    return segment(
        "OBR",
        "1",
        study.placer_order,
        study.filler_order or study.accession_number or study.study_instance_uid,
        _STUDY,
        *("",) * 2,
        _study_time(study),
        *("",) * 8,
        [("", *each) for each in physician],
        "",
        study.accession_number,
        *("",) * 3,
        _timestamp(result.analyzed_at),
        "",
        "RAD",
        _NO_RESULT if result.withdrawn else _PRELIMINARY,
    )


def _observations(result: PreliminaryResult) -> Iterator[_Observation]:
    """What is told, in the order of the report."""
    yield _Observation("ST", _STUDY_UID, result.identification.study_instance_uid)
    yield _Observation("ST", _REPORT_UID, result.report.sop_instance_uid)
    for number, score in enumerate(result.scores, 1):
        yield from _score(score, str(number))
    for flag in result.flags:
        yield _Observation("ST", _coded(codes.QUALITY_FLAG), f"{flag.code}: {flag.message}")
    research = _coded(codes.RESEARCH_ONLY)
    yield _Observation("CE", _coded(codes.INTENDED_USE), research)
    yield _Observation("TX", _IMPRESSION, result.conclusion)


def _score(score: ScoreSummary, group: str) -> Iterator[_Observation]:
    """One endpoint: its probability, how it reads at the operating point, and which model gave it."""
    model = f"{score.model.name} {score.model.version}"
    percent = ("%", "Percent", "UCUM")
    if score.probability is not None:
        concept = _coded(codes.PROBABILITY[score.endpoint])
        yield _Observation("NM", concept, f"{100 * score.probability:.1f}", group, percent, model)
    if score.call is not Call.WITHHELD:
        limit = _coded(codes.OPERATING_POINT)
        yield _Observation("NM", limit, f"{100 * score.threshold:.1f}", group, percent)
    yield _Observation("CE", _coded(codes.READING), _coded(codes.READINGS[score.call]), group)
    for code, value in (
        (codes.ALGORITHM_NAME, score.model.name),
        (codes.ALGORITHM_VERSION, score.model.version),
        (codes.ALGORITHM_PARAMETERS, f"{codes.WEIGHTS}{score.model.sha256}"),
    ):
        yield _Observation("ST", _coded(code), value, group)


def _observation(number: int, each: _Observation, status: str, at: str) -> str:
    """OBX: one observation; equipment (field 18) names the model."""
    before = (str(number), each.type, each.concept, each.group, each.value, each.units)
    return segment("OBX", *before, *("",) * 4, status, *("",) * 2, at, *("",) * 3, each.equipment)


def _coded(code: ReportCode) -> Field:
    """A coded element: code, words, scheme."""
    return (code.value, code.meaning, code.scheme_designator)


def _person_names(text: str) -> Sequence[Field]:
    """A DICOM person name as XPN: one repetition for each of its groups; its suffix stands before its prefix."""
    groups = [(kind, group) for kind, group in zip(_GROUPS, text.split("="), strict=False) if group.strip("^ ")]
    names: list[Field] = []
    for kind, group in groups:
        family, given, middle, prefix, suffix = (*group.split("^"), "", "", "", "", "")[:5]
        names.append((family, given, middle, suffix, prefix, "", "", kind if len(groups) > 1 else ""))
    return names


def _study_time(study: StudyIdentification) -> str:
    """When the study began, as far as it says."""
    if not re.fullmatch(r"\d{8}", study.study_date):
        return ""
    time = re.match(r"\d{6}", study.study_time)
    zone = study.timezone if time and re.fullmatch(r"[+-]\d{4}", study.timezone) else ""
    return study.study_date + (time[0] if time else "") + zone


def _timestamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%d%H%M%S+0000")
