"""Slice images, series and roles in memory, each in one line: no file, no pixels, no parser.

plane(3.0, acquisition_s=36000.0, temporal_position=2)                one slice 3 mm up
dynamic_planes(0, 100, 175)                                           three slices at three acquisition times
phase_of("post 1", 100, number=5)                                     a series role with one volume
"""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import count
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from dicom_io.encoding.elements import Elements
from dicom_io.headers.records import Acquisition, Instance, Plane, SeriesHeader
from dicom_io.study.geometry import stacks_of
from dicom_io.study.names import read_name
from dicom_io.study.roles import SeriesRole
from dicom_io.vendors.base import Clocks, Diffusion, VendorProfile
from dicom_io.vendors.siemens import SIEMENS
from mome_core.case import Role

T1 = Acquisition(
    dimensions="3D", repetition_ms=5.0, echo_ms=2.0, flip_degrees=10.0, fat_suppressed=True, gradient_echo=True
)
MORNING_S = 36000.0  # 10 o'clock: the times of `dynamic_planes` count from here
SLICES_MM = (0.0, 2.0, 4.0)
_CLOCKS = {field.name for field in fields(Clocks)}
_ACQUISITION = {field.name for field in fields(Acquisition)}
_numbers = count(1)


def instance(uid: str = "", public: Elements | None = None, **changes: Any) -> Instance:
    """One stored object of 8 x 8 pixels, under a UID of its own."""
    uid = uid or f"1.2.3.{next(_numbers)}"
    made = Instance(
        path=Path(uid),
        sop_instance_uid=uid,
        sop_class_uid=MRImageStorage,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        public=public or Elements(Dataset()),
        offset=0,
        length=128,
        rows=8,
        columns=8,
        frames=1,
        bits_allocated=16,
        bits_stored=16,
        high_bit=15,
        signed=False,
        samples=1,
    )
    return replace(made, **changes)


def plane(z_mm: float = 0.0, *, uid: str = "", acquisition: Acquisition = T1, **facts: Any) -> Plane:
    """One axial slice of 8 x 8 voxels of 1 mm.

    facts : fields of Clocks, Acquisition or Plane by name; b_value stands for a whole Diffusion.
    """
    clocks = {name: facts.pop(name) for name in list(facts) if name in _CLOCKS}
    how = {name: facts.pop(name) for name in list(facts) if name in _ACQUISITION}
    diffusion = facts.pop("diffusion", None) or Diffusion(facts.pop("b_value", None))
    made = Plane(
        instance=instance(uid),
        frame=None,
        tile=None,
        rows=8,
        columns=8,
        position_mm=(0.0, 0.0, z_mm),
        orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        spacing_mm=(1.0, 1.0),
        thickness_mm=2.0,
        slope=1.0,
        intercept=0.0,
        image_type=("ORIGINAL", "PRIMARY", "M"),
        words=frozenset({"ORIGINAL", "PRIMARY", "M"}),
        stack_id="",
        contrast="",
        diffusion=diffusion,
        clocks=Clocks(**clocks),
        acquisition=replace(acquisition, **how),
    )
    return replace(made, **facts)


def volume(**facts: Any) -> list[Plane]:
    """Three slices, 2 mm apart, that share all facts."""
    return [plane(z, **facts) for z in SLICES_MM]


def dynamic_planes(*times_s: float, **facts: Any) -> list[Plane]:
    """A volume at each acquisition time, in seconds after ten o'clock."""
    return [image for time in times_s for image in volume(acquisition_s=MORNING_S + time, **facts)]


def series(planes: list[Plane], description: str = "", **changes: Any) -> SeriesHeader:
    """One series of these images by Siemens, under a UID of its own unless given."""
    made = SeriesHeader(
        series_uid=f"1.2.4.{next(_numbers)}",
        study_uid="1.2",
        vendor=SIEMENS,
        modality="MR",
        description=description,
        protocol="",
        number=1,
        frame_of_reference_uid="1.2.5",
        announced_phases=None,
        series_time="",
        planes=tuple(planes),
        instances=tuple(dict.fromkeys(each.instance for each in planes)),
    )
    return replace(made, **changes)


def series_role(
    planes: list[Plane], description: str = "", *, role: Role = Role.T1_FS_SINGLE, suspect: bool = False, **changes: Any
) -> SeriesRole:
    """A series with a role that its tags gave it."""
    header = series(planes, description, **changes)
    name = read_name(description)
    return SeriesRole(header, role, 0.9, "its tags say so", name, tuple(stacks_of(planes)), suspect=suspect)


def phase_of(
    description: str, time_s: float, *, number: int = 1, vendor: VendorProfile = SIEMENS, **facts: Any
) -> SeriesRole:
    """A series of one T1 volume, taken so many seconds after ten o'clock."""
    return series_role(dynamic_planes(time_s, **facts), description, number=number, vendor=vendor)
