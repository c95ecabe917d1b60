"""How a synthetic study is written: its layout, its traps, its transfer syntax."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Layout(StrEnum):
    """How the phases of the dynamic are spread over series and instances.

    XA_CLASSIC : Siemens XA "interoperability" export; one series per phase, all with one SeriesTime.
    ENHANCED : Enhanced MR multi-frame objects.
    INSTANCE_ONLY : GE; nothing but InstanceNumber tells the phases apart.
    VFRAME : UIH; all slices of a volume tiled in one image.
    """

    ONE_SERIES = "one-series"
    SERIES_PER_PHASE = "series-per-phase"
    XA_CLASSIC = "xa-classic"
    ENHANCED = "enhanced"
    INSTANCE_ONLY = "instance-only"
    VFRAME = "vframe"


class Trap(StrEnum):
    """Things that real studies do and that a reader must survive."""

    MISSING_ACCESSION = "missing-accession"
    DUPLICATES = "duplicates"  # some instances twice, as a second send leaves them
    SHUFFLED_INSTANCE_NUMBERS = "shuffled-instance-numbers"
    NO_OPTIONAL_TAGS = "no-optional-tags"  # an anonymiser removed everything that the IOD does not require
    SPLIT_SERIES = "split-series"  # the dynamic continues in a second series
    REPEATED_DYNAMIC = "repeated-dynamic"  # acquired twice; the first time the patient moved
    INTERRUPTED_DYNAMIC = "interrupted-dynamic"  # a first attempt stopped after two phases
    ULTRAFAST = "ultrafast"  # a coarse dynamic of many phases during the first minute, besides the usual one
    TWO_SLABS = "two-slabs"  # the T2 series holds two blocks of slices with a gap
    CLOCK_JUMPS_BACK = "clock-jumps-back"  # Philips: AcquisitionTime, ContentTime; not TriggerTime
    PH1_IS_PRE = "ph1-is-pre"  # GE: Ph1 is the pre-contrast phase, as outside Duke
    SECOND_ACQUISITION_TIME = "second-acquisition-time"  # GE: from the middle of the fourth phase on
    B_VALUE_OFFSET = "b-value-offset"  # GE: 1e9 added to (0043,1039)
    PRIVATE_AS_UN = "private-as-un"  # private elements arrive as UN
    RELOCATED_PRIVATE = "relocated-private"  # a PACS moved the private blocks
    PARTIAL_TEMPORAL_POSITION = "partial-temporal-position"  # TemporalPositionIdentifier on part of the slices
    SEGMENTATION = "segmentation"  # an analysis mask stored as an MR image
    MULTI_ECHO = "multi-echo"  # a two-echo series, which is no dynamic
    SCRIPT_IN_DESCRIPTION = "script-in-description"
    ENHANCED_COPY = "enhanced-copy"  # classic and enhanced copies of the dynamic share a SeriesInstanceUID


class TransferSyntax(StrEnum):
    """Transfer syntax of the files (PS3.5 annex A)."""

    IMPLICIT = "1.2.840.10008.1.2"
    EXPLICIT = "1.2.840.10008.1.2.1"
    DEFLATED = "1.2.840.10008.1.2.1.99"
    BIG_ENDIAN = "1.2.840.10008.1.2.2"
    RLE = "1.2.840.10008.1.2.5"
    JPEG_LS = "1.2.840.10008.1.2.4.80"
    JPEG_2000 = "1.2.840.10008.1.2.4.90"

    @property
    def compressed(self) -> bool:
        return self in {TransferSyntax.RLE, TransferSyntax.JPEG_LS, TransferSyntax.JPEG_2000}


@dataclass(frozen=True, slots=True)
class StudyOptions:
    """Everything about the files that is not the patient's body; the defaults are an ordinary complete study.

    Parameters
    ----------
    character_set
        SpecificCharacterSet; UTF-8 unless told otherwise, so that any patient_name can be written.
    study
        Word that distinguishes studies of one phantom; the UIDs follow from it and the phantom's seed.
    only
        Words of the series to write (dce, t1, t2, dwi, adc, sub, mip, localizer; dce means every phase); empty
        writes all.
    derived
        Whether ready-made subtractions, MIPs and the ADC map are in the study.
    """

    patient_name: str = "PHANTOM^BREAST"
    patient_id: str = ""
    accession_number: str = ""
    character_set: str = "ISO_IR 192"
    study: str = ""
    start: datetime = datetime(2025, 3, 14, 9, 30)  # the scanner's clock
    transfer_syntax: TransferSyntax = TransferSyntax.EXPLICIT
    derived: bool = True
    localizers: bool = True
    only: tuple[str, ...] = ()
    traps: frozenset[Trap] = field(default_factory=frozenset)
