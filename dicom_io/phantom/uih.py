"""United Imaging: quick3d dynamics slice by slice, or as VFRAME images that hold all slices of a phase.

Facts: shared/spec/series.md, measured on neurolabusc/dcm_qa_uih. The actual b-value (0065,1009) is a little less than
the nominal one (0065,100A), and 1.25 for b0; one AcquisitionTime for all phases; ContentTime is only roughly theirs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dicom_io.phantom import sequences
from dicom_io.phantom.attributes import decimal, decimals
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

_CREATOR = "Image Private Header"
_ACTUAL_B_VALUE = PrivateAttribute(0x0065, _CREATOR, 0x09, "FD")
_NOMINAL_B_VALUE = PrivateAttribute(0x0065, _CREATOR, 0x0A, "FD")
_SEQUENCE_NAME = PrivateAttribute(0x0065, _CREATOR, 0x2D, "ST")
_SLICES = PrivateAttribute(0x0065, _CREATOR, 0x50, "DS")
_SLICE_ITEMS = PrivateAttribute(0x0065, _CREATOR, 0x51, "SQ")
_ORIGINAL = ["ORIGINAL", "PRIMARY", "M"]
_DYNAMIC_NAME = "t1_quick3d_tra_fs_dyn"
_AGENT: Attributes = {"ContrastBolusAgent": "Gadoteridol", "ContrastBolusRoute": "IV", "ContrastBolusVolume": "12"}
LAYOUTS = (Layout.ONE_SERIES, Layout.SERIES_PER_PHASE, Layout.VFRAME)  # the usual one first


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
    name: str,
    image_type: list[str] | None = None,
) -> SeriesPlan:
    """One series as this scanner writes it; keys that begin with "dce" are phases of the dynamic.

    Parameters
    ----------
    name
        SequenceName.
    """
    tiled = study.layout == Layout.VFRAME and key in {"t1", "t2", "dwi", "dce"}
    kind = [*(image_type or _ORIGINAL), *(["VFRAME"] if tiled else [])]
    attributes: Attributes = {"ImageType": kind, "SequenceVariant": "NONE", "SequenceName": name}
    return SeriesPlan(
        key=key,
        number=number,
        description=description,
        sequence=sequence,
        attributes=_equipment() | attributes | (_AGENT if key[:3] in {"dce", "sub", "mip"} else {}),
        images=by_stack([_tile(study, stack) for stack in stacks] if tiled else stacks),
        objects=InstanceLayout.TILED if tiled else InstanceLayout.CLASSIC,
        dynamic=key.startswith("dce"),
    )


def _equipment() -> Attributes:
    return {
        "Manufacturer": "UIH",
        "ManufacturerModelName": "uMR 790",
        "SoftwareVersions": "R003",
        "StationName": "UIHMR",
        "DeviceSerialNumber": "00001",
    }


def _tile(study: StudyPlan, stack: StackPlan) -> StackPlan:
    """A stack whose slices lie in one image: their number, and position and time of each."""
    affine = stack.volume.affine
    spacing = stack.volume.spacing_mm[2]
    positions = [affine[:3, 3] + affine[:3, 2] * k for k in range(stack.volume.voxels.shape[2])]
    placed = [
        {
            "AcquisitionDate": study.date,
            "AcquisitionDateTime": study.datetime(stack.time_s),
            "AcquisitionTime": study.time(stack.time_s),
            "AcquisitionDuration": 60.0,
            "ImagePositionPatient": decimals(position),
            "SliceLocation": decimal(float(position @ affine[:3, 2]) / spacing),
        }
        for position in positions
    ]
    return replace(stack, attributes=stack.attributes | {_SLICES: str(len(placed)), _SLICE_ITEMS: placed})


def _localizers(study: StudyPlan) -> list[SeriesPlan]:
    """Three orientations in one series."""
    if not study.options.localizers:
        return []
    more: dict[str, Any] = {"sequence": sequences.LOCALIZER, "name": "gre"}
    return [
        _series(
            study, "localizer", 1, "scout", stacks=[StackPlan(v, LOCALIZER_S) for v in study.phantom.localizers], **more
        )
    ]


def _plain(study: StudyPlan) -> list[SeriesPlan]:
    """T1-weighted without fat suppression, T2-weighted with it."""
    stacks = [StackPlan(study.phantom.t1, T1_S)]
    found = [_series(study, "t1", 2, "t1_gre3d_tra", sequence=sequences.T1, stacks=stacks, name="gre_quick3d")]
    if study.phantom.t2 is not None:
        stacks = [StackPlan(study.phantom.t2, T2_S)]
        found.append(_series(study, "t2", 3, "t2_fse_tra_fs", sequence=sequences.T2, stacks=stacks, name="fse"))
    return found


def _diffusion(study: StudyPlan) -> list[SeriesPlan]:
    """Trace-weighted images with actual and nominal b-value, then the ADC map."""
    stacks = [_weighted(stack) for stack in study.traces()]
    more: dict[str, Any] = {"sequence": sequences.DIFFUSION, "name": "epi_dwi"}
    found = [_series(study, "dwi", 4, "dwi_tra_fs", stacks=stacks, **more)] if stacks else []
    if study.phantom.adc is not None and study.options.derived:
        stacks = [StackPlan(study.phantom.adc, DWI_S)]
        kind = ["DERIVED", "SECONDARY", "ADC"]
        found.append(_series(study, "adc", 401, "dwi_tra_fs_ADC", stacks=stacks, image_type=kind, **more))
    return found


def _weighted(stack: StackPlan) -> StackPlan:
    """A trace-weighted stack."""
    nominal = float(stack.b_value or 0.0)
    actual = nominal * 0.9297501831337527 if nominal else 1.2512641359237109  # as measured for 1000 and for b0
    named = {_ACTUAL_B_VALUE: actual, _NOMINAL_B_VALUE: nominal, _SEQUENCE_NAME: f"epi_dwi_b{nominal:g}"}
    return replace(stack, attributes=named)


def _dynamic(study: StudyPlan) -> list[SeriesPlan]:
    """The phases: one series, or one for each."""
    phases = study.phases()
    if not phases:
        return []
    more: dict[str, Any] = {"sequence": sequences.DYNAMIC, "name": "gre_quick3d"}
    if study.layout != Layout.SERIES_PER_PHASE:
        stacks = [_phase(study, phases, stack) for stack in phases]
        return [_series(study, "dce", 5, _DYNAMIC_NAME, stacks=stacks, **more)]
    return [
        _series(study, f"dce{n}", 501 + n, f"{_DYNAMIC_NAME}_P{n}", stacks=[_timed(study, stack)], **more)
        for n, stack in enumerate(phases)
    ]


def _phase(study: StudyPlan, phases: list[StackPlan], stack: StackPlan) -> StackPlan:
    """A phase of a common series; the last two were written in the same second."""
    written = min(stack.temporal_index, len(phases) - 1)
    clock = {
        "AcquisitionTime": study.time(phases[0].time_s),
        "ContentTime": study.time(phases[written - 1].time_s + 61),
    }
    return replace(stack, attributes=clock)


def _timed(study: StudyPlan, stack: StackPlan) -> StackPlan:
    return replace(
        stack,
        attributes={"AcquisitionTime": study.time(stack.time_s), "ContentTime": study.time(stack.time_s + 61)},
    )


def _ready_made(study: StudyPlan) -> list[SeriesPlan]:
    """The first subtraction and its projection."""
    if study.phantom.dce is None:
        return []
    difference = subtraction(study.phantom.dce, 1)
    more: dict[str, Any] = {"sequence": sequences.DYNAMIC, "name": "gre_quick3d"}
    made_of = (
        ("sub", 601, f"{_DYNAMIC_NAME}_SUB", difference, ["DERIVED", "SECONDARY", "SUBTRACTION"]),
        ("mip", 602, f"{_DYNAMIC_NAME}_SUB_MIP", projection(difference), ["DERIVED", "SECONDARY", "PROJECTION IMAGE"]),
    )
    return [
        _series(study, key, number, text, stacks=[StackPlan(volume, DERIVED_S)], image_type=kind, **more)
        for key, number, text, volume, kind in made_of
    ]
