"""A patient's name and birth date wherever a DICOM file can hold them, and the search for them in a copy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydicom import config, dcmread
from pydicom.datadict import DicomDictionary, dictionary_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from dicom_io.deidentification.kept import KEPT
from dicom_io.vendors.registry import safe_private_elements

TEXT, NUMBER, SMALL_NUMBER, PRIVATE_TAG = "BROWN^CHARLIE", 19611111, 29611, 0x00191961
WORDS = (b"BROWN", b"brown", b"Brown", b"CHARLIE", b"19611111", b"119Y", b"\x11\x11\x61\x19")
_VALUES: dict[str, object] = {
    **dict.fromkeys(("LO", "SH", "ST", "LT", "UT", "UC", "PN", "TM"), TEXT),
    **dict.fromkeys(("CS", "AE"), "BROWN"),
    **dict.fromkeys(("DS", "IS", "DA"), str(NUMBER)),
    **dict.fromkeys(("UL", "SL", "UV", "SV"), NUMBER),
    **dict.fromkeys(("FL", "FD"), float(NUMBER)),
    **dict.fromkeys(("US", "SS"), SMALL_NUMBER),
    **dict.fromkeys(("OB", "OW", "OD", "OF", "OL", "OV", "UN"), b"BROWN^CHARLIE 19"),
    "AS": "119Y",
    "DT": f"{NUMBER}101112.777",
    "UI": f"1.2.840.10008.{NUMBER}.777",
    "UR": f"http://brown.hospital/{NUMBER}",
    "AT": PRIVATE_TAG,
}
_FILE_TAGS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData", "Rows", "Columns", "SamplesPerPixel")
_FILE_TAGS += ("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "NumberOfFrames", "SOPClassUID")
_FILE_TAGS += ("PhotometricInterpretation", "BurnedInAnnotation")  # another value, and the image is refused
_READ_BY_PRESENCE = ("ContrastBolusAgent", "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence")


def betray(path: Path, *, replacing: bool) -> None:
    """Put the patient into every element that a dictionary knows, and everywhere else that is no pixel value.

    Parameters
    ----------
    replacing
        Also into elements that the image has: then nobody can read it any more. Else its own values stay.
    """
    image = dcmread(path)
    for element in _everywhere(nested=True):
        if replacing or (element.tag not in image and element.keyword not in _READ_BY_PRESENCE):
            image.add(element)
    _add_private(image, replacing)
    for sequence in [each for each in image if each.VR == "SQ" and each.keyword in KEPT]:
        for item in sequence.value[:1]:
            _add_private(item, replacing)
            for element in _everywhere(nested=False):
                if element.tag not in item and element.keyword not in KEPT:
                    item.add(element)
    image.add_new(0x00109998, "LO", TEXT)  # of no dictionary
    image.add_new(0x60000022, "LO", TEXT)  # Overlay Description
    image.add_new(0x60003000, "OW", b"BROWN^CHARLIE 19")
    image.add_new(0x50003000, "OW", b"BROWN^CHARLIE 19")
    image.add_new(0xFFFCFFFC, "OB", b"BROWN^CHARLIE 19")  # Data Set Trailing Padding
    image.preamble = (b"BROWN^CHARLIE 19611111 " * 6)[:128]
    image.file_meta.SourceApplicationEntityTitle = image.file_meta.ImplementationVersionName = "BROWN"
    image.file_meta.PrivateInformationCreatorUID = "1.2.840.10008.19611111"
    image.file_meta.PrivateInformation = b"BROWN^CHARLIE 19"
    image.save_as(path)


def _everywhere(*, nested: bool) -> Iterator[DataElement]:
    """An element of each tag of the dictionary, but for those that say how a file is encoded."""
    for tag, (vr, *_) in DicomDictionary.items():
        sequence = vr == "SQ"
        if tag >> 16 in (0x0000, 0x0002, 0xFFFE) or dictionary_keyword(tag) in _FILE_TAGS or tag & 0xFFFF == 0:
            continue
        if (sequence and not nested) or dictionary_keyword(tag) == "SpecificCharacterSet":
            continue
        value = [_item()] if sequence else _VALUES.get(vr[:2], b"BROWN^CHARLIE 19")
        yield DataElement(tag, vr[:2] if vr[:2] != "NO" else "UN", value, validation_mode=config.IGNORE)


def _item() -> Dataset:
    """An item with the patient in it, in private elements too, and in an item inside it."""
    inner, item = Dataset(), Dataset()
    inner.TextValue = inner.CodeMeaning = inner.SeriesDescription = TEXT
    item.PatientName = item.TextValue = item.StackID = item.ContrastBolusAgent = TEXT
    item.ReferencedSOPInstanceUID = f"1.2.840.10008.{NUMBER}"
    item.PurposeOfReferenceCodeSequence, item.FrameContentSequence = [inner], [inner]
    item.private_block(0x0031, TEXT, create=True).add_new(1, "LO", TEXT)
    return item


def _add_private(data: Dataset, replacing: bool) -> None:
    """The patient in blocks of unknown owners, in an owner's name, and in every element that may stay."""
    for group in (0x0009, 0x0019, 0x2005, 0x7053):
        data.private_block(group, TEXT, create=True).add_new(1, "LO", TEXT)
        data.private_block(group, TEXT, create=True).add_new(2, "UN", b"BROWN^CHARLIE 19")
    for (group, creator), elements in safe_private_elements().items():
        block = data.private_block(group, creator, create=True)
        for each in elements:
            if replacing or each.tag.element not in block:
                value: object = [_item()] if each.shape is None else TEXT
                tag = block.get_tag(each.tag.element)
                data.add(DataElement(tag, "SQ" if each.shape is None else "LO", value, validation_mode=config.IGNORE))


def found_in(path: Path) -> list[str]:
    """Where the patient still is in a file: in its bytes, its name, or a number."""
    content = path.read_bytes()
    found = [word.decode("latin-1") for word in WORDS if word in content or word.decode("latin-1") in str(path)]
    for element in dcmread(path).iterall():
        values = element.value if isinstance(element.value, list) else [element.value]
        for value in values:
            if isinstance(value, int | float) and int(value) in (NUMBER, SMALL_NUMBER, PRIVATE_TAG):
                found.append(str(element.tag))
    return found
