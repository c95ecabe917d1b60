"""This node: what `mome-node assemble --all-series` makes of a study."""

from __future__ import annotations

from pathlib import Path

from benchmarks.reader.answers import CaseImages
from benchmarks.reader.score import QUESTIONS, Output, ReadVolume
from dicom_io.export import Exported, export_series
from dicom_io.files import files_under
from dicom_io.headers.read import read_series_headers
from dicom_io.headers.records import Plane
from dicom_io.study.classify import assign_roles
from dicom_io.study.phases import b_value_of
from dicom_io.study.roles import T1_ROLES
from mome_core.case import Role

VERSION = "0.2.0"
CLAIMS = QUESTIONS
_ROLES = {Role.DCE_MULTI: "DCE", Role.T2: "T2", Role.T2_IR: "T2", Role.DWI: "DWI"}


def read(images: CaseImages, _work: Path) -> tuple[list[Output], list[str]]:
    """Every exported volume; a T1 series is called no dynamic only where the study has one."""
    exported = list(export_series(assign_roles(read_series_headers(files_under(images.dicom)))))
    refused = all(each.role is not Role.DCE_MULTI or each.refused for each in exported)
    outputs = [_output(each, images, refused=refused) for each in exported if not each.refused]
    return outputs, [each.refused for each in exported if each.refused]


def _output(each: Exported, images: CaseImages, *, refused: bool) -> Output:
    role = None if refused and each.role in T1_ROLES else _ROLES.get(each.role, "other")
    weighted = each.role is Role.DWI
    return Output(tuple(_volume(volume, images, weighted=weighted) for volume in each.volumes), role)


def _volume(planes: tuple[Plane, ...], images: CaseImages, *, weighted: bool) -> ReadVolume:
    b_value = b_value_of(planes[0]) if weighted else None
    return ReadVolume(tuple(_image(plane, images) for plane in planes), () if b_value is None else (b_value,))


def _image(plane: Plane, images: CaseImages) -> int:
    tile = plane.tile
    if tile is None:
        return images.of_instance(plane.instance.sop_instance_uid, plane.frame)
    across = plane.instance.columns // plane.columns
    number = tile.top // plane.rows * across + tile.left // plane.columns + 1
    return images.of_instance(plane.instance.sop_instance_uid, number)
