"""Traps that are the same for every vendor: changes to the plan of a study, to its headers, and to its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from shutil import copyfile

import numpy as np
from pydicom.dataelem import DataElement
from pydicom.tag import BaseTag

from dicom_io.phantom import sequences
from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.attributes import known
from dicom_io.phantom.encode import DataElements, Encoder
from dicom_io.phantom.options import TransferSyntax, Trap
from dicom_io.phantom.plan import DERIVED_S, T1_S, InstanceLayout, SeriesPlan, SlicePlan, StackPlan, StudyPlan, by_stack
from dicom_io.phantom.spec import Size
from mome_core.volume import Volume

_Plan = Callable[[StudyPlan], list[SeriesPlan]]
_EARLIER = timedelta(minutes=10)
_RELOCATED_BY = 0x05
# what an anonymiser may remove: optional in the MR Image IOD, or private
_OPTIONAL = [
    "ProtocolName",
    "SequenceName",
    "SliceLocation",
    "SpacingBetweenSlices",
    "StationName",
    "DeviceSerialNumber",
    "SoftwareVersions",
    "ManufacturerModelName",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "PatientComments",
    "StudyDescription",
    "InstitutionName",
    "ContrastBolusRoute",
    "ContrastBolusVolume",
    "ContrastBolusIngredient",
    "ContrastBolusAgent",
    "ImagingFrequency",
    "ImagedNucleus",
    "PixelBandwidth",
    "NumberOfAverages",
    "PercentSampling",
    "PercentPhaseFieldOfView",
    "InPlanePhaseEncodingDirection",
    "AngioFlag",
    "StackID",
    "InStackPositionNumber",
    "NumberOfTemporalPositions",
    "EchoNumbers",
    "BurnedInAnnotation",
    "LossyImageCompression",
    "RescaleType",
    "WindowCenter",
    "WindowWidth",
    "PresentationLUTShape",
    "SeriesDate",
    "BodyPartExamined",
]


# ---------------------------------------------------------------------------------------------------------- the plan


def with_traps(study: StudyPlan, plan: _Plan) -> list[SeriesPlan]:
    """The series of a study after the traps that its options set."""
    series = plan(study)
    for trap, change in _CHANGES.items():
        if study.has(trap):
            series = change(study, series)
    return [*_extra_dynamics(study, plan), *series]


def _split_series(study: StudyPlan, series: list[SeriesPlan]) -> list[SeriesPlan]:
    """The second half of the dynamic's phases in a series of their own."""
    return [part for each in series for part in (_halves(each) if each.dynamic else [each])]


def _halves(series: SeriesPlan) -> list[SeriesPlan]:
    middle = len(series.stacks) // 2
    if not middle:
        return [series]
    early = {id(stack) for stack in series.stacks[:middle]}
    first = tuple(image for image in series.images if id(image.stack) in early)
    second = tuple(image for image in series.images if id(image.stack) not in early)
    continued = replace(series, key=f"{series.key}b", number=series.number + 1000, images=second)
    return [replace(series, images=first), continued]


def _two_slabs(study: StudyPlan, series: list[SeriesPlan]) -> list[SeriesPlan]:
    """The T2 series without its middle slices: two blocks in one series."""
    return [replace(each, images=_slabs(each)) if each.key == "t2" else each for each in series]


