"""The plan of a study before it is encoded: series of stacks of slices, with the attributes that vendors write."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from dicom_io.phantom.examination import Phantom
from dicom_io.phantom.options import StudyOptions, Trap
from dicom_io.phantom.sequences import PulseSequence
from dicom_io.phantom.uids import uid
from mome_core.volume import Volume


class PrivateAttribute(NamedTuple):
    """A private element; `block` is the one that the vendor usually reserves (PS3.5 7.8.1)."""

    group: int
    creator: str
    element: int
    vr: str
    block: int = 0x10


# By keyword (str) or Private; the values are what pydicom takes, a list of Attributes is a sequence.
Attributes = dict[Any, Any]


class InstanceLayout(StrEnum):
    """How slices become instances."""

    CLASSIC = "one slice per instance"
    PER_STACK = "enhanced multi-frame, one stack per instance"
    WHOLE = "enhanced multi-frame, the whole series in one instance"
    TILED = "UIH VFRAME: the slices of a stack tiled in one image"


@dataclass(frozen=True, slots=True, eq=False)
class StackPlan:
    """One volume of a series: a time point, a b-value, or all there is.

    Parameters
    ----------
    time_s
        Start of its acquisition, seconds after the study's start.
    temporal_index
        1 for the first time point.
    slope
        RescaleSlope; the stored value is the volume's value divided by it.
    """

    volume: Volume
    time_s: float
    temporal_index: int = 1
    b_value: float | None = None
    slope: float = 1.0
    attributes: Attributes = field(default_factory=dict)
    stack_id: str = "1"


@dataclass(frozen=True, slots=True, eq=False)
class SlicePlan:
    """One slice of a stack, with the attributes that only this image has.

    Parameters
    ----------
    hidden
        Keywords that this image lacks although others of its series have them.
    """

    stack: StackPlan
    slice: int
    attributes: Attributes = field(default_factory=dict)
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SeriesPlan:
    """One series; its images in the order of InstanceNumber.

    Parameters
    ----------
    key
        Word from which the SeriesInstanceUID follows.
    dynamic
        Whether these are phases of the DCE.
    """

    key: str
    number: int
    description: str
    sequence: PulseSequence
    attributes: Attributes
    images: tuple[SlicePlan, ...]
    objects: InstanceLayout = InstanceLayout.CLASSIC
    dynamic: bool = False

    @property
    def stacks(self) -> tuple[StackPlan, ...]:
        """The stacks in the order of their first image."""
        return tuple({id(image.stack): image.stack for image in self.images}.values())


Each = Callable[[StackPlan, int], Attributes]


def _nothing_more(_stack: StackPlan, _slice: int) -> Attributes:
    return {}


def by_stack(stacks: Iterable[StackPlan], each: Each = _nothing_more) -> tuple[SlicePlan, ...]:
    """Volume after volume, as most scanners number their images."""
    return tuple(SlicePlan(stack, k, each(stack, k)) for stack in stacks for k in range(stack.volume.voxels.shape[2]))


def by_position(stacks: list[StackPlan], each: Each = _nothing_more) -> tuple[SlicePlan, ...]:
    """The first slice through all time points, then the second: Philips."""
    return tuple(
        SlicePlan(stack, k, each(stack, k)) for k in range(stacks[0].volume.voxels.shape[2]) for stack in stacks
    )


# seconds after the study's start
LOCALIZER_S, T1_S, T2_S, DWI_S, DCE_S, DERIVED_S = 0.0, 120.0, 330.0, 600.0, 840.0, 1800.0


@dataclass(frozen=True, slots=True, eq=False)
class StudyPlan:
    """A phantom on its way to files."""

    phantom: Phantom
    vendor: str
    layout: str
    options: StudyOptions

    def has(self, trap: Trap) -> bool:
        return trap in self.options.traps

    def uid(self, *words: object) -> str:
        """A UID of this study; the same phantom, vendor, layout and options give the same."""
        spec = self.phantom.spec
        return uid(spec.seed, spec.lesion, spec.size, self.vendor, self.layout, self.options.study, *words)

    @property
    def date(self) -> str:
        return self.options.start.strftime("%Y%m%d")

    def time(self, seconds: float) -> str:
        """TM of a moment after the study's start."""
        return (self.options.start + timedelta(seconds=seconds)).strftime("%H%M%S.%f")

    def datetime(self, seconds: float) -> str:
        """DT of a moment after the study's start."""
        return (self.options.start + timedelta(seconds=seconds)).strftime("%Y%m%d%H%M%S.%f")

    def phase_times_s(self) -> tuple[float, ...]:
        """Start of each DCE phase after the study's start."""
        times = self.phantom.spec.times_s
        return tuple(DCE_S + time - times[0] for time in times)

    def phases(self) -> list[StackPlan]:
        """The dynamic, phase by phase; empty when it was not acquired."""
        dynamic = self.phantom.dce
        if dynamic is None:
            return []
        times = self.phase_times_s()
        return [StackPlan(dynamic.phase(n), times[n], n + 1) for n in range(dynamic.phase_count)]

    def traces(self) -> list[StackPlan]:
        """The trace-weighted volumes by ascending b-value."""
        dwi = self.phantom.dwi
        return [StackPlan(volume, DWI_S + 40.0 * n, 1, b) for n, (b, volume) in enumerate(dwi.items())]
