"""ORU^R01 read by python-hl7 and judged by hl7apy: identifiers of the report, coded observations, never final."""

from __future__ import annotations

import hl7
import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from node.integration_settings import Hl7Receiver
from node.integrations.content import PreliminaryResult
from node.integrations.hl7 import control_id, observation_message
from node.summary import AnalysisSummary
from told_results import NOT_ANALYSED, PATIENT, REPORT, STUDY, SUMMARY, UNKNOWN, told_result, without

RIS = Hl7Receiver(
    name="ris", host="h", port=1, sending_facility="RAD", receiving_application="RIS", receiving_facility="H"
)
MANY = {
    "a score": told_result(),
    "no score": told_result(NOT_ANALYSED),
    "withdrawn": told_result(withdrawn=True),
    "nothing known": without(told_result(AnalysisSummary()), **UNKNOWN),
}


def sent(result: PreliminaryResult, receiver: Hl7Receiver = RIS) -> hl7.Message:
    return hl7.parse(observation_message(receiver, result, 1_764_000_100.0).decode())


def value(message: hl7.Message, segment: str, field: int, component: int = 1, repetition: int = 1) -> str:
    return message[segment][0].extract_field(1, field, repetition, component)


def observations(message: hl7.Message) -> list[tuple[str, str, str]]:
    """(code, scheme, value) of each OBX."""
    rows = []
    for each in message.segments("OBX"):
        code, scheme = (each.extract_field(1, 3, 1, part) for part in (1, 3))
        rows.append((code, scheme, each.extract_field(1, 5, 1, 1)))
    return rows


@pytest.mark.parametrize("version", ["2.4", "2.5", "2.5.1"])
@pytest.mark.parametrize("result", MANY.values(), ids=MANY)
def test_hl7apy_finds_no_fault_in_the_message(version: str, result: PreliminaryResult) -> None:
    text = observation_message(RIS.model_copy(update={"version": version}), result, 1_764_000_100.0).decode()
    parsed = parse_message(text, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=True)
    assert parsed.validate()
    assert {str(each.obx_11.value) for each in _all(parsed, "OBX")} <= {"P", "W"}


def _all(element, name: str):
    for child in element.children:
        if child.name == name:
            yield child
        elif child.name.startswith("ORU"):
            yield from _all(child, name)


def test_the_header_says_who_speaks_to_whom_and_about_what() -> None:
    message = sent(told_result())
    assert [value(message, "MSH", field) for field in (3, 4, 5, 6)] == ["MOMENODE", "RAD", "RIS", "H"]
    assert str(message.segment("MSH")(9)) == "ORU^R01^ORU_R01"
    assert [str(message.segment("MSH")(field)) for field in (7, 11, 12)] == ["20251124160140+0000", "P", "2.5.1"]
    assert str(message.segment("MSH")(18)) == "UNICODE UTF-8"


def test_patient_and_order_are_those_of_the_images() -> None:
    message = sent(told_result())
    assert (value(message, "PID", 3), value(message, "PID", 3, 4)) == (PATIENT["PatientID"], "HOSPITAL")
    assert [value(message, "PID", 5, part) for part in (1, 2, 3, 4, 5, 8)] == [
        "Müller",
        "Anna",
        "B.",
        "jr.",
        "Dr.",
        "A",
    ]
    assert [value(message, "PID", 5, part, 2) for part in (1, 2, 8)] == ["ミュラー", "アンナ", "I"]
    assert [value(message, "PID", field) for field in (7, 8)] == ["19700102", "F"]
    assert [value(message, "OBR", field) for field in (2, 3, 18)] == [
        "PLACER-1",
        "FILLER-1",
        PATIENT["AccessionNumber"],
    ]
    assert [value(message, "OBR", 16, part) for part in (2, 3)] == ["House", "Gregory"]
    assert str(message.segment("OBR")(7)) == "20261129081530+0100"


def test_the_accession_number_stands_for_a_missing_filler_number() -> None:
    assert value(sent(without(told_result(), filler_order="")), "OBR", 3) == PATIENT["AccessionNumber"]


def test_the_observations_are_coded_as_in_the_report_and_end_in_one_sentence() -> None:
    message = sent(told_result())
    told = observations(message)
    assert told[:2] == [("113014", "DCM", STUDY), ("REPORT_UID", "99MOMENODE", REPORT)]
    assert ("111047", "DCM", "73.1") in told
    assert ("OPERATING_POINT", "99MOMENODE", "50.0") in told
    assert ("READING", "99MOMENODE", "ABOVE") in told
    assert ("111001", "DCM", "MOME demo") in told
    assert ("111002", "DCM", f"weights SHA-256 {'ab' * 32}") in told
    assert ("QUALITY_FLAG", "99MOMENODE", "MOTION: the phases do not lie on each other | look at them") in told
    assert ("INTENDED_USE", "99MOMENODE", "RESEARCH_ONLY") in told
    code, _, sentence = told[-1]
    assert code == "19005-8"
    assert sentence == (
        "Preliminary AI result: malignancy 73 %, positive: above the operating point of 50 %. "
        "Research use only, not for diagnosis."
    )


@pytest.mark.parametrize("result", MANY.values(), ids=MANY)
def test_nothing_is_ever_final(result: PreliminaryResult) -> None:
    message = sent(result)
    statuses = {str(each(11)) for each in message.segments("OBX")}
    expected = ({"W"}, "X") if result.withdrawn else ({"P"}, "P")
    assert (statuses, str(message.segment("OBR")(25))) == expected


def test_a_study_that_was_not_analysed_says_why_and_has_no_number() -> None:
    told = observations(sent(told_result(NOT_ANALYSED)))
    assert not any(code == "111047" for code, _, _ in told)
    assert "not analysed, there is no pre-contrast phase" in told[-1][2]


def test_a_withdrawn_result_repeats_no_score() -> None:
    told = observations(sent(told_result(withdrawn=True)))
    assert not any(code in {"111047", "READING", "QUALITY_FLAG"} for code, _, _ in told)
    assert "was withdrawn" in told[-1][2]


def test_the_same_result_has_the_same_control_id_and_another_receiver_or_state_another() -> None:
    first = control_id("ris", told_result())
    assert first == control_id("ris", told_result(SUMMARY))
    assert len({first, control_id("other", told_result()), control_id("ris", told_result(withdrawn=True))}) == 3
    assert len(first) == 20
