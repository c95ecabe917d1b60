"""The elements of an image that may leave the hospital, and what their values must look like; all others stay here.

They are what the reader of this package (headers, vendors, study, pixels) and a viewer need. The table of
docs/deidentification.md is that of `table`; a test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from pydicom.sr.codedict import codes

from dicom_io.deidentification.description import description_of
from dicom_io.deidentification.mask import Mask
from dicom_io.encoding.shapes import Numbers, Shape, Words, words
from dicom_io.study.body_part import BODY_PARTS
from dicom_io.vendors.base import B_VALUES
from dicom_io.vendors.registry import OTHER, safe_private_elements, vendor_of
from dicom_io.vendors.vocabulary import IMAGE_WORDS, OPTION_WORDS

_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?")  # PS3.5 6.2, TM
_AGENT, _NO_AGENT = "CONTRAST AGENT", ("", "NONE", "PRE_CONTRAST")


@dataclass(frozen=True, slots=True)
class Replaced:
    """Values for which others stand; `rule` gives the one for a value, and None for a value that goes."""

    rule: Callable[[Mask, str], str | None]
    what: str


@dataclass(frozen=True, slots=True)
class Items:
    """A sequence, whose items are cleaned by this table."""


@dataclass(frozen=True, slots=True)
class Derivations:
    """A sequence of codes of the standard that say how an image was computed, with the standard's own words."""


@dataclass(frozen=True, slots=True)
class PublicTags:
    """Tags of elements that PS3.6 lists."""


def _date(mask: Mask, text: str) -> str | None:
    return mask.date(text) or None


def _time(mask: Mask, text: str) -> str | None:
    del mask
    return text if _TIME.fullmatch(text) else None


def _date_time(mask: Mask, text: str) -> str | None:
    """The time zone goes: it says where the hospital is."""
    date, time = mask.date(text[:8]), re.split(r"[+-]", text[8:])[0]
    return f"{date}{time}" if date and (not time or _TIME.fullmatch(time)) else None


def _manufacturer(mask: Mask, text: str) -> str | None:
    del mask
    vendor = vendor_of(text)
    return None if vendor is OTHER else str(vendor)


def _agent(mask: Mask, text: str) -> str:
    """Whether there was an agent tells the phases apart; which one, no."""
    del mask
    return text.upper() if text.upper() in _NO_AGENT else _AGENT


def _description(mask: Mask, text: str) -> str:
    del mask
    return description_of(text)


_UID = Replaced(Mask.uid, "another UID stands for it, the same everywhere; UIDs of the standard stay")
_DATE = Replaced(_date, "moved back, by the same number of days for every date of a patient")
_TIME_OF_DAY = Replaced(_time, "as it is: time of day")
_DATE_TIME = Replaced(_date_time, "moved back like dates, without time zone")
_MANUFACTURER = Replaced(_manufacturer, "the name of a vendor that the reader knows")
_CONTRAST_AGENT = Replaced(_agent, f"{_AGENT} for any agent")
_DESCRIPTION = Replaced(_description, "words of ours that say role, fat suppression, contrast and phase again")
_STACK = Replaced(lambda mask, text: str(mask.number(f"stack {text}", 3)), "a number stands for it")
_COUNT, _NUMBER, _LONG_COUNT = Numbers(0, 9_999), Numbers(0, 99_999), Numbers(0, 999_999)
_MILLIMETRES, _COSINES = Numbers(-9_999, 9_999), Numbers(-1.01, 1.01)
_MILLISECONDS, _GREY = Numbers(0, 9_999_999), Numbers(-9_999_999, 9_999_999)
_YES_NO, _IMAGE_TYPE = words("YES NO"), Words(IMAGE_WORDS, "OTHER")

Rule = Shape | Replaced | Items | Derivations | PublicTags

