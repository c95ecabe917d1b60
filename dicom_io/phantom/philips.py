"""Philips: eTHRIVE dynamics in one classic series whose InstanceNumber is not time order, or in one enhanced object.

Facts: shared/spec/series.md, measured on neurolabusc/dcm_qa_philips and icometrix/dicom2nifti. DiffusionBValue 0 stands
on every image that is no DWI; RescaleSlope and the scale slope (2005,100E) differ between volumes; the enhanced frames
repeat classic attributes in (2005,140F), with a position half a voxel away.
"""

from __future__ import annotations

from dataclasses import replace

from dicom_io.phantom import sequences
from dicom_io.phantom.attributes import decimals, rescale
from dicom_io.phantom.derived import projection, subtraction
from dicom_io.phantom.options import Layout, Trap
from dicom_io.phantom.plan import (
    DERIVED_S,
    DWI_S,
    LOCALIZER_S,
    T1_S,
    T2_S,
    Attributes,
    InstanceLayout,
    PrivateAttribute,
    SeriesPlan,
    StackPlan,
    StudyPlan,
    by_position,
    by_stack,
)
from dicom_io.phantom.siemens import AGENT_ENHANCED

IMAGING, MR, MR5 = "Philips Imaging DD 001", "Philips MR Imaging DD 001", "Philips MR Imaging DD 005"
_B_FACTOR = PrivateAttribute(0x2001, IMAGING, 0x03, "FL")
_DIFFUSION_DIRECTION = PrivateAttribute(0x2001, IMAGING, 0x04, "CS")
_SLICE_NUMBER = PrivateAttribute(0x2001, IMAGING, 0x0A, "IS")
_NUMBER_OF_SLICES = PrivateAttribute(0x2001, IMAGING, 0x18, "SL")
_TECHNIQUE = PrivateAttribute(0x2001, IMAGING, 0x20, "LO")
_SPIR = PrivateAttribute(0x2001, IMAGING, 0x21, "CS")
_NUMBER_OF_DYNAMICS = PrivateAttribute(0x2001, IMAGING, 0x81, "IS")
_SCALE_SLOPE = PrivateAttribute(0x2005, MR, 0x0E, "FL")
_DYNAMIC_BEGIN_TIME = PrivateAttribute(0x2005, MR, 0xA0, "FL")
_CLASSIC_COPY = PrivateAttribute(0x2005, MR5, 0x0F, "SQ", block=0x14)
_FIELD_ECHO = ["ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"]
_SPIN_ECHO = ["ORIGINAL", "PRIMARY", "M_SE", "M", "SE"]
_DYNAMIC_NAME = "dyn_eTHRIVE SENSE"
_AGENT: Attributes = {"ContrastBolusAgent": "Dotarem", "ContrastBolusRoute": "IV", "ContrastBolusVolume": "13"}
LAYOUTS = (Layout.ONE_SERIES, Layout.ENHANCED)  # the usual one first


def plan(study: StudyPlan) -> list[SeriesPlan]:
    """All series of one examination, in the order of acquisition."""
    return [
        *_localizers(study),
        *_plain(study),
        *_diffusion(study),
        *_dynamic(study),
        *(_ready_made(study) if study.options.derived else []),
    ]


def _is_enhanced(study: StudyPlan) -> bool:
    return study.layout == Layout.ENHANCED


