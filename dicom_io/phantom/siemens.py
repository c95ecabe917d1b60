"""Siemens: VIBE dynamics as one series per measurement, one series, XA classic export, or XA enhanced objects.

Facts: shared/spec/series.md, measured on neurolabusc/dcm_qa_xa30 and dcm_qa_xa60. The private b-value (0019,100C) is
all that an XA classic export has; trace images are DERIVED; subtractions and MIPs of older software are ORIGINAL.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dicom_io.phantom import sequences
from dicom_io.phantom.attributes import code, rescale
from dicom_io.phantom.derived import projection, subtraction
from dicom_io.phantom.options import Layout
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
    by_stack,
)
from mome_core.volume import Volume

_CREATOR = "SIEMENS MR HEADER"
_B_VALUE = PrivateAttribute(0x0019, _CREATOR, 0x0C, "IS")
_DIRECTIONALITY = PrivateAttribute(0x0019, _CREATOR, 0x0D, "CS")
_IMAGE_TYPE_TEXT = PrivateAttribute(0x0051, _CREATOR, 0x16, "LO")
_OPTIONS_TEXT = PrivateAttribute(0x0051, _CREATOR, 0x19, "LO")
_DYNAMIC_NAME = "t1_fl3d_tra_dynaVIEWS_spair"
_FLASH: Attributes = {"SequenceName": "*fl2d1", "SequenceVariant": ["SP", "OSP"], "ScanOptions": "PFP"}
_VIBE: Attributes = {"SequenceName": "*fl3d1", "SequenceVariant": ["SP", "OSP"], "ScanOptions": "PFP"}
_TIRM: Attributes = {"SequenceName": "*tir2d1_11", "SequenceVariant": ["SK", "SP", "MP"], "ScanOptions": "IR"}
_EPI: Attributes = {"SequenceVariant": ["SK", "SP"], "ScanOptions": ["PFP", "FS"]}
_DYNAMIC: Attributes = _VIBE | {
    "ScanOptions": ["PFP", "FS"],
    _OPTIONS_TEXT: "A1/PFP/FS",
    "ContrastBolusAgent": "Gadobutrol",
    "ContrastBolusRoute": "IV",
    "ContrastBolusVolume": "6.5",
    "ContrastBolusIngredient": "GADOLINIUM",
}
AGENT_ENHANCED: Attributes = {
    "ContrastBolusAgentSequence": [
        {
            **code("418351005", "SCT", "Gadobutrol"),
            "ContrastBolusAgentNumber": 1,
            "ContrastBolusAdministrationRouteSequence": [code("47625008", "SCT", "Intravenous route")],
            "ContrastBolusIngredientCodeSequence": [code("18827005", "SCT", "Gadolinium")],
            "ContrastBolusVolume": "6.5",
            "ContrastBolusIngredientConcentration": "604.72",
        }
    ]
}
LAYOUTS = (Layout.SERIES_PER_PHASE, Layout.ONE_SERIES, Layout.XA_CLASSIC, Layout.ENHANCED)  # the usual one first


def plan(study: StudyPlan) -> list[SeriesPlan]:
    """All series of one examination, in the order of acquisition."""
    return [
        *_localizers(study),
        *_t1(study),
        *_t2(study),
        *_diffusion(study),
        *_dynamic(study),
        *(_ready_made(study) if study.options.derived else []),
    ]


def _is_xa(study: StudyPlan) -> bool:
    return study.layout in {Layout.XA_CLASSIC, Layout.ENHANCED}


def _series(
    study: StudyPlan,
    key: str,
    number: int,
    description: str,
    *,
    sequence: sequences.PulseSequence,
    stacks: list[StackPlan],
    image_type: list[str],
    attributes: Attributes,
) -> SeriesPlan:
    """One series as this scanner writes it; keys that begin with "dce" are phases of the dynamic."""
    enhanced = study.layout is Layout.ENHANCED
    classic = {"ImageType": image_type, _IMAGE_TYPE_TEXT: "/".join(image_type[2:]), **attributes}
    multi_frame: Attributes = {"ImageType": image_type[:4]}
    if image_type[0] == "ORIGINAL":
        multi_frame["PulseSequenceName"] = attributes["SequenceName"]
    return SeriesPlan(
        key=key,
        number=number,
        description=description,
        sequence=sequence,
        attributes=_equipment(study) | (multi_frame if enhanced else classic),
        images=by_stack(stacks, lambda stack, k: _slice_time(study, stack, k)),
        objects=InstanceLayout.PER_STACK if enhanced else InstanceLayout.CLASSIC,
        dynamic=key.startswith("dce"),
    )


def _slice_time(study: StudyPlan, stack: StackPlan, k: int) -> Attributes:
    """In an XA export AcquisitionTime differs from slice to slice."""
    return {"AcquisitionTime": study.time(stack.time_s + 0.0575 * k)} if study.layout is Layout.XA_CLASSIC else {}


def _acquired(study: StudyPlan, key: str, number: int, description: str, **more: Any) -> SeriesPlan:
    """A series of images as acquired; more : sequence, stacks, attributes."""
    return _series(study, key, number, description, image_type=_original(study), **more)


def _calculated(study: StudyPlan, key: str, number: int, kind: str, **more: Any) -> SeriesPlan:
    """A diffusion series that the scanner calculates: TRACEW or ADC; more : stacks, attributes."""
    export = ["NORM", "DIS2D"] + (["MFSPLIT"] if study.layout is Layout.XA_CLASSIC else [])
    image_type = ["DERIVED", "PRIMARY", "DIFFUSION", kind, *export]
    name = f"ep2d_diff_spair_tra_{kind}"
    return _series(study, key, number, name, sequence=sequences.DIFFUSION, image_type=image_type, **more)


def _equipment(study: StudyPlan) -> Attributes:
    xa = _is_xa(study)
    return {
        "Manufacturer": "Siemens Healthineers" if xa else "SIEMENS",
        "ManufacturerModelName": "MAGNETOM Vida" if xa else "Skyra",
        "SoftwareVersions": "syngo MR XA30" if xa else "syngo MR E11",
        "StationName": "MRC00001",
        "DeviceSerialNumber": "00001",
        "BitsStored": 12,
        "HighBit": 11,
    }


def _original(study: StudyPlan) -> list[str]:
    """ImageType of an image as acquired."""
    if study.layout is Layout.XA_CLASSIC:
        return ["ORIGINAL", "PRIMARY", "M", "NONE", "NORM", "DIS2D", "MFSPLIT"]
    if study.layout is Layout.ENHANCED:
        return ["ORIGINAL", "PRIMARY", "M", "NONE"]
    return ["ORIGINAL", "PRIMARY", "M", "NORM", "DIS2D"]


def _stack_of(study: StudyPlan, volume: Volume, time_s: float) -> StackPlan:
    """A stack with the times that this scanner writes on every image of it."""
    if study.layout is Layout.ENHANCED:
        return StackPlan(volume, time_s)
    times = {"AcquisitionTime": study.time(time_s), "ContentTime": study.time(time_s + 30), "AcquisitionNumber": "1"}
    return StackPlan(volume, time_s, attributes=times | (rescale() if _is_xa(study) else {}))


def _localizers(study: StudyPlan) -> list[SeriesPlan]:
    """One series of three orientations."""
    if not study.options.localizers:
        return []
    stacks = [_stack_of(study, volume, LOCALIZER_S) for volume in study.phantom.localizers]
    return [
        _acquired(study, "localizer", 1, "localizer", sequence=sequences.LOCALIZER, stacks=stacks, attributes=_FLASH)
    ]


def _t1(study: StudyPlan) -> list[SeriesPlan]:
    """T1-weighted without fat suppression."""
    stacks = [_stack_of(study, study.phantom.t1, T1_S)]
    return [_acquired(study, "t1", 2, "t1_fl3d_tra", sequence=sequences.T1, stacks=stacks, attributes=_VIBE)]


def _t2(study: StudyPlan) -> list[SeriesPlan]:
    """T2-weighted TIRM."""
    if study.phantom.t2 is None:
        return []
    stacks = [_stack_of(study, study.phantom.t2, T2_S)]
    return [_acquired(study, "t2", 3, "t2_tirm_tra_p2", sequence=sequences.TIRM, stacks=stacks, attributes=_TIRM)]


def _diffusion(study: StudyPlan) -> list[SeriesPlan]:
    """Trace-weighted images of all b-values in one series (DERIVED, and yet the source), then the ADC map."""
    b_values, adc = list(study.phantom.dwi), study.phantom.adc
    found = []
    if b_values:
        stacks = [_trace(study, stack, n) for n, stack in enumerate(study.traces(), start=1)]
        named = _EPI | {"SequenceName": f"*ep_b{b_values[-1]:g}t"}
        found.append(_calculated(study, "dwi", 4, "TRACEW", stacks=stacks, attributes=named))
    if adc is not None and study.options.derived:
        named = _EPI | {"SequenceName": f"*ep_b{b_values[0]:g}_{b_values[-1]:g}"}
        stacks = [_stack_of(study, adc, DWI_S)]
        found.append(_calculated(study, "adc", 5, "ADC", stacks=stacks, attributes=named))
    return found


def _trace(study: StudyPlan, stack: StackPlan, number: int) -> StackPlan:
    """A trace-weighted stack with its b-value where this software puts it."""
    if study.layout is Layout.ENHANCED or stack.b_value is None:
        return stack
    written = _stack_of(study, stack.volume, stack.time_s).attributes | {
        "AcquisitionNumber": str(number),
        "SequenceName": f"*ep_b{stack.b_value:g}" + ("t" if stack.b_value else ""),
        _B_VALUE: str(round(stack.b_value)),
        _DIRECTIONALITY: "DIRECTIONAL" if stack.b_value else "NONE",
    }
    return replace(stack, attributes=written)


def _dynamic(study: StudyPlan) -> list[SeriesPlan]:
    """The phases: together, or each in a series of its own."""
    phases = [_phase(study, stack) for stack in study.phases()]
    name = f"{_DYNAMIC_NAME}_1+{len(phases) - 1}"
    if not phases:
        return []
    if study.layout in {Layout.ONE_SERIES, Layout.ENHANCED}:
        found = [_acquired(study, "dce", 6, name, sequence=sequences.DYNAMIC, stacks=phases, attributes=_DYNAMIC)]
    else:
        first = 7001 if study.layout is Layout.XA_CLASSIC else 6
        shared = _DYNAMIC | {"NumberOfTemporalPositions": str(len(phases))}
        found = [
            _acquired(study, f"dce{n}", first + n, name, sequence=sequences.DYNAMIC, stacks=[stack], attributes=shared)
            for n, stack in enumerate(phases)
        ]
    exported = {"SeriesTime": study.time(phases[-1].time_s + 80)} if study.layout is Layout.XA_CLASSIC else {}
    agent = AGENT_ENHANCED if study.layout is Layout.ENHANCED else {}
    return [replace(series_, attributes=series_.attributes | exported | agent) for series_ in found]


def _phase(study: StudyPlan, stack: StackPlan) -> StackPlan:
    """A phase with AcquisitionNumber and times; they tell the phases apart."""
    if study.layout is Layout.ENHANCED:
        return stack
    written = _stack_of(study, stack.volume, stack.time_s).attributes
    return replace(stack, attributes=written | {"AcquisitionNumber": str(stack.temporal_index)})


def _ready_made(study: StudyPlan) -> list[SeriesPlan]:
    """The first subtraction and its MIP, as the scanner computes them after the dynamic."""
    if study.phantom.dce is None:
        return []
    difference = subtraction(study.phantom.dce, 1)
    if _is_xa(study):  # XA30: two derived series share a number
        kinds = (["DERIVED", "PRIMARY", "M", "SUBTRACTION"], ["DERIVED", "PRIMARY", "PROJECTION IMAGE", "MIP"])
        numbers = (19001, 19001)
    else:
        kinds = (["ORIGINAL", "PRIMARY", "M", "ND", "SUB"], ["ORIGINAL", "PRIMARY", "MIP_TRA", "ND", "SUB"])
        numbers = (20, 21)
    name = f"{_DYNAMIC_NAME}_1+{study.phantom.dce.phase_count - 1}_SUB"
    made_of = (("sub", name, difference), ("mip", f"{name}_MIP_TRA", projection(difference)))
    return [
        _series(
            study,
            key,
            number,
            description,
            sequence=sequences.DYNAMIC,
            stacks=[_stack_of(study, volume, DERIVED_S)],
            image_type=kind,
            attributes=_DYNAMIC,
        )
        for (key, description, volume), number, kind in zip(made_of, numbers, kinds, strict=True)
    ]
