"""GE: VIBRANT dynamics as one multiphase series, as Ph1/ Ph2/ series, or with nothing but InstanceNumber.

Facts: shared/spec/series.md, measured on neurolabusc/dcm_qa_ge and dcm_qa_stc. TriggerTime is per slice; one
AcquisitionTime covers all phases; ContentTime is the time of writing; b0 images have no (0018,9087); every image has
(0043,1039), even the ADC map; ImageOrientationPatient of oblique slices differs in the 8th decimal.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from dicom_io.phantom import sequences
from dicom_io.phantom.derived import projection, subtraction
from dicom_io.phantom.options import Layout, Trap
from dicom_io.phantom.plan import (
    DERIVED_S,
    DWI_S,
    LOCALIZER_S,
    T1_S,
    T2_S,
    Attributes,
    Each,
    PrivateAttribute,
    SeriesPlan,
    StackPlan,
    StudyPlan,
    by_stack,
)
from dicom_io.phantom.spec import SliceOrientation

_PARAMETERS = "GEMS_PARM_01"
_B_VALUE = PrivateAttribute(0x0043, _PARAMETERS, 0x39, "IS")
_VAS_COLLAPSE = PrivateAttribute(0x0043, _PARAMETERS, 0x30, "SS")  # 14: b0, 15: combined directions
_RTIA_TIMER = PrivateAttribute(0x0021, "GEMS_RELA_01", 0x5E, "DS")
_PULSE_SEQUENCE = PrivateAttribute(0x0019, "GEMS_ACQU_01", 0x9C, "LO")
_IMAGES_IN_SERIES = PrivateAttribute(0x0025, "GEMS_SERS_01", 0x07, "SL")
_B_VALUE_OFFSET = 1_000_000_000  # of synthetic and multi-b diffusion on some software
_ORIGINAL = ["ORIGINAL", "PRIMARY", "OTHER"]
_FAT_SATURATED = ["FAST_GEMS", "EDR_GEMS", "TRF_GEMS", "ACC_GEMS", "FS"]
_VIBRANT: Attributes = {
    "SequenceVariant": ["SS", "SK"],
    "ScanOptions": _FAT_SATURATED,
    _PULSE_SEQUENCE: "efgre3d",
    "ContrastBolusAgent": "10ML GADAVIST",
    "ContrastBolusRoute": "IV",
    "ContrastBolusVolume": "10",
}
_DYNAMIC_NAME = "Ax Vibrant MultiPhase"
LAYOUTS = (Layout.ONE_SERIES, Layout.SERIES_PER_PHASE, Layout.INSTANCE_ONLY)  # the usual one first


def plan(study: StudyPlan) -> list[SeriesPlan]:
    """All series of one examination, in the order of acquisition."""
    return [
        *_localizers(study),
        *_plain(study),
        *_diffusion(study),
        *_dynamic(study),
        *(_ready_made(study) if study.options.derived else []),
    ]


def _series(
    study: StudyPlan,
    key: str,
    number: int,
    description: str,
    *,
    sequence: sequences.PulseSequence,
    stacks: list[StackPlan],
    attributes: Attributes,
    image_type: list[str] | None = None,
    each: Each | None = None,
) -> SeriesPlan:
    """One series as this scanner writes it; keys that begin with "dce" are phases of the dynamic."""
    shared = {"ImageType": image_type or _ORIGINAL, _B_VALUE: ["0", "0", "0", "0"], _VAS_COLLAPSE: 0}
    images = by_stack(stacks, lambda stack, k: _placed(study, stack, k) | (each(stack, k) if each else {}))
    return SeriesPlan(
        key=key,
        number=number,
        description=description,
        sequence=sequence,
        attributes=_equipment() | shared | {_IMAGES_IN_SERIES: len(images), "AcquisitionNumber": "1"} | attributes,
        images=images,
        dynamic=key.startswith("dce"),
    )


def _equipment() -> Attributes:
    return {
        "Manufacturer": "GE MEDICAL SYSTEMS",
        "ManufacturerModelName": "SIGNA Premier",
        "SoftwareVersions": ["29", "LX", "MR Software release:MR29.1_EA_2039.g"],
        "StationName": "GEMR00001",
        "DeviceSerialNumber": "00001",
        "PixelRepresentation": 1,
    }


def _placed(study: StudyPlan, stack: StackPlan, k: int) -> Attributes:
    """Orientation and position with this scanner's digits; an oblique one is a little different in each slice."""
    affine = stack.volume.affine
    directions = affine[:3, :2] / np.linalg.norm(affine[:3, :2], axis=0)
    if study.phantom.spec.orientation is SliceOrientation.OBLIQUE:
        directions = directions + 3e-8 * np.sin(np.arange(6).reshape(3, 2) * 7.0 + k)
    position = affine[:3, 3] + affine[:3, 2] * k
    return {
        "ImageOrientationPatient": [f"{value + 0.0:.13f}"[:16] for value in directions.T.ravel()],
        "ImagePositionPatient": [f"{value:.10f}"[:16] for value in position],
        "StackID": "1",
        "InStackPositionNumber": k + 1,
    }