def _series(
    study: StudyPlan,
    key: str,
    number: int,
    description: str,
    *,
    sequence: sequences.PulseSequence,
    stacks: list[StackPlan],
    image_type: list[str],
) -> SeriesPlan:
    """One series as this scanner writes it; keys that begin with "dce" are phases of the dynamic."""
    said = _copy_of_classic if _is_enhanced(study) else _slice_number
    images = by_position(stacks, said) if key == "dce" else by_stack(stacks, said)
    if _is_enhanced(study):
        kind = [*image_type[:2], sequence.contrast, "ADC" if key == "adc" else "NONE"]
        attributes: Attributes = _equipment() | {"ImageType": kind}
        attributes |= {"PulseSequenceName": _TECHNIQUES[sequence]} if kind[0] == "ORIGINAL" else {}
    else:
        attributes = (
            _equipment() | _classic(study, sequence) | {"ImageType": image_type, "AcquisitionNumber": number // 100}
        )
        attributes[_NUMBER_OF_SLICES] = stacks[0].volume.voxels.shape[2]
    agent = AGENT_ENHANCED if _is_enhanced(study) else _AGENT
    return SeriesPlan(
        key=key,
        number=number,
        description=description,
        sequence=sequence,
        attributes=attributes | (agent if key in {"dce", "sub", "mip"} else {}),
        images=images,
        objects=InstanceLayout.WHOLE if _is_enhanced(study) and key != "localizer" else _objects_of(study),
        dynamic=key.startswith("dce"),
    )


def _objects_of(study: StudyPlan) -> InstanceLayout:
    """Localizers of three orientations are one object for each."""
    return InstanceLayout.PER_STACK if _is_enhanced(study) else InstanceLayout.CLASSIC


_TECHNIQUES = {
    sequences.LOCALIZER: "T1FFE",
    sequences.T1: "T1FFE",
    sequences.T2: "TSE",
    sequences.DIFFUSION: "DwiSE",
    sequences.DYNAMIC: "T1TFE",
}


def _equipment() -> Attributes:
    return {
        "Manufacturer": "Philips Medical Systems",
        "ManufacturerModelName": "Ingenia",
        "SoftwareVersions": ["5.7.1", "5.7.1.2"],
        "StationName": "PHILIPS-0001",
        "DeviceSerialNumber": "00001",
        "BitsStored": 12,
        "HighBit": 11,
    }


def _classic(study: StudyPlan, sequence: sequences.PulseSequence) -> Attributes:
    """Attributes of a classic image of any sequence."""
    suppressed = sequence.fat_suppressed
    return {
        "SequenceVariant": "SK",
        "ScanOptions": "FS" if suppressed else "OTHER",
        "SpectrallySelectedSuppression": "FAT" if suppressed else "NONE",
        "DiffusionBValue": 0.0,
        "DiffusionGradientOrientation": [0.0, 0.0, 0.0],
        _B_FACTOR: 0.0,
        _DIFFUSION_DIRECTION: "",
        _TECHNIQUE: _TECHNIQUES[sequence],
        _SPIR: "Y" if suppressed else "N",
        "NumberOfTemporalPositions": str(len(study.phantom.spec.times_s) if sequence is sequences.DYNAMIC else 1),
    }


def _slice_number(_stack: StackPlan, k: int) -> Attributes:
    return {_SLICE_NUMBER: str(k + 1)}


def _copy_of_classic(stack: StackPlan, k: int) -> Attributes:
    """In enhanced frames: the classic header again, with a position that is half a voxel off."""
    affine = stack.volume.affine
    shifted = affine[:3, 3] + affine[:3, 2] * k - (affine[:3, 0] + affine[:3, 1]) / 2
    copy = {
        "InstanceNumber": str(k + 1),
        "ImagePositionPatient": decimals(shifted),
        **rescale(stack.slope),
        _SCALE_SLOPE: _scale_slope(stack.slope),
    }
    return {_CLASSIC_COPY: [copy]}


def _scale_slope(slope: float) -> float:
    """The Philips scale slope; floating point value = displayed value / (slope x scale slope)."""
    return round(0.0052 / slope, 8)


def _stack_of(study: StudyPlan, stack: StackPlan, slope: float) -> StackPlan:
    """A stack with its own slope and the times that this scanner writes."""
    if _is_enhanced(study):
        return replace(stack, slope=slope)
    times = {"AcquisitionTime": study.time(stack.time_s), "ContentTime": study.time(stack.time_s)}
    attributes = stack.attributes | times | rescale(slope) | {_SCALE_SLOPE: _scale_slope(slope)}
    return replace(stack, slope=slope, attributes=attributes)


def _localizers(study: StudyPlan) -> list[SeriesPlan]:
    """The survey: three orientations."""
    if not study.options.localizers:
        return []
    stacks = [_stack_of(study, StackPlan(volume, LOCALIZER_S), 1.7) for volume in study.phantom.localizers]
    name = "Survey_MST"
    return [_series(study, "localizer", 101, name, sequence=sequences.LOCALIZER, stacks=stacks, image_type=_FIELD_ECHO)]


def _plain(study: StudyPlan) -> list[SeriesPlan]:
    """T1-weighted without fat suppression, T2-weighted SPAIR."""
    stacks = [_stack_of(study, StackPlan(study.phantom.t1, T1_S), 1.4713)]
    found = [_series(study, "t1", 201, "T1W_3D_FFE", sequence=sequences.T1, stacks=stacks, image_type=_FIELD_ECHO)]
    if study.phantom.t2 is not None:
        stacks = [_stack_of(study, StackPlan(study.phantom.t2, T2_S), 1.1203)]
        found.append(
            _series(study, "t2", 301, "T2W_SPAIR", sequence=sequences.T2, stacks=stacks, image_type=_SPIN_ECHO)
        )
    return found


def _diffusion(study: StudyPlan) -> list[SeriesPlan]:
    """Isotropic images of all b-values, then the ADC map."""
    stacks = [_weighted(study, stack, n) for n, stack in enumerate(study.traces())]
    found = []
    if stacks:
        found.append(
            _series(study, "dwi", 401, "DWI_SSh", sequence=sequences.DIFFUSION, stacks=stacks, image_type=_SPIN_ECHO)
        )
    if study.phantom.adc is not None and study.options.derived:
        kind = ["DERIVED", "PRIMARY", "ADC", "ADC", "SE"]
        stacks = [_stack_of(study, StackPlan(study.phantom.adc, DWI_S), 1.0)]
        found.append(_series(study, "adc", 402, "dADC", sequence=sequences.DIFFUSION, stacks=stacks, image_type=kind))
    return found


def _weighted(study: StudyPlan, stack: StackPlan, n: int) -> StackPlan:
    """A trace-weighted stack; "I" is the isotropic one."""
    written = _stack_of(study, stack, round(1.05 + 0.11 * n, 4))
    if _is_enhanced(study):
        return written
    b_value = float(stack.b_value or 0.0)
    named = {"DiffusionBValue": b_value, _B_FACTOR: b_value, _DIFFUSION_DIRECTION: "I" if b_value else ""}
    return replace(written, attributes=written.attributes | named)


def _dynamic(study: StudyPlan) -> list[SeriesPlan]:
    """All phases in one series; their slopes differ, and the first slice runs through time before the second."""
    phases = study.phases()
    if not phases:
        return []
    stacks = [_phase(study, stack, stack.time_s - phases[0].time_s) for stack in phases]
    found = _series(study, "dce", 501, _DYNAMIC_NAME, sequence=sequences.DYNAMIC, stacks=stacks, image_type=_FIELD_ECHO)
    more = {} if _is_enhanced(study) else {_NUMBER_OF_DYNAMICS: str(len(phases))}
    return [replace(found, attributes=found.attributes | more)]


def _phase(study: StudyPlan, stack: StackPlan, since_first_s: float) -> StackPlan:
    """A phase with TemporalPositionIdentifier, TriggerTime and the private begin of the dynamic scan."""
    written = _stack_of(study, stack, round(1.29035 - 0.037 * (stack.temporal_index % 5), 5))
    if _is_enhanced(study):
        return written
    jump = 420.0 if study.has(Trap.CLOCK_JUMPS_BACK) and stack.temporal_index > 3 else 0.0
    clock = study.time(stack.time_s - jump)
    timed = {
        "TemporalPositionIdentifier": str(stack.temporal_index),
        "TriggerTime": f"{since_first_s * 1000:g}",
        _DYNAMIC_BEGIN_TIME: since_first_s,
        "AcquisitionTime": clock,
        "ContentTime": clock,
    }
    return replace(written, attributes=written.attributes | timed)


def _ready_made(study: StudyPlan) -> list[SeriesPlan]:
    """The first subtraction and its projection; their types look like the scanner's own."""
    if study.phantom.dce is None:
        return []
    difference = subtraction(study.phantom.dce, 1)
    made_of = (
        ("sub", 502, f"S2-1{_DYNAMIC_NAME}", difference, ["DERIVED", "PRIMARY", "M_FFE", "M", "FFE"]),
        (
            "mip",
            503,
            f"MIP SUB {_DYNAMIC_NAME}",
            projection(difference),
            ["DERIVED", "PRIMARY", "PROJECTION IMAGE", "M", "FFE"],
        ),
    )
    return [
        _series(
            study,
            key,
            number,
            name,
            sequence=sequences.DYNAMIC,
            stacks=[_stack_of(study, StackPlan(volume, DERIVED_S), 1.2)],
            image_type=kind,
        )
        for key, number, name, volume, kind in made_of
    ]