_SECTIONS: Mapping[str, tuple[tuple[Rule, str], ...]] = {
    "Which object": (
        (
            _UID,
            "SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID"
            " DimensionOrganizationUID",
        ),
        (words("MR"), "Modality"),
        (_NUMBER, "SeriesNumber InstanceNumber AcquisitionNumber InStackPositionNumber"),
        (
            _COUNT,
            "FrameAcquisitionNumber EchoNumbers TemporalPositionIdentifier NumberOfTemporalPositions"
            " TemporalPositionIndex",
        ),
        (_LONG_COUNT, "DimensionIndexValues"),
        (_STACK, "StackID"),
        (PublicTags(), "DimensionIndexPointer FunctionalGroupPointer"),
    ),
    "When": (
        (_DATE, "StudyDate SeriesDate AcquisitionDate ContentDate"),
        (_TIME_OF_DAY, "StudyTime SeriesTime AcquisitionTime ContentTime ContrastBolusStartTime"),
        (_DATE_TIME, "AcquisitionDateTime FrameAcquisitionDateTime FrameReferenceDateTime"),
        (_MILLISECONDS, "TriggerTime NominalCardiacTriggerDelayTime"),
        (Numbers(0, 99_999), "TemporalPositionTimeOffset"),
    ),
    "How it was made": (
        (_MANUFACTURER, "Manufacturer"),
        (Numbers(0, 30), "MagneticFieldStrength"),
        (_IMAGE_TYPE, "ImageType FrameType VolumeBasedCalculationTechnique AcquisitionContrast"),
        (words("MAGNITUDE PHASE REAL IMAGINARY MIXED"), "ComplexImageComponent"),
        (words("VOLUME SAMPLED DISTORTED MIXED"), "VolumetricProperties"),
        (words("MONOCHROME COLOR MIXED TRUE_COLOR"), "PixelPresentation"),
        (_DESCRIPTION, "SeriesDescription ProtocolName"),
        (Derivations(), "DerivationCodeSequence"),
        (words("SE IR GR EP RM"), "ScanningSequence"),
        (words("SK MTC SS TRSS SP MP OSP TOF NONE", unknown="OTHER"), "SequenceVariant"),
        (Words(OPTION_WORDS, "OTHER"), "ScanOptions"),
        (words("2D 3D"), "MRAcquisitionType"),
        (words("GRADIENT SPIN BOTH"), "EchoPulseSequence"),
        (_YES_NO, "EchoPlanarPulseSequence BurnedInAnnotation"),
        (
            words("FAT WATER FAT_AND_WATER SILICON_GEL NONE"),
            "SpectrallySelectedSuppression SpectrallySelectedExcitation",
        ),
        (Numbers(0, 999_999), "RepetitionTime EchoTime EffectiveEchoTime InversionTime InversionTimes FlipAngle"),
        (_CONTRAST_AGENT, "ContrastBolusAgent"),
        (Numbers(0, 99), "ContrastBolusAgentNumber"),
        (
            words("PRE_CONTRAST POST_CONTRAST IMMEDIATE DYNAMIC STEADY_STATE DELAYED ARTERIAL CAPILLARY VENOUS"),
            "ContrastBolusAgentPhase",
        ),
        (B_VALUES, "DiffusionBValue"),
        (words("NONE DIRECTIONAL ISOTROPIC BMATRIX"), "DiffusionDirectionality"),
        (_COSINES, "DiffusionGradientOrientation"),
    ),
    "Where": (
        (_COSINES, "ImageOrientationPatient"),
        (_MILLIMETRES, "ImagePositionPatient PixelSpacing SliceThickness SpacingBetweenSlices SliceLocation"),
        (words("HFP HFS HFDR HFDL FFDR FFDL FFP FFS LFP LFS RFP RFS AFDR AFDL PFDR PFDL"), "PatientPosition"),
        (words("L R B U"), "Laterality ImageLaterality FrameLaterality"),
        (Words(BODY_PARTS), "BodyPartExamined"),
    ),
    "Grey values": (
        (words("MONOCHROME1 MONOCHROME2"), "PhotometricInterpretation"),
        (_GREY, "RescaleSlope RescaleIntercept WindowCenter WindowWidth"),
        (words("US NORMALIZED"), "RescaleType"),
        (words("00 01"), "LossyImageCompression"),
    ),
    "Sequences": (
        (
            Items(),
            "SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence FrameContentSequence"
            " PixelMeasuresSequence PlanePositionSequence PlaneOrientationSequence"
            " PixelValueTransformationSequence FrameVOILUTSequence FrameAnatomySequence"
            " MRImageFrameTypeSequence MRTimingAndRelatedParametersSequence MREchoSequence"
            " MRModifierSequence MRDiffusionSequence DiffusionGradientDirectionSequence"
            " TemporalPositionSequence CardiacSynchronizationSequence ContrastBolusUsageSequence"
            " ContrastBolusAgentSequence ContrastAdministrationProfileSequence"
            " DimensionOrganizationSequence DimensionIndexSequence",
        ),
    ),
}


@cache
def derivations() -> Mapping[str, str]:
    """Code value -> meaning of the DCM codes for computed images (PS3.16 annex D, 113040 to 113097)."""
    every = (getattr(codes.DCM, name) for name in codes.DCM.dir())
    return {code.value: code.meaning for code in every if "113040" <= code.value <= "113097" and len(code.value) == 6}


def _number(value: float) -> str:
    """Every digit, thousands apart."""
    return f"{value:,.12g}".replace(",", " ")


def _says(rule: Rule) -> str:
    """A rule in words."""
    if isinstance(rule, Replaced):
        return rule.what
    if isinstance(rule, Numbers):
        shifted = f", or as much above {_number(rule.offset)}" if rule.offset else ""
        return f"numbers from {_number(rule.low)} to {_number(rule.high)}{shifted}"
    if isinstance(rule, Words):
        return f"words of a list{'; OTHER for any other' if rule.unknown else ''}"
    return {Items: "its items, cleaned alike", Derivations: "codes of PS3.16 for computed images"}.get(
        type(rule), "tags of the standard's elements"
    )


def table() -> str:
    """What stays, as the rows of a table in Markdown."""
    private = [
        f"| ({group:04X},xx{each.tag.element:02X}) of {creator} | {_says(each.shape or Items())} |"
        for (group, creator), elements in safe_private_elements().items()
        for each in elements
    ]
    rows = [
        f"| **{section}** | |\n"
        + "\n".join(f"| {', '.join(keywords.split())} | {_says(rule)} |" for rule, keywords in rules)
        for section, rules in _SECTIONS.items()
    ]
    return "\n".join(["| elements | what leaves |", "| --- | --- |", *rows, "| **Private** | |", *private]) + "\n"


KEPT: Mapping[str, Rule] = {
    keyword: rule for rules in _SECTIONS.values() for rule, keywords in rules for keyword in keywords.split()
}
