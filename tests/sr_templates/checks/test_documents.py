"""Deliberate defects of documents: each is caught by the gate, by name, before anything is sent."""

from __future__ import annotations

import pytest

from spoiled_objects import Objects, Spoil, assert_refused, named
from sr_templates.build import ResultObjects
from sr_templates.dicom import codes
from sr_templates.dicom.common_attributes import derived_uid
from sr_templates.dicom.evidence import Evidence
from sr_templates.kinds import Kind


def dangling_reference(objects: Objects) -> None:
    reference = named(objects[Kind.REPORT], codes.VISUAL_EXPLANATION).ReferencedSOPSequence[0]
    reference.ReferencedSOPInstanceUID = derived_uid("nobody")


def evidence_of_nobody(objects: Objects) -> None:
    series = objects[Kind.REPORT].CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID = derived_uid("nobody")


def wrong_unit(objects: Objects) -> None:
    measured = named(objects[Kind.REPORT], codes.OPERATING_POINT).MeasuredValueSequence[0]
    measured.MeasurementUnitsCodeSequence = [codes.code_item(codes.NO_UNITS)]


def eight_hundred_percent(objects: Objects) -> None:
    measured = named(objects[Kind.REPORT], codes.PROBABILITY[next(iter(codes.PROBABILITY))]).MeasuredValueSequence[0]
    measured.NumericValue, measured.FloatingPointValue = "832", 832.0


def exact_value_of_another_study(objects: Objects) -> None:
    named(objects[Kind.REPORT], codes.SPREAD).MeasuredValueSequence[0].FloatingPointValue = 70.0


def continuous_container(objects: Objects) -> None:
    named(objects[Kind.REPORT], codes.MEASUREMENT_GROUP).ContinuityOfContent = "CONTINUOUS"


def no_tracking_uid(objects: Objects) -> None:
    group = named(objects[Kind.REPORT], codes.MEASUREMENT_GROUP)
    group.ContentSequence = [i for i in group.ContentSequence if i.ValueType != "UIDREF"]


def no_laterality(objects: Objects) -> None:
    del named(objects[Kind.REPORT], codes.FINDING_SITE).ContentSequence


def probability_in_millimetres(objects: Objects) -> None:
    measured = named(objects[Kind.REPORT], codes.PROBABILITY[next(iter(codes.PROBABILITY))]).MeasuredValueSequence[0]
    measured.MeasurementUnitsCodeSequence[0].CodeValue = "mm"


def probability_beside_a_place(objects: Objects) -> None:
    score = named(objects[Kind.REPORT], codes.PROBABILITY[next(iter(codes.PROBABILITY))])
    named(objects[Kind.REGION], codes.MEASUREMENT_GROUP).ContentSequence.append(score)


DEFECTS = [
    (dangling_reference, "which is not in its evidence"),
    (evidence_of_nobody, "neither source nor result"),
    (wrong_unit, "no unit that reports use"),
    (probability_in_millimetres, "impossible"),
    (probability_beside_a_place, "as that of a lesion"),
    (eight_hundred_percent, "impossible"),
    (exact_value_of_another_study, "exact value"),
    (continuous_container, "SEPARATE"),
    (no_tracking_uid, "no Tracking Unique Identifier"),
    (no_laterality, "no laterality"),
]


@pytest.mark.parametrize(("spoil", "words"), [pytest.param(*each, id=each[0].__name__) for each in DEFECTS])
def test_the_gate_catches(spoil: Spoil, words: str, objects: ResultObjects, evidence: Evidence) -> None:
    assert_refused(objects, evidence, spoil, words)
