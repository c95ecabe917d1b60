"""Every series of a study as a volume, or why it forms none: from headers in memory."""

from __future__ import annotations

import json
from dataclasses import replace

from dicom_io.export import Exported, describe_role, export_series
from dicom_io.study.roles import RoleAssignment, SeriesRole
from mome_core.case import Role
from planes import dynamic_planes, phase_of, series_role, volume


def exported(*items: SeriesRole) -> list[Exported]:
    return list(export_series(RoleAssignment(items)))


def test_a_series_of_one_volume_is_exported_on_its_own_grid() -> None:
    (t2,) = exported(series_role(volume(), "t2_tse", role=Role.T2))
    assert (t2.role, t2.refused, len(t2.volumes)) == (Role.T2, "", 1)
    described = t2.describe()
    assert described["shape"] == [8, 8, 3, 1]
    assert described["phases"] == []
    assert described["affine_lps_mm"][2] == [0.0, 0.0, 2.0, 0.0]


def test_the_phases_of_the_dynamic_are_one_volume_with_times_from_the_first_post_contrast_phase() -> None:
    phases = [phase_of("dyn pre", 0, number=1)]
    phases += [phase_of(f"dyn post {n}", 100.0 + 75 * n, number=n + 2) for n in range(3)]
    (dynamic,) = exported(*phases[::-1])
    assert dynamic.role is Role.DCE_MULTI
    assert dynamic.times_s == (-100.0, 0.0, 75.0, 150.0)
    assert dynamic.describe()["series_numbers"] == [1, 2, 3, 4]
    assert dynamic.why.startswith("4 series are the phases of one dynamic")
    assert [phase["index"] for phase in dynamic.phases()] == [0, 1, 2, 3]


def test_time_points_of_another_acquisition_are_joined_only_where_the_scanner_counts_them() -> None:
    def time_point(number: int, announced: int | None) -> SeriesRole:
        return series_role(
            dynamic_planes(60.0 * number),
            "t2_tse",
            role=Role.T2,
            number=number,
            announced_phases=announced,
            series_time=f"10000{number}",
        )

    assert [len(one.volumes) for one in exported(time_point(1, 2), time_point(2, 2))] == [2]
    assert [len(one.volumes) for one in exported(time_point(1, None), time_point(2, None))] == [1, 1]


def test_diffusion_has_b_values_in_place_of_phases() -> None:
    planes = [image for b in (50.0, 800.0) for image in volume(b_value=b)]
    (dwi,) = exported(series_role(planes, "ep2d_diff", role=Role.DWI))
    described = dwi.describe()
    assert described["b_values"] == [50.0, 800.0]
    assert described["phases"] == []


def test_what_forms_no_volume_is_listed_with_the_reason() -> None:
    empty = replace(series_role(volume(), "report", role=Role.OTHER), stacks=())
    (left,) = exported(empty)
    assert left.refused == "it holds no image"
    assert left.read() is None
    assert left.describe()["refused"] == "it holds no image"


def test_repeats_that_nothing_orders_are_refused_and_the_others_exported() -> None:
    twice = series_role([*volume(), *volume()], "t1", role=Role.T1_NONFS)
    found = exported(twice, series_role(volume(), "t2_tse", role=Role.T2))
    assert [bool(one.refused) for one in found] == [True, False]


def test_descriptions_are_plain_values() -> None:
    item = series_role(volume(), "t2_tse", role=Role.T2)
    for described in (exported(item)[0].describe(), describe_role(item)):
        assert json.loads(json.dumps(described)) == described
    assert describe_role(item)["images"] == 3
