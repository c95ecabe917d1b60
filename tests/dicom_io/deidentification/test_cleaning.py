"""The copy of a data set: listed elements, in every item, and what was not copied."""

from __future__ import annotations

from pydicom.dataset import Dataset

from datasets import elements
from deidentified import MASK
from dicom_io.deidentification.cleaning import Cleaning
from dicom_io.encoding.elements import Elements


def item(**values: object) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def test_an_empty_element_stays_empty_and_is_not_counted() -> None:
    cleaning = Cleaning(MASK)
    copy = cleaning.copy(elements(Laterality="", EchoTime="1.7"))
    assert "Laterality" in copy and not copy.Laterality
    assert cleaning.dropped == set()


def test_items_are_cleaned_like_the_data_set() -> None:
    inside = item(ImagePositionPatient=[1, 2, 3], PatientName="Doe", FrameComments="Doe")
    cleaning = Cleaning(MASK)
    copy = cleaning.copy(elements(PlanePositionSequence=[inside]))
    assert [each.keyword for each in copy.PlanePositionSequence[0]] == ["ImagePositionPatient"]
    assert cleaning.dropped == {0x00100010, 0x00209158}


def test_a_word_that_was_replaced_is_counted_and_the_others_stay() -> None:
    cleaning = Cleaning(MASK)
    assert list(cleaning.copy(elements(ScanOptions=["FS", "BROWN"])).ScanOptions) == ["FS", "OTHER"]
    assert cleaning.dropped == {0x00180022}


def test_a_private_word_that_was_left_out_is_counted_and_its_owner_is_not() -> None:
    image = Dataset()
    image.private_block(0x0051, "SIEMENS MR HEADER", create=True).add_new(0x16, "LO", "M/NORM/BROWN/DIS2D")
    cleaning = Cleaning(MASK)
    assert cleaning.copy(Elements(image))[0x00511016].value == "M/NORM/DIS2D"
    assert cleaning.dropped == {0x00511016}


def test_codes_of_the_standard_leave_with_the_words_of_the_standard() -> None:
    codes = [
        item(CodeValue="113062", CodingSchemeDesignator="99DOE", CodeMeaning="Doe"),
        item(CodeValue="DOE", CodingSchemeDesignator="DCM", CodeMeaning="Doe"),
    ]
    cleaning = Cleaning(MASK)
    (kept,) = cleaning.copy(elements(DerivationCodeSequence=codes)).DerivationCodeSequence
    assert (kept.CodeValue, kept.CodingSchemeDesignator) == ("113062", "DCM")
    assert kept.CodeMeaning == "Pixel by pixel subtraction"
    assert cleaning.dropped == {0x00089215}


def test_a_pointer_to_a_private_element_stays_here() -> None:
    pointers = [item(DimensionIndexPointer=0x00209057), item(DimensionIndexPointer=0x00191961)]
    first, second = Cleaning(MASK).copy(elements(DimensionIndexSequence=pointers)).DimensionIndexSequence
    assert first.DimensionIndexPointer == 0x00209057 and "DimensionIndexPointer" not in second


def test_an_agent_is_named_as_any_agent_and_a_stack_by_a_number() -> None:
    copy = Cleaning(MASK).copy(elements(ContrastBolusAgent="10ML GADAVIST", StackID="Doe"))
    assert copy.ContrastBolusAgent == "CONTRAST AGENT" and copy.StackID.isdigit()
    assert copy.StackID == Cleaning(MASK).copy(elements(StackID="Doe")).StackID