def _slabs(series: SeriesPlan) -> tuple[SlicePlan, ...]:
    depth = series.stacks[0].volume.voxels.shape[2]
    gap = max(2, depth // 5)
    low, high = (depth - gap) // 2, (depth + gap) // 2
    kept = [image for image in series.images if not low <= image.slice < high]
    return tuple(
        replace(image, attributes=image.attributes | {"StackID": "1" if image.slice < low else "2"}) for image in kept
    )


def _partial_temporal_position(study: StudyPlan, series: list[SeriesPlan]) -> list[SeriesPlan]:
    """TemporalPositionIdentifier only in the upper half of the slices."""
    return [replace(each, images=tuple(map(_maybe_without_time, each.images))) for each in series]


def _maybe_without_time(image: SlicePlan) -> SlicePlan:
    if image.slice >= image.stack.volume.voxels.shape[2] // 2:
        return image
    return replace(image, hidden=("TemporalPositionIdentifier",))


def _script_in_description(study: StudyPlan, series: list[SeriesPlan]) -> list[SeriesPlan]:
    """Script in the series description, which a web page must not run."""
    script = "<script>alert(1)</script>"
    return [replace(s, description=f"{script}{s.description}"[:64]) if s.dynamic else s for s in series]


def _enhanced_copy(study: StudyPlan, series: list[SeriesPlan]) -> list[SeriesPlan]:
    """The dynamic a second time, as Enhanced MR under the same SeriesInstanceUID."""
    return [*series, *(_copy_of(each) for each in series if each.dynamic and each.objects is InstanceLayout.CLASSIC)]


def _copy_of(series: SeriesPlan) -> SeriesPlan:
    kept = {"Manufacturer", "ManufacturerModelName", "SoftwareVersions", "StationName", "DeviceSerialNumber"}
    kept |= {"BitsStored", "HighBit", "PixelRepresentation"}
    attributes = {key: value for key, value in series.attributes.items() if key in kept}
    attributes |= {"ImageType": ["ORIGINAL", "PRIMARY", "T1", "NONE"], "PulseSequenceName": "copy"}
    stacks = [replace(stack, attributes={}) for stack in series.stacks]
    return replace(series, attributes=attributes, images=by_stack(stacks), objects=InstanceLayout.PER_STACK)


def _segmentation(study: StudyPlan, series: list[SeriesPlan]) -> list[SeriesPlan]:
    """An analysis mask stored as an MR image, as in I-SPY 2."""
    dynamic = study.phantom.dce
    if dynamic is None:
        return series
    mask = study.phantom.truth.lesion.astype(np.int16)
    stack = StackPlan(Volume(mask, dynamic.affine, dynamic.frame_of_reference_uid), DERIVED_S)
    attributes = series[0].attributes | {"ImageType": ["DERIVED", "SECONDARY", "OTHER"]}
    name = "ISPY2: VOLSER: uni-lateral cropped: Analysis Mask"
    return [*series, SeriesPlan("mask", 9001, name, sequences.DYNAMIC, attributes, by_stack([stack]))]


def _multi_echo(study: StudyPlan, series: list[SeriesPlan]) -> list[SeriesPlan]:
    """Two echoes of one T1-weighted acquisition, which are no two phases."""
    t1 = study.phantom.t1
    source = next(each for each in series if each.key == "t1")
    late = Volume((t1.voxels * 0.7).astype(np.int16), t1.affine, t1.frame_of_reference_uid)
    stacks = [
        StackPlan(volume, T1_S + 90, attributes={"EchoNumbers": str(n), "EchoTime": f"{1.2 * n:g}"})
        for n, volume in enumerate((t1, late), start=1)
    ]
    name = f"{source.description} 2 echoes"
    return [*series, SeriesPlan("echoes", 9002, name, sequences.TWO_ECHOES, source.attributes, by_stack(stacks))]


_CHANGES: dict[Trap, Callable[[StudyPlan, list[SeriesPlan]], list[SeriesPlan]]] = {
    Trap.SPLIT_SERIES: _split_series,
    Trap.TWO_SLABS: _two_slabs,
    Trap.PARTIAL_TEMPORAL_POSITION: _partial_temporal_position,
    Trap.SCRIPT_IN_DESCRIPTION: _script_in_description,
    Trap.ENHANCED_COPY: _enhanced_copy,
    Trap.SEGMENTATION: _segmentation,
    Trap.MULTI_ECHO: _multi_echo,
}


def _extra_dynamics(study: StudyPlan, plan: _Plan) -> list[SeriesPlan]:
    """Dynamics besides the one to be read: repeated, interrupted, ultrafast."""
    extra = []
    earlier = replace(study, options=replace(study.options, start=study.options.start - _EARLIER))
    if study.has(Trap.REPEATED_DYNAMIC):
        extra += [_begun_earlier(_renamed(each, "repeated", 100)) for each in plan(earlier) if each.dynamic]
    if study.has(Trap.INTERRUPTED_DYNAMIC):
        extra += [_begun_earlier(_renamed(each, "interrupted", 200)) for each in plan(earlier) if each.dynamic]
        extra = [stopped for each in extra if (stopped := _first_two_phases(each)).images]
    if study.has(Trap.ULTRAFAST):
        fast = replace(study.phantom.spec, size=Size.TINY, post_phases=18, phase_seconds=4.0, first_gap_seconds=60.0)
        coarse = replace(study, phantom=simulate(fast))
        extra += [_renamed(each, "ultrafast", 300) for each in plan(coarse) if each.dynamic]
    return extra


def _renamed(series: SeriesPlan, word: str, offset: int) -> SeriesPlan:
    return replace(series, key=f"{word}-{series.key}", number=series.number + offset)


def _begun_earlier(series: SeriesPlan) -> SeriesPlan:
    """The series with the times that are written from its stacks: of an Enhanced object, of the series."""
    stacks = {id(stack): replace(stack, time_s=stack.time_s - _EARLIER.total_seconds()) for stack in series.stacks}
    return replace(series, images=tuple(replace(image, stack=stacks[id(image.stack)]) for image in series.images))


def _first_two_phases(series: SeriesPlan) -> SeriesPlan:
    if not series.key.startswith("interrupted"):
        return series
    return replace(series, images=tuple(image for image in series.images if image.stack.temporal_index <= 2))


# ------------------------------------------------------------------------------------------------------- the headers


def instance_order(study: StudyPlan, series: SeriesPlan) -> list[int]:
    """InstanceNumber of each image of a series: 1, 2, 3 or shuffled."""
    numbers = list(range(1, len(series.images) + 1))
    if study.has(Trap.SHUFFLED_INSTANCE_NUMBERS):
        np.random.default_rng([study.phantom.spec.seed, len(numbers)]).shuffle(numbers)
    return numbers


def altered(study: StudyPlan, elements: DataElements) -> DataElements:
    """DataElements after an anonymiser and an archive had them, as the options say."""
    if study.has(Trap.NO_OPTIONAL_TAGS):
        dropped = {known(keyword)[0] for keyword in _OPTIONAL}
        elements = {tag: e for tag, e in elements.items() if tag not in dropped and not tag.is_private}
    if study.has(Trap.RELOCATED_PRIVATE):
        elements = {moved.tag: moved for moved in map(_relocated, elements.values())}
    if study.has(Trap.PRIVATE_AS_UN):
        elements = {tag: _as_unknown(element) for tag, element in elements.items()}
    return elements


def _relocated(element: DataElement) -> DataElement:
    """The element moved to another private block, as PS3.5 7.8.1 allows an archive to do."""
    if not element.tag.is_private:
        return element
    shift = _RELOCATED_BY if element.tag.is_private_creator else _RELOCATED_BY << 8
    return DataElement(BaseTag(element.tag + shift), element.VR, element.value)


def _as_unknown(element: DataElement) -> DataElement:
    """A private value as bytes of VR UN, as an archive stores what it does not know."""
    if not element.tag.is_private or element.tag.is_private_creator:
        return element
    value = Encoder(TransferSyntax.IMPLICIT).element(element, ["iso8859"])[8:]
    return DataElement(element.tag, "UN", value)


# --------------------------------------------------------------------------------------------------------- the files


def duplicated(paths: list[Path]) -> list[Path]:
    """Copy every seventh instance to a second file."""
    again = [path.with_name(f"{path.stem}-again.dcm") for path in paths[::7]]
    for source, copy in zip(paths[::7], again, strict=True):
        copyfile(source, copy)
    return [*paths, *again]
