"""An image without its patient: what must go is gone everywhere, and what the reader needs is still there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from pydicom import config, dcmread
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

import phantom
from deidentified import MASK
from dicom_io.deidentification.burned_in import TextFinder
from dicom_io.deidentification.image import Deidentifier, Hindrance, NotExportable
from dicom_io.deidentification.mask import Mask
from dicom_io.pixels.frames import Array


def copied(image: Dataset, folder: Path, mask: Mask = MASK) -> Dataset:
    """The image as it is written without its patient."""
    source, target = folder / "source.dcm", folder / "copy.dcm"
    image.save_as(source)
    with Deidentifier(mask) as deidentifier:
        deidentifier.write(source, target)
    return dcmread(target)


def one_image(folder: Path, vendor: str = "siemens", layout: str = "one-series") -> Dataset:
    return dcmread(phantom.dce(folder, vendor, layout)[0])


def test_dates_of_a_patient_move_together_and_the_birth_date_goes(tmp_path: Path) -> None:
    image = one_image(tmp_path)
    image.StudyDate, image.AcquisitionDate, image.PatientBirthDate = "20240229", "20240301", "19610203"
    image.AcquisitionDateTime, image.LastMenstrualDate = "20240301093000.25+0100", "20240210"
    copy = copied(image, tmp_path)
    moved = [str(copy[word].value)[:8] for word in ("StudyDate", "AcquisitionDate", "AcquisitionDateTime")]
    assert MASK.date("20240229") == moved[0] < "20230301" and moved[1] == moved[2] == MASK.date("20240301")
    assert copy.AcquisitionDateTime.endswith("093000.25") and copy.AcquisitionTime == image.AcquisitionTime
    assert copy.PatientBirthDate == "" and "LastMenstrualDate" not in copy
    assert Mask("p2", bytes(32)).date("20240229") != moved[0]


def test_a_uid_is_replaced_wherever_it_stands_and_always_by_the_same(tmp_path: Path) -> None:
    image = one_image(tmp_path, "siemens", "enhanced")
    study, organization = str(image.StudyInstanceUID), str(image.DimensionIndexSequence[0].DimensionOrganizationUID)
    copy = copied(image, tmp_path)
    inside = [item.DimensionOrganizationUID for item in copy.DimensionIndexSequence]
    assert {*inside, copy.DimensionOrganizationSequence[0].DimensionOrganizationUID} == {MASK.uid(organization)}
    assert copy.StudyInstanceUID == MASK.uid(study) != study and copy.SOPClassUID == image.SOPClassUID
    assert copy.file_meta.MediaStorageSOPInstanceUID == copy.SOPInstanceUID == MASK.uid(str(image.SOPInstanceUID))


def test_only_a_uid_that_the_standard_lists_stays() -> None:
    assert MASK.uid("1.2.840.10008.5.1.4.1.1.4") == "1.2.840.10008.5.1.4.1.1.4"
    for other in ("1.2.840.10008.19611111.777", "no UID", "1.2.3."):
        assert MASK.uid(other).startswith("2.25.")


def test_private_elements_go_unless_they_have_the_shape_that_the_reader_needs(tmp_path: Path) -> None:
    image = one_image(tmp_path)
    ours = image.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    ours.add_new(0x0C, "IS", "800")
    ours.add_new(0x0D, "LO", "CHARLIE^BROWN 19611111")
    texts = image.private_block(0x0051, "SIEMENS MR HEADER", create=True)
    texts.add_new(0x16, "LO", "M/NORM/BROWN/DIS2D")
    texts.add_new(0x19, "LO", "CHARLIE")
    image.private_block(0x0031, "HOSPITAL", create=True).add_new(0x01, "LO", "Doe^Jane")
    copy = copied(image, tmp_path)
    kept = copy.private_block(0x0019, "SIEMENS MR HEADER")
    assert kept[0x0C].value == 800 and 0x0D not in kept
    words = copy.private_block(0x0051, "SIEMENS MR HEADER")
    assert words[0x16].value == "M/NORM/DIS2D" and 0x19 not in words
    assert "HOSPITAL" not in str(copy)


@pytest.mark.parametrize("value", ["19611111", "1000.5\\8\\0", "BROWN"])
def test_a_number_out_of_its_range_or_no_number_stays_here(value: str, tmp_path: Path) -> None:
    image = one_image(tmp_path, "ge", "one-series")
    image.private_block(0x0043, "GEMS_PARM_01", create=True).add_new(0x39, "UN", value.encode())
    copy = copied(image, tmp_path)
    found = [e for e in copy if e.tag.is_private and not e.tag.is_private_creator and e.tag.element & 0xFF == 0x39]
    assert [str(e.value) for e in found] == (["[1000, 8, 0]"] if value[0] == "1" and "." in value else [])


def test_the_b_value_of_an_image_comment_moves_to_where_the_standard_keeps_it(tmp_path: Path) -> None:
    image = one_image(tmp_path)
    image.Manufacturer, image.ImageComments = "CANON_MEC", "b=1500(0.895,0.000,0.445) Mrs BROWN"
    copy = copied(image, tmp_path)
    assert copy.DiffusionBValue == 1500 and "ImageComments" not in copy


def test_the_claim_is_what_was_done(tmp_path: Path) -> None:
    image = one_image(tmp_path, "uih", "one-series")
    claimed = [item.CodeValue for item in copied(image, tmp_path).DeidentificationMethodCodeSequence]
    assert claimed == ["113100", "113107", "113105"]
    image.private_block(0x0065, "IMAGE PRIVATE HEADER", create=True).add_new(0x09, "FD", 929.75)
    image.SeriesDescription = "BROWN^CHARLIE"  # says nothing of the series
    del image.ProtocolName
    copy = copied(image, tmp_path)
    assert [item.CodeValue for item in copy.DeidentificationMethodCodeSequence] == ["113100", "113107", "113111"]
    assert copy.PatientIdentityRemoved == "YES" and copy.PatientName == copy.PatientID == MASK.patient
    assert copy.DeidentificationMethod[-1] == "burned-in text: nobody looked"


def test_what_was_dropped_is_counted_by_tag(tmp_path: Path) -> None:
    paths = phantom.dce(tmp_path / "in")[:3]
    phantom.edited(paths[:2], lambda image: setattr(image, "OperatorsName", "Doe"))
    with Deidentifier(MASK) as deidentifier:
        for number, path in enumerate(paths):
            deidentifier.write(path, tmp_path / f"{number}.dcm")
    assert deidentifier.dropped["(0008,1070)"] == 2 and deidentifier.dropped["(0010,0030)"] == 3
    assert deidentifier.dropped["(0010,0010)"] == deidentifier.dropped["(0010,0020)"] == 3
    assert "(0028,0010)" not in deidentifier.dropped and "(0018,0081)" not in deidentifier.dropped


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda image: setattr(image, "BurnedInAnnotation", "YES"), Hindrance.TEXT_DECLARED),
        (lambda image: setattr(image, "SOPClassUID", SecondaryCaptureImageStorage), Hindrance.NO_MR_IMAGE),
        (lambda image: setattr(image, "PhotometricInterpretation", "PALETTE COLOR"), Hindrance.NO_GREY_VALUES),
        (lambda image: setattr(image, "HighBit", 16), Hindrance.PIXELS_UNREADABLE),
        (lambda image: setattr(image, "PixelData", bytes(16)), Hindrance.PIXELS_UNREADABLE),
        (lambda image: delattr(image, "Rows"), Hindrance.NO_IMAGE),
    ],
)
def test_what_may_show_text_or_cannot_be_cleaned_stays_here(
    change: Callable[[Dataset], None], why: Hindrance, tmp_path: Path
) -> None:
    image = one_image(tmp_path)
    change(image)
    with pytest.raises(NotExportable) as refused:
        copied(image, tmp_path)
    assert refused.value.hindrance is why and str(refused.value) == why.value


class BrokenFinder(TextFinder):
    """Fails as a library does, with what it stumbled over."""

    def __init__(self) -> None:
        self.name = "broken"

    def finds_text(self, frame: Array) -> bool:
        raise KeyError("BROWN^CHARLIE")


def test_an_image_that_a_library_fails_with_stays_here_without_a_word_of_it(tmp_path: Path) -> None:
    source, target = phantom.dce(tmp_path)[0], tmp_path / "copy.dcm"
    with Deidentifier(MASK, BrokenFinder()) as deidentifier, pytest.raises(NotExportable) as refused:
        deidentifier.write(source, target)
    assert refused.value.hindrance is Hindrance.NOT_WRITABLE and "BROWN" not in str(refused.value)
    assert not target.exists()


@pytest.mark.filterwarnings("error")
def test_nothing_is_said_of_a_strange_value(tmp_path: Path) -> None:
    image = one_image(tmp_path)
    with config.disable_value_validation():
        image.FrameOfReferenceUID = "BROWN^CHARLIE"
        copy = copied(image, tmp_path)
    assert copy.FrameOfReferenceUID == MASK.uid("BROWN^CHARLIE")


def overlaid(image: Dataset, bits: Iterable[int]) -> np.ndarray:
    """Set some bits in every pixel of an image; its true pixels."""
    pixels = np.frombuffer(image.PixelData, "<u2")
    image.PixelData = (pixels | sum(1 << bit for bit in bits)).astype("<u2").tobytes()
    return pixels


def test_an_overlay_in_the_unused_bits_goes_and_the_pixels_stay(tmp_path: Path) -> None:
    image = one_image(tmp_path)
    assert (image.BitsStored, image.HighBit) == (12, 11)
    pixels = overlaid(image, (12, 15))
    image.add_new(0x60000102, "US", 15)
    image.PixelData += b"BROWN CHARLIE " * 4  # after the last pixel
    copy = copied(image, tmp_path)
    np.testing.assert_array_equal(np.frombuffer(copy.PixelData, "<u2"), pixels)
    assert 0x60000102 not in copy


def test_bits_below_the_stored_ones_go_too(tmp_path: Path) -> None:
    image = one_image(tmp_path)
    pixels = np.frombuffer(image.PixelData, "<u2")
    image.PixelData, image.HighBit = ((pixels << 4) | 7).astype("<u2").tobytes(), 15
    copy = copied(image, tmp_path)
    np.testing.assert_array_equal(np.frombuffer(copy.PixelData, "<u2"), pixels)
    assert (copy.BitsStored, copy.HighBit) == (12, 11)