def _localizers(study: StudyPlan) -> list[SeriesPlan]:
    """Three planes in one series."""
    if not study.options.localizers:
        return []
    stacks = [StackPlan(volume, LOCALIZER_S) for volume in study.phantom.localizers]
    quick: Attributes = {"SequenceVariant": "SK", "ScanOptions": "FAST_GEMS", _PULSE_SEQUENCE: "fgre"}
    return [
        _series(study, "localizer", 1, "3-Plane Loc", sequence=sequences.LOCALIZER, stacks=stacks, attributes=quick)
    ]


def _plain(study: StudyPlan) -> list[SeriesPlan]:
    """T1-weighted without fat suppression, T2-weighted with it."""
    spoiled: Attributes = {"SequenceVariant": ["SS", "SK"], "ScanOptions": "FAST_GEMS", _PULSE_SEQUENCE: "efgre3d"}
    stacks = [StackPlan(study.phantom.t1, T1_S)]
    found = [_series(study, "t1", 2, "Ax 3D T1 NON FS", sequence=sequences.T1, stacks=stacks, attributes=spoiled)]
    if study.phantom.t2 is not None:
        stacks = [StackPlan(study.phantom.t2, T2_S)]
        echoes: Attributes = {"SequenceVariant": "SK", "ScanOptions": ["SAT_GEMS", "FS"], _PULSE_SEQUENCE: "frfse"}
        found.append(_series(study, "t2", 3, "Ax T2 FSE FS", sequence=sequences.T2, stacks=stacks, attributes=echoes))
    return found


def _diffusion(study: StudyPlan) -> list[SeriesPlan]:
    """Combined images of all b-values, then the ADC map, which carries a b-value too."""
    planar: Attributes = {"SequenceVariant": "NONE", "ScanOptions": ["SAT_GEMS", "EPI_GEMS", "FS"]}
    planar |= {_PULSE_SEQUENCE: "epi2"}
    stacks = [_weighted(study, stack) for stack in study.traces()]
    names = ("Ax DWI ASSET", "Apparent Diffusion Coefficient (mm2/s)")
    found = []
    if stacks:
        found.append(_series(study, "dwi", 4, names[0], sequence=sequences.DIFFUSION, stacks=stacks, attributes=planar))
    if study.phantom.adc is not None and study.options.derived:
        mapped = planar | {_B_VALUE: [str(round(max(study.phantom.dwi))), "8", "0", "0"]}
        found.append(
            _series(
                study,
                "adc",
                400,
                names[1],
                sequence=sequences.DIFFUSION,
                stacks=[StackPlan(study.phantom.adc, DWI_S)],
                attributes=mapped,
                image_type=["DERIVED", "SECONDARY", "PROCESSED"],
            )
        )
    return found


