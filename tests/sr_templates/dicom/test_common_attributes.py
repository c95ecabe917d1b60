"""Whose objects they are: UIDs, series, patient, time; and that a repeated run makes the same bytes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from pydicom import dcmread

from calibrations import calibration
from mome_core.results import Result
from sr_studies import DEVICE, Layout, make_evidence, make_result, slices
from sr_templates.build import ResultObjects, build_objects, encode
from sr_templates.context import MapEncoding, ObjectOptions
from sr_templates.dicom.common_attributes import PATIENT_AND_STUDY
from sr_templates.dicom.device import Revision
from sr_templates.dicom.evidence import Evidence
from sr_templates.errors import EvidenceRefused
from sr_templates.kinds import OFFERED_KINDS, Kind

ALL = ObjectOptions(OFFERED_KINDS)


def encoded(evidence: Evidence) -> list[bytes]:
    return [encode(each) for each in build_objects(make_result(evidence), evidence, DEVICE, options=ALL)]


def test_the_same_study_again_gives_the_same_bytes(evidence: Evidence) -> None:
    assert encoded(evidence) == encoded(make_evidence(Layout()))


def test_the_order_of_further_instances_does_not_matter() -> None:
    whole, localizers = make_evidence(Layout()), slices(Layout(), 1)
    part, turned = replace(whole, other=localizers), replace(whole, other=localizers[::-1])
    assert encoded(part) == encoded(turned)


def test_other_inputs_give_other_uids(result: Result, evidence: Evidence) -> None:
    more = make_evidence(Layout(phases=4))
    first, second = build_objects(result, evidence, DEVICE), build_objects(make_result(more), more, DEVICE)
    assert not {each.SOPInstanceUID for each in first} & {each.SOPInstanceUID for each in second}


def test_other_weights_give_other_uids(result: Result, evidence: Evidence) -> None:
    model = replace(result.scores[0].model, sha256="cd" * 32)
    retrained = replace(result, scores=tuple(replace(score, model=model) for score in result.scores))
    first, second = build_objects(result, evidence, DEVICE), build_objects(retrained, evidence, DEVICE)
    assert not {each.SOPInstanceUID for each in first} & {each.SOPInstanceUID for each in second}


def test_another_threshold_or_another_map_gives_other_uids(result: Result, evidence: Evidence) -> None:
    recalibrated = replace(
        result, scores=tuple(replace(score, calibration=calibration(threshold=0.123)) for score in result.scores)
    )
    first = {each.SOPInstanceUID for each in build_objects(result, evidence, DEVICE)}
    assert not first & {each.SOPInstanceUID for each in build_objects(recalibrated, evidence, DEVICE)}
    short = ObjectOptions(map_encoding=MapEncoding.UINT16)
    assert not first & {each.SOPInstanceUID for each in build_objects(result, evidence, DEVICE, options=short)}


def test_tracking_uids_stay_when_the_model_changes(result: Result, evidence: Evidence) -> None:
    model = replace(result.scores[0].model, sha256="cd" * 32)
    retrained = replace(result, scores=tuple(replace(score, model=model) for score in result.scores))
    tracked = [
        build_objects(each, evidence, DEVICE).by_kind[Kind.SEGMENTATION][0].SegmentSequence[0].TrackingUID
        for each in (result, retrained)
    ]
    assert tracked[0] == tracked[1]


def test_uids_come_from_uuids(objects: ResultObjects) -> None:
    for each in objects:
        assert each.SOPInstanceUID.startswith("2.25.")
        assert each.SOPInstanceUID.is_valid
        assert each.SeriesInstanceUID.is_valid


def test_series_numbers_move_on_when_the_study_uses_ours() -> None:
    evidence = make_evidence(Layout(attributes={"SeriesNumber": 9010}))
    assert {each.SeriesNumber // 1000 for each in build_objects(make_result(evidence), evidence, DEVICE)} == {10}


def test_series_numbers_of_one_revision_are_distinct(objects: ResultObjects) -> None:
    by_series = {each.SeriesInstanceUID: each.SeriesNumber for each in objects}
    further = len(objects.by_kind[Kind.KINETIC_MAPS]) - 1  # each in a series of its own
    assert len(set(by_series.values())) == len(by_series) == len(objects.by_kind) + further


@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        pytest.param("ISO_IR 192", "Müller^Änne", id="utf-8 umlaut"),
        pytest.param("ISO_IR 100", "Müller^Änne", id="latin-1"),
        pytest.param("ISO_IR 144", "Люксембург^Роза", id="cyrillic"),
        pytest.param(["", "ISO 2022 IR 87"], "Yamada^Hanako=山田^花子=やまだ^はなこ", id="japanese"),
        pytest.param("GB18030", "Wang^XiaoDong=王^小东", id="chinese"),
        pytest.param(["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동", id="korean"),
    ],
)
def test_patient_and_study_are_those_of_the_source_in_its_character_set(character_set: object, name: str) -> None:
    evidence = make_evidence(Layout(attributes={"SpecificCharacterSet": character_set, "PatientName": name}))
    source = evidence.reference
    for each in build_objects(make_result(evidence), evidence, DEVICE, options=ALL):
        read = dcmread(BytesIO(encode(each)))
        assert str(read.PatientName) == name
        assert read.SpecificCharacterSet == source.SpecificCharacterSet
        for keyword in PATIENT_AND_STUDY:
            assert read.get(keyword, "") == source.get(keyword, "")


def test_a_flag_with_signs_that_the_character_set_lacks_is_spelled_out(result: Result) -> None:
    evidence = make_evidence(Layout(attributes={"SpecificCharacterSet": "ISO_IR 6"}))
    flags = (replace(result.flags[0], message="b ≥ 800 s/mm² expected – 50 found"),)
    objects = build_objects(replace(make_result(evidence), flags=flags), evidence, DEVICE)
    assert b"b >= 800 s/mm2 expected - 50 found" in encode(objects.by_kind[Kind.REPORT][0])


def test_a_study_without_accession_number_gets_an_empty_one() -> None:
    evidence = make_evidence(Layout(attributes={"AccessionNumber": ""}))
    for header in evidence.instances:
        del header.AccessionNumber
    for each in build_objects(make_result(evidence), evidence, DEVICE):
        assert each.AccessionNumber == ""


def test_without_a_clock_the_objects_carry_the_time_of_the_youngest_image(result: Result, evidence: Evidence) -> None:
    report = build_objects(result, evidence, DEVICE).by_kind[Kind.REPORT][0]
    assert (report.ContentDate, report.ContentTime) == ("20260901", "102209")


def test_a_recorded_run_is_told_in_the_time_zone_of_the_study() -> None:
    evidence = make_evidence(Layout(attributes={"TimezoneOffsetFromUTC": "+0200"}))
    started = datetime(2026, 9, 1, 23, 30, tzinfo=UTC)
    run = Revision(started=started, ended=started + timedelta(minutes=1))
    report = build_objects(make_result(evidence), evidence, DEVICE, run=run).by_kind[Kind.REPORT][0]
    assert (report.ContentDate, report.ContentTime, report.TimezoneOffsetFromUTC) == ("20260902", "013000", "+0200")


def test_images_of_two_patients_are_refused_without_naming_them() -> None:
    evidence = make_evidence(Layout())
    evidence.t2[3].header.PatientID = "SECRET-2"
    with pytest.raises(EvidenceRefused, match="PatientID") as refused:
        replace(evidence)
    assert "SECRET" not in str(refused.value)


def test_no_object_describes_itself_with_patient_data(objects: ResultObjects) -> None:
    for each in objects:
        shown = f"{each.SeriesDescription} {each.get('ContentDescription', '')} {each.get('ImageComments', '')}"
        assert "Phantom" not in shown
        assert "P-1" not in shown
        assert "research use only" in each.SeriesDescription
        assert len(each.SeriesDescription) <= 64
