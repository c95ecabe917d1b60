"""How values become elements, and what every instance says."""

from __future__ import annotations

import pytest
from pydicom.tag import BaseTag

from dicom_io.phantom.attributes import decimal, decimals, item, known, put, window
from dicom_io.phantom.encode import DataElements
from dicom_io.phantom.plan import PrivateAttribute
from small_phantom import planned, written


def test_keywords_private_names_and_sequences_become_elements() -> None:
    elements: DataElements = {}
    private = PrivateAttribute(0x0019, "SIEMENS MR HEADER", 0x0C, "IS")
    put(elements, {"SeriesDescription": "T2", private: "800", "DerivationCodeSequence": [{"CodeValue": "1"}]})
    assert elements[BaseTag(0x0008103E)].value == "T2"
    assert elements[BaseTag(0x00190010)].value == "SIEMENS MR HEADER"
    assert elements[BaseTag(0x0019100C)].value == "800"
    assert elements[BaseTag(0x00089215)].value[0].CodeValue == "1"


def test_a_word_that_is_no_keyword_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no DICOM keyword"):
        known("SeriesDescribtion")


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-12, -123456.789012345, 1 / 3, 1e20])
def test_decimal_strings_fit_into_16_characters(value: float) -> None:
    (text,) = decimals([value])
    assert len(text) <= 16
    assert float(text) == pytest.approx(value, rel=1e-8, abs=1e-8)
    assert decimal(-0.0) == "0"


def test_an_item_of_a_sequence_holds_its_attributes() -> None:
    assert item({"CodeValue": "76752008", "CodeMeaning": "Breast"}).CodeMeaning == "Breast"


def test_every_instance_says_that_it_is_synthetic() -> None:
    for image in written("siemens", only=("t2",)):
        assert image.PatientComments == "Synthetic: no patient"
        assert image.InstitutionName == "MOME phantom - research use only"
        assert image.PatientPosition == "HFP"


def test_the_window_shows_the_brightest_stack() -> None:
    _, series = planned("siemens")
    values = window(series[0])
    assert 0 < int(values["WindowCenter"]) <= int(values["WindowWidth"])
