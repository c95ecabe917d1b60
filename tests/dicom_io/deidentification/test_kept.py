"""What may leave: documented, in the words that the reader asks for, and looked at by two lists that others made."""

from __future__ import annotations

from pathlib import Path

import pytest
from dicomanonymizer.simpledicomanonymizer import initialize_actions
from dicomqc import Severity, scan_paths
from pydicom import dcmread
from pydicom.datadict import dictionary_VR

import phantom
from canaries import betray
from deidentified import MASK, without_patient
from dicom_io.deidentification.kept import KEPT, derivations, table
from dicom_io.study import classify, geometry
from dicom_io.vendors.vocabulary import IMAGE_WORDS
from places import DOCS


def test_the_page_says_what_stays() -> None:
    assert table() in (DOCS / "deidentification.md").read_text("utf-8")


def test_every_word_that_the_reader_looks_for_may_leave() -> None:
    asked = {
        word
        for module in (classify, geometry)
        for name, value in vars(module).items()
        if name.endswith(("_WORDS", "_PARTS")) and isinstance(value, frozenset | dict)
        for word in value
    }
    codes = {word.removeprefix("DCM") for word in asked if word.startswith("DCM1")}
    parts = {part for word in asked if not word.startswith("DCM1") for part in word.replace(" ", "_").split("_")}
    assert len(parts) > 50
    known = IMAGE_WORDS | {part for word in IMAGE_WORDS for part in word.split("_")}
    assert {part.rstrip("0123456789") or part for part in parts} - known - {"T1MAP"} <= set()
    assert codes <= set(derivations())


def test_limits_are_said_digit_by_digit() -> None:
    assert "e+" not in table() and "numbers from -9 999 999 to 9 999 999 |" in table()
    assert "| (0043,xx39) of GEMS_PARM_01 | numbers from 0 to 20 000, or as much above 1 000 000 000 |" in table()


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A classic and an Enhanced image that were full of a patient, without it."""
    folder = tmp_path_factory.mktemp("copies")
    sources = [phantom.dce(folder / name, "philips", name)[0] for name in ("one-series", "enhanced")]
    for source in sources:
        betray(source, replacing=False)
    return without_patient(sources, folder / "out")


def test_what_table_e_1_1_removes_is_not_there_unless_the_options_keep_it(copies: list[Path]) -> None:
    actions = {tag: action.__name__ for tag, action in initialize_actions("dicomfields_2026c").items() if len(tag) == 2}
    assert len(actions) > 600
    described = ("SeriesDescription", "ProtocolName")  # Clean Descriptors
    claims = ("DeidentificationMethod", "DeidentificationMethodCodeSequence")
    seen = 0
    for element in (each for path in copies for each in dcmread(path).iterall()):
        action = actions.get((element.tag.group, element.tag.element), "")
        kept = (
            dictionary_VR(element.tag) in ("DA", "TM", "DT") if not element.tag.is_private else True
        )  # Modified Dates
        if not action or kept or element.keyword in (*described, *claims):
            continue
        seen += 1
        if action == "replace_UID":
            assert element.value.startswith("2.25.")
        elif element.value:
            assert element.value in (MASK.patient, "CONTRAST AGENT"), element.keyword
            assert not action.startswith("delete") or "replace" in action, element.keyword
    assert seen > 20


def test_an_audit_of_others_finds_no_error(copies: list[Path]) -> None:
    findings = scan_paths([copies[0].parent]).findings
    assert [each.rule_id for each in findings if each.severity is Severity.ERROR] == []
    assert {each.keyword for each in findings} <= {"PatientName", "PatientID", "PrivateTags"}, findings
    before = scan_paths([copies[0].parents[1] / "one-series"]).findings
    assert any(each.severity is Severity.ERROR for each in before)


def test_nothing_may_leave_that_holds_free_text() -> None:
    free = {
        keyword for keyword in KEPT if dictionary_VR(keyword) in ("LT", "ST", "UT", "UC", "UR", "PN", "UN", "OB", "OW")
    }
    assert free == set()
