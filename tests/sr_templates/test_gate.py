"""Deliberate defects of any object: each is caught by the gate, by name, before anything is sent."""

from __future__ import annotations

import pytest

from spoiled_objects import Objects, Spoil, assert_refused
from sr_templates.build import ResultObjects
from sr_templates.dicom.common_attributes import derived_uid
from sr_templates.dicom.evidence import Evidence
from sr_templates.kinds import Kind


def other_patients_uid(objects: Objects) -> None:
    objects[Kind.SUMMARY].PatientID = "P-2"


def verified(objects: Objects) -> None:
    objects[Kind.REPORT].VerificationFlag = "VERIFIED"


def private_scheme_not_described(objects: Objects) -> None:
    del objects[Kind.REPORT].CodingSchemeIdentificationSequence


def filed_into_a_source_series(objects: Objects) -> None:
    objects[Kind.SUMMARY].SeriesInstanceUID = derived_uid("test series", "3")


def same_uid_twice(objects: Objects) -> None:
    objects[Kind.SUMMARY].SOPInstanceUID = objects[Kind.REPORT].SOPInstanceUID


def not_a_uid(objects: Objects) -> None:
    objects[Kind.KEY_IMAGES].SeriesInstanceUID = "1.2.03"


def other_patients_name(objects: Objects) -> None:
    objects[Kind.REPORT].PatientName = "Phantom^Berta"


def equipment_unknown(objects: Objects) -> None:
    objects[Kind.REPORT].SoftwareVersions = ""


DEFECTS = [
    (other_patients_uid, "PatientID differs"),
    (verified, "UNVERIFIED"),
    (private_scheme_not_described, "99MOMENODE is not described"),
    (filed_into_a_source_series, "series of the source"),
    (same_uid_twice, "SOP Instance UID is used"),
    (not_a_uid, "not a UID"),
    (other_patients_name, "PatientName differs"),
    (equipment_unknown, "SoftwareVersions is missing"),
]


@pytest.mark.parametrize(("spoil", "words"), [pytest.param(*each, id=each[0].__name__) for each in DEFECTS])
def test_the_gate_catches(spoil: Spoil, words: str, objects: ResultObjects, evidence: Evidence) -> None:
    assert_refused(objects, evidence, spoil, words)
