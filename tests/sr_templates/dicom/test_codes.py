"""Coded words fit their attributes, are said once, and the private ones are described."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from pydicom.sr.coding import Code

from mome_core.case import Modality
from mome_core.results import Endpoint
from sr_templates.dicom import codes


def all_codes() -> Iterator[tuple[str, Code]]:
    for name, value in vars(codes).items():
        if isinstance(value, Code):
            yield name, value
        if isinstance(value, dict) and name.isupper():
            yield from ((f"{name} {key}", code) for key, code in value.items())


@pytest.mark.parametrize(("name", "code"), list(all_codes()), ids=lambda value: value if isinstance(value, str) else "")
def test_value_and_meaning_fit_their_attributes(name: str, code: Code) -> None:
    assert len(code.value) <= 16
    assert len(code.meaning) <= 64
    assert code.meaning.isascii()


def test_no_code_has_two_names() -> None:
    each_once = {id(code): code for _, code in all_codes()}  # a table may hold what has a name of its own
    said = Counter((code.value, code.scheme_designator) for code in each_once.values())
    assert [code for code, times in said.items() if times > 1] == []


def test_every_endpoint_and_modality_has_its_codes() -> None:
    assert set(codes.PROBABILITY) == set(Endpoint)
    assert set(codes.CONTRIBUTION) == set(codes.SEQUENCE) == set(Modality)


def test_the_private_scheme_describes_itself() -> None:
    item = codes.coding_scheme_identification()
    assert item.CodingSchemeDesignator == codes.PRIVATE_SCHEME == "99MOMENODE"
    assert item.CodingSchemeResponsibleOrganization
    assert codes.private("X", "y").scheme_designator == codes.PRIVATE_SCHEME


def test_an_item_holds_value_scheme_and_meaning() -> None:
    item = codes.code_item(codes.BREAST)
    assert (item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning) == ("76752008", "SCT", "Breast")
