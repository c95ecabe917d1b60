"""The slice images of an Enhanced MR instance: its frames, described by functional groups (PS3.3 C.7.6.16)."""

from __future__ import annotations

from dataclasses import dataclass

from dicom_io.encoding.elements import Elements
from dicom_io.errors import NotAnImage
from dicom_io.headers.classic import rescale_of
from dicom_io.headers.records import Acquisition, Instance, Plane
from dicom_io.vendors.base import Clocks, Diffusion, VendorProfile, direction_of

_MAX_PLANES = 1 << 16


@dataclass(frozen=True, slots=True)
class _FunctionalGroups:
    """The functional groups of one frame, counted from 1: its own first, then the shared ones."""

    number: int
    own: Elements
    shared: Elements

    def macro(self, keyword: str) -> Elements:
        """The item of a macro; an empty one when neither has it."""
        return self.own.item(keyword) if keyword in self.own else self.shared.item(keyword)


def is_enhanced(elements: Elements) -> bool:
    """Whether a data set describes its images frame by frame."""
    return "PerFrameFunctionalGroupsSequence" in elements


def enhanced_planes(instance: Instance, elements: Elements, vendor: VendorProfile) -> tuple[Plane, ...]:
    """Every frame of one Enhanced instance.

    Raises NotAnImage when it describes fewer frames than it holds, or absurdly many.
    """
    per_frame = elements.items("PerFrameFunctionalGroupsSequence")
    if len(per_frame) < instance.frames or len(per_frame) > _MAX_PLANES:
        raise NotAnImage(f"holds {instance.frames} frames but describes {len(per_frame)}")
    shared = elements.item("SharedFunctionalGroupsSequence")
    words = vendor.derivation_words(elements, elements.texts("ImageType"))
    frames = enumerate(per_frame[: instance.frames], start=1)
    groups = (_FunctionalGroups(number, own, shared) for number, own in frames)
    return tuple(_frame(instance, elements, each, vendor, words) for each in groups)


def _frame(
    instance: Instance, elements: Elements, groups: _FunctionalGroups, vendor: VendorProfile, words: frozenset[str]
) -> Plane:
    measures = groups.macro("PixelMeasuresSequence")
    scaling = groups.macro("PixelValueTransformationSequence")
    content = groups.macro("FrameContentSequence")
    frame_type = groups.macro("MRImageFrameTypeSequence")
    image_type = frame_type.texts("FrameType") or elements.texts("ImageType")
    return Plane(
        instance=instance,
        frame=groups.number,
        tile=None,
        rows=instance.rows,
        columns=instance.columns,
        position_mm=groups.macro("PlanePositionSequence").numbers("ImagePositionPatient"),
        orientation=groups.macro("PlaneOrientationSequence").numbers("ImageOrientationPatient"),
        spacing_mm=measures.numbers("PixelSpacing"),
        thickness_mm=measures.number("SpacingBetweenSlices") or measures.number("SliceThickness"),
        slope=rescale_of(scaling, "RescaleSlope", 1.0),
        intercept=rescale_of(scaling, "RescaleIntercept", 0.0),
        image_type=image_type,
        words=words | vendor.derivation_words(frame_type, image_type),
        stack_id=content.text("StackID"),
        contrast=groups.macro("ContrastBolusUsageSequence").text("ContrastBolusAgentPhase")
        or elements.item("ContrastBolusAgentSequence").text("ContrastBolusAgent"),
        diffusion=_diffusion(groups.macro("MRDiffusionSequence")),
        clocks=_clocks(elements, content, groups),
        acquisition=_acquisition(elements, groups),
    )


def _diffusion(macro: Elements) -> Diffusion:
    """b-value and direction kind from an item of MR Diffusion Sequence (0018,9117)."""
    return Diffusion(
        macro.number("DiffusionBValue"),
        direction_of(macro.text("DiffusionDirectionality")),
        macro.item("DiffusionGradientDirectionSequence").numbers("DiffusionGradientOrientation"),
    )


def _clocks(instance: Elements, content: Elements, groups: _FunctionalGroups) -> Clocks:
    """The clocks of a frame; `content` is its item of Frame Content Sequence (0020,9111)."""
    acquired = content.seconds("FrameAcquisitionDateTime")
    number = content.number("FrameAcquisitionNumber")
    return Clocks(
        temporal_position=content.number("TemporalPositionIndex"),
        acquisition_number=instance.number("AcquisitionNumber") if number is None else number,
        trigger_s=_offset_s(groups),
        acquisition_s=instance.seconds("AcquisitionDateTime") if acquired is None else acquired,
        content_s=content.seconds("FrameReferenceDateTime"),
        order=(instance.number("InstanceNumber") or 0.0) * 1_000_000 + groups.number,
        contrast_start_s=instance.item("ContrastBolusAgentSequence")
        .item("ContrastAdministrationProfileSequence")
        .seconds("ContrastBolusStartTime"),
    )


def _offset_s(groups: _FunctionalGroups) -> float | None:
    """Temporal Position Time Offset (seconds), or Nominal Cardiac Trigger Delay Time (milliseconds)."""
    offset_s = groups.macro("TemporalPositionSequence").number("TemporalPositionTimeOffset")
    if offset_s is not None:
        return offset_s
    trigger_ms = groups.macro("CardiacSynchronizationSequence").number("NominalCardiacTriggerDelayTime")
    return None if trigger_ms is None else trigger_ms / 1000


def _acquisition(elements: Elements, groups: _FunctionalGroups) -> Acquisition:
    """How a frame was made (Enhanced MR Image module and its macros; PS3.3 C.8.13)."""
    timing = groups.macro("MRTimingAndRelatedParametersSequence")
    modifier = groups.macro("MRModifierSequence")
    echo = groups.macro("MREchoSequence").number("EffectiveEchoTime")
    scanning = elements.text("ScanningSequence").upper().split("\\")
    pulse = elements.text("EchoPulseSequence").upper()
    times = modifier.numbers("InversionTimes")
    return Acquisition(
        dimensions=elements.text("MRAcquisitionType"),
        repetition_ms=timing.number("RepetitionTime") or elements.number("RepetitionTime"),
        echo_ms=elements.number("EchoTime") if echo is None else echo,
        inversion_ms=times[0] if times else elements.number("InversionTime"),
        flip_degrees=timing.number("FlipAngle") or elements.number("FlipAngle"),
        fat_suppressed=_fat_suppressed(modifier),
        gradient_echo=pulse in ("GRADIENT", "BOTH") or "GR" in scanning,
        spin_echo=pulse in ("SPIN", "BOTH") or "SE" in scanning,
        echo_planar=elements.text("EchoPlanarPulseSequence").upper() == "YES" or "EP" in scanning,
    )


def _fat_suppressed(modifier: Elements) -> bool | None:
    """Whether the fat was suppressed, from an item of MR Modifier Sequence (0018,9115); None when it does not tell."""
    kind = modifier.text("SpectrallySelectedSuppression").upper()
    excitation = modifier.text("SpectrallySelectedExcitation").upper()
    if kind in ("FAT", "FAT_AND_WATER") or excitation == "WATER":
        return True
    return False if kind else None