def _weighted(study: StudyPlan, stack: StackPlan) -> StackPlan:
    """A stack with its b-value: private always, standard unless it is 0."""
    b_value = round(stack.b_value or 0)
    offset = _B_VALUE_OFFSET if study.has(Trap.B_VALUE_OFFSET) and b_value else 0
    attributes: Attributes = {_B_VALUE: [str(b_value + offset), "8", "0", "0"], _VAS_COLLAPSE: 15 if b_value else 14}
    if b_value and not offset:
        attributes["DiffusionBValue"] = float(b_value)
    return replace(stack, attributes=attributes)


def _dynamic(study: StudyPlan) -> list[SeriesPlan]:
    """The phases in one series or as Ph series."""
    phases = study.phases()
    if not phases:
        return []
    more: dict[str, Any] = {"sequence": sequences.DYNAMIC}
    shared = _VIBRANT | {"NumberOfTemporalPositions": str(len(phases))}
    if study.layout == Layout.INSTANCE_ONLY:
        timed = [replace(s, attributes={_RTIA_TIMER: f"{s.time_s - phases[0].time_s:.6f}"}) for s in phases]
        return [_series(study, "dce", 5, _DYNAMIC_NAME, stacks=timed, attributes=_VIBRANT, **more)]

    def each(stack: StackPlan, k: int) -> Attributes:
        return _phase_attributes(study, phases, stack, k)

    if study.layout == Layout.ONE_SERIES:
        return [_series(study, "dce", 5, _DYNAMIC_NAME, stacks=phases, attributes=shared, each=each, **more)]
    names = _phase_names(study, len(phases))
    return [
        _series(study, f"dce{n}", number, name, stacks=[stack], attributes=shared, each=each, **more)
        for n, (stack, (number, name)) in enumerate(zip(phases, names, strict=True))
    ]


def _phase_names(study: StudyPlan, count: int) -> list[tuple[int, str]]:
    """SeriesNumber and SeriesDescription: Ph1 is the first post-contrast phase, at some sites the pre-contrast one."""
    if study.has(Trap.PH1_IS_PRE):
        return [(501 + n, f"Ph{n + 1}/{_DYNAMIC_NAME}") for n in range(count)]
    return [(5, _DYNAMIC_NAME), *((500 + n, f"Ph{n}/{_DYNAMIC_NAME}") for n in range(1, count))]


def _phase_attributes(study: StudyPlan, phases: list[StackPlan], stack: StackPlan, k: int) -> Attributes:
    """TemporalPositionIdentifier of a phase, and the TriggerTime that differs between its images of one position."""
    since_first = stack.time_s - phases[0].time_s
    slices = stack.volume.voxels.shape[2]
    attributes: Attributes = {
        "TemporalPositionIdentifier": str(stack.temporal_index),
        "TriggerTime": f"{since_first * 1000 + k * 17:.0f}",
    }
    if study.layout == Layout.ONE_SERIES:
        second = stack.temporal_index > 4 or (stack.temporal_index == 4 and k >= slices // 3)
        started = phases[0].time_s + (230 if second and study.has(Trap.SECOND_ACQUISITION_TIME) else 0)
        written = phases[-1].time_s + 20 + (stack.temporal_index * slices + k) // 9
        attributes |= {"AcquisitionTime": study.time(started), "ContentTime": study.time(written)}
    return attributes


def _ready_made(study: StudyPlan) -> list[SeriesPlan]:
    """The first subtraction and its projection."""
    if study.phantom.dce is None:
        return []
    difference = subtraction(study.phantom.dce, 1)
    made_of = (
        ("sub", 5001, "SUB1", difference, ["DERIVED", "SECONDARY", "COMBINED"]),
        ("mip", 5002, "PJN", projection(difference), ["DERIVED", "SECONDARY", "PROJECTION IMAGE"]),
    )
    return [
        _series(
            study,
            key,
            number,
            name,
            sequence=sequences.DYNAMIC,
            stacks=[StackPlan(volume, DERIVED_S)],
            attributes=_VIBRANT,
            image_type=kind,
        )
        for key, number, name, volume, kind in made_of
    ]
