"""A series description in our own words: read like the original, with nothing of it."""

from __future__ import annotations

import csv

import pytest

from dicom_io.deidentification.description import description_of
from dicom_io.study.names import NameReading, read_name
from mome_core.case import Role
from places import REAL


def facts(reading: NameReading) -> tuple[object, ...]:
    return reading.role, reading.fat_suppressed, reading.moment, reading.phase_number


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("t1_fl3d_tra_dynaVIEWS_spair_1+5", "dyn fs"),
        ("Ph3/Ax Vibrant MultiPhase", "dyn ph3 fs"),
        ("AX T2 STIR of Charlie Brown", "tirm fs"),
        ("BROWN^CHARLIE 19611111", ""),
        ("", ""),
    ],
)
def test_words_of_ours_stand_for_a_description(name: str, words: str) -> None:
    assert description_of(name) == words


@pytest.mark.parametrize("role", Role)
def test_every_role_has_words_that_say_it_again(role: Role) -> None:
    names = {
        Role.DCE_MULTI: "dynamic", Role.DCE_PRE: "dyn pre", Role.DCE_POST: "dyn post", Role.DCE_PHASE: "dyn ph2",
        Role.T1_NONFS: "t1 vibe", Role.T1_FS_SINGLE: "t1 vibe fs", Role.T2: "t2 tse", Role.T2_IR: "t2_tirm",
        Role.DWI: "ep2d_diff", Role.ADC: "ep2d_diff_ADC", Role.SUBTRACTION: "SUB1", Role.MIP: "MIP_SUB",
        Role.MPR: "MPR", Role.DERIVED_MAP: "SER map", Role.FAT: "FAT:Ax", Role.SEG: "mask",
        Role.LOCALIZER: "3-pl loc", Role.OTHER: "silicone only",
    }  # fmt: skip
    assert read_name(names[role]).role is role
    assert facts(read_name(description_of(names[role]))) == facts(read_name(names[role]))


@pytest.mark.skipif(not REAL.is_dir(), reason="the real series names of ../shared/data are not here")
def test_all_real_names_keep_their_role_and_nearly_all_everything_that_is_read() -> None:
    names = [
        row["series_description"]
        for file in ("series_descriptions_dev.csv", "series_descriptions_idc_dev.csv")
        for row in csv.DictReader((REAL.parent / file).open(encoding="utf-8"))
    ]
    readings = [(read_name(name), read_name(description_of(name))) for name in names]
    assert len(names) > 800
    assert all(before.role is after.role for before, after in readings)
    assert sum(facts(before) == facts(after) for before, after in readings) >= 0.99 * len(readings)
