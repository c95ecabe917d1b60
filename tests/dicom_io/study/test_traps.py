"""The 25 traps of real studies that docs/series.md counts: each has a study that springs it.

The real files of other tests show most of them too; here the study is written as the vendor writes it.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

import phantom
from dicom_io.errors import PixelsUnreadable
from dicom_io.export import Exported, export_series
from dicom_io.phantom.options import Layout, Trap
from dicom_io.phantom.spec import SliceOrientation
from dicom_io.phantom.vendors import LAYOUTS
from dicom_io.pixels.native import read_voxels
from dicom_io.study.names import read_name
from dicom_io.study.roles import DCE_ROLES
from dicom_io.vendors.base import Vendor
from mome_core.case import Role
from mome_core.errors import StudyIneligible
from node.cli.main import main
from reading import assembled, assigned, require_same

pytestmark = pytest.mark.slow

EVERY_LAYOUT = [(vendor, layout) for vendor, layouts in LAYOUTS.items() for layout in layouts]
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"


def exported(paths: list[Path]) -> list[Exported]:
    return list(export_series(assigned(paths)))


def b_values_of(paths: list[Path]) -> list[float]:
    (one,) = exported(paths)
    return list(one.describe()["b_values"])


def roles_of(paths: list[Path]) -> set[Role]:
    return {item.role for item in assigned(paths).roles}


def test_1_seven_series_are_one_dynamic(tmp_path: Path) -> None:
    (one,) = exported(phantom.dce(tmp_path, "siemens", "xa-classic", phases=7))
    assert (one.role, len(one.describe()["series_uids"]), len(one.volumes)) == (Role.DCE_MULTI, 7, 7)


@pytest.mark.parametrize("traps", [[], [Trap.PH1_IS_PRE]])
def test_2_ph1_is_the_first_post_or_the_pre_contrast_phase(tmp_path: Path, traps: list[Trap]) -> None:
    assembly = assembled(phantom.dce(tmp_path, "ge", "series-per-phase", traps=traps))
    require_same(assembly.case.dce, phantom.examination().dce)
    assert assembly.dce_pre.is_proven


def test_2_ph1_alone_is_refused_when_neither_time_nor_contrast_tells(tmp_path: Path) -> None:
    def forget(image: Dataset) -> None:
        for keyword in ("AcquisitionTime", "AcquisitionDateTime", "ContentTime", "TriggerTime", "ContrastBolusAgent"):
            if keyword in image:
                delattr(image, keyword)

    paths = phantom.dce(tmp_path, "ge", "series-per-phase", traps=[Trap.PH1_IS_PRE])
    with pytest.raises(StudyIneligible, match=r"numbered|nothing tells"):
        assembled(phantom.edited(paths, forget))


def test_3_instance_number_alone_orders_time(tmp_path: Path) -> None:
    assembly = assembled(phantom.dce(tmp_path, "ge", "instance-only"))
    require_same(assembly.case.dce, phantom.examination().dce)
    assert assembly.dce_order == "instance number"


def test_4_instance_number_is_not_time_order(tmp_path: Path) -> None:
    traps = [Trap.SHUFFLED_INSTANCE_NUMBERS]
    require_same(assembled(phantom.dce(tmp_path, "philips", traps=traps)).case.dce, phantom.examination().dce)


def test_5_the_clock_jumps_back_in_mid_series(tmp_path: Path) -> None:
    assembly = assembled(phantom.dce(tmp_path, "philips", traps=[Trap.CLOCK_JUMPS_BACK]))
    require_same(assembly.case.dce, phantom.examination().dce)
    assert np.all(np.diff(assembly.dce_times_s) > 0)


def test_6_b_value_0_on_every_image_makes_no_dwi(tmp_path: Path) -> None:
    paths = phantom.study(tmp_path, "philips", only=("dce", "t1", "t2"))
    assert Role.DWI not in roles_of(paths)


def test_7_a_b0_without_a_b_value_is_a_b0(tmp_path: Path) -> None:
    assert sorted(b_values_of(phantom.dwi(tmp_path, "ge", b_values=(0.0, 800.0)))) == [0.0, 800.0]


def test_8_the_offset_of_a_thousand_million_is_taken_off(tmp_path: Path) -> None:
    paths = phantom.dwi(tmp_path, "ge", traps=[Trap.B_VALUE_OFFSET])
    assert sorted(b_values_of(paths)) == [50.0, 400.0, 800.0, 1000.0]


def test_9_an_adc_map_that_carries_a_b_value_is_no_dwi(tmp_path: Path) -> None:
    paths = phantom.adc(tmp_path, "ge")
    assert roles_of(paths) == {Role.ADC}
    unnamed = phantom.edited(paths, lambda image: setattr(image, "SeriesDescription", "8"))
    assert roles_of(unnamed) == {Role.DERIVED_MAP}


def test_10_a_private_element_that_arrives_as_bytes_is_read(tmp_path: Path) -> None:
    for vendor in LAYOUTS:
        paths = phantom.dwi(tmp_path / vendor, vendor, traps=[Trap.PRIVATE_AS_UN])
        assert sorted(b_values_of(paths)) == [50.0, 400.0, 800.0, 1000.0], vendor


def test_11_a_trace_is_derived_and_wanted_a_projected_subtraction_original_and_not(tmp_path: Path) -> None:
    study = phantom.study(tmp_path, "siemens", only=("dwi", "sub", "mip"))
    assert roles_of(phantom.series(study, "dwi")) == {Role.DWI}
    assert roles_of(phantom.series(study, "sub")) == {Role.SUBTRACTION}
    assert roles_of(phantom.series(study, "mip")) == {Role.MIP}


def test_12_each_time_point_is_rescaled_by_its_own_slope(tmp_path: Path) -> None:
    (one,) = exported(phantom.dce(tmp_path, "philips"))
    assert len({volume[0].slope for volume in one.volumes}) > 3
    read, truth = read_voxels(one.volumes), phantom.examination().dce
    assert truth is not None
    uptake, true_uptake = read[1] - read[0], truth.voxels[1].astype(float) - truth.voxels[0]
    np.testing.assert_allclose(uptake, true_uptake, atol=1.5)


def test_13_orientations_that_differ_in_the_8th_decimal_are_one_volume(tmp_path: Path) -> None:
    (one,) = exported(phantom.dce(tmp_path, "ge", orientation=SliceOrientation.OBLIQUE))
    assert (one.refused, len(one.volumes)) == ("", 6)


@pytest.mark.parametrize("vendor", ["siemens", "ge", "philips", "uih"])
def test_14_an_enhanced_copy_under_the_same_series_uid_changes_nothing(tmp_path: Path, vendor: str) -> None:
    assembly = assembled(phantom.dce(tmp_path, vendor, traps=[Trap.ENHANCED_COPY]))
    require_same(assembly.case.dce, phantom.examination().dce)


def test_15_two_derived_series_of_one_series_number_stay_two(tmp_path: Path) -> None:
    paths = phantom.study(tmp_path, "siemens", only=("sub", "mip"))
    assert roles_of(phantom.edited(paths, lambda image: setattr(image, "SeriesNumber", 19001))) == {
        Role.SUBTRACTION,
        Role.MIP,
    }


def test_16_two_slabs_with_a_gap_are_two_volumes_and_no_input(tmp_path: Path) -> None:
    paths = phantom.study(tmp_path, "ge", only=("dce", "t2"), traps=[Trap.TWO_SLABS])
    slabs = [one for one in exported(paths) if one.role in (Role.T2, Role.T2_IR)]
    assert [one.refused for one in slabs] == ["", ""]
    assembly = assembled(paths)
    assert assembly.case.t2 is None
    assert any("2 slabs" in warning for warning in assembly.warnings)


def test_17_a_temporal_position_on_part_of_the_slices_misleads_nobody(tmp_path: Path) -> None:
    for vendor, layout in EVERY_LAYOUT:
        paths = phantom.dce(tmp_path / f"{vendor}-{layout}", vendor, layout, traps=[Trap.PARTIAL_TEMPORAL_POSITION])
        require_same(assembled(paths).case.dce, phantom.examination().dce)


def test_18_the_nominal_b_value_is_told_not_the_actual_one(tmp_path: Path) -> None:
    assert b_values_of(phantom.dwi(tmp_path, "uih", layout="vframe")) == [50.0, 400.0, 800.0, 1000.0]


def test_19_private_blocks_are_found_where_an_archive_moved_them(tmp_path: Path) -> None:
    for vendor in LAYOUTS:
        paths = phantom.dwi(tmp_path / vendor, vendor, traps=[Trap.RELOCATED_PRIVATE])
        assert sorted(b_values_of(paths)) == [50.0, 400.0, 800.0, 1000.0], vendor


def test_20_12_bit_lossy_jpeg_is_refused_by_name(tmp_path: Path) -> None:
    def to_jpeg_extended(image: Dataset) -> None:
        image.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
        image["PixelData"].VR = "OB"
        image.file_meta.TransferSyntaxUID = JPEG_EXTENDED

    study = phantom.study(tmp_path, "ge", only=("dce", "t2"))
    t2 = phantom.edited(phantom.series(study, "t2"), to_jpeg_extended)
    (one,) = exported(t2)
    with pytest.raises(PixelsUnreadable, match=JPEG_EXTENDED):
        one.read()
    assembly = assembled(study)
    assert assembly.case.t2 is None
    assert any(JPEG_EXTENDED in warning for warning in assembly.warnings)


def test_21_a_script_in_the_description_is_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    phantom.dce(tmp_path / "in", "ge", traps=[Trap.SCRIPT_IN_DESCRIPTION])
    with pytest.raises(SystemExit) as ended:
        main(["assemble", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--json"])
    assert ended.value.code == 0
    (told,) = json.loads(capsys.readouterr().out)["roles"]
    assert told["series_description"].startswith("<script>")
    assert "<script>" not in told["why"]


def test_22_trailing_and_double_blanks_change_no_name() -> None:
    assert read_name("Sag PRE  NON FAT SAT").role is Role.T1_NONFS
    assert read_name("t1_fl3d_tra_dynVIEWS_spair_ pre ").role is Role.DCE_PRE


def test_23_a_mask_stored_as_an_mr_image_is_a_segmentation(tmp_path: Path) -> None:
    assembly = assembled(phantom.study(tmp_path, "ge", only=("dce", "mask"), traps=[Trap.SEGMENTATION]))
    assert [item.role for item in assembly.roles.roles if item.role not in DCE_ROLES] == [Role.SEG]


def test_24_two_echoes_are_no_two_phases(tmp_path: Path) -> None:
    echoes = exported(phantom.study(tmp_path, "siemens", only=("echoes",), traps=[Trap.MULTI_ECHO]))
    assert [len(one.volumes) for one in echoes] == [1, 1]
    assert {one.role for one in echoes} == {Role.T1_NONFS}


@pytest.mark.parametrize("vendor", list(LAYOUTS))
def test_25_three_orientations_in_one_series_are_a_localizer(tmp_path: Path, vendor: Vendor) -> None:
    assert roles_of(phantom.localizer(tmp_path, vendor)) == {Role.LOCALIZER}


# ---- what else happens to a dynamic ---------------------------------------------------------------------------------

REFUSED = {
    Trap.SHUFFLED_INSTANCE_NUMBERS: {"ge-instance-only", "uih-one-series"},
    Trap.SPLIT_SERIES: {"ge-instance-only", "uih-one-series"},
    Trap.REPEATED_DYNAMIC: {"ge-instance-only", "uih-one-series"},
    Trap.INTERRUPTED_DYNAMIC: {"ge-instance-only", "uih-one-series"},
    Trap.ULTRAFAST: {"ge-instance-only", "uih-one-series", "uih-series-per-phase"},
    Trap.NO_OPTIONAL_TAGS: {"uih-vframe"},  # the places of the slices are private
}


@pytest.mark.slow
@pytest.mark.parametrize("trap", list(Trap))
@pytest.mark.parametrize("layout", EVERY_LAYOUT, ids="-".join)
def test_every_trap_gives_the_phantoms_dynamic_or_a_reason(
    tmp_path: Path, layout: tuple[Vendor, Layout], trap: Trap
) -> None:
    paths = phantom.study(tmp_path, *layout, traps=[trap])
    if "-".join(layout).lower() in REFUSED.get(trap, ()):
        with pytest.raises(StudyIneligible, match=r"order of the DCE phases|came first|no position"):
            assembled(paths)
    else:
        require_same(assembled(paths).case.dce, phantom.examination().dce)


def test_the_last_of_two_attempts_is_read_where_nothing_counts_them(tmp_path: Path) -> None:
    paths = phantom.study(tmp_path, "uih", "series-per-phase", traps=[Trap.REPEATED_DYNAMIC])
    require_same(assembled(paths).case.dce, phantom.examination().dce)


def test_times_are_not_those_of_writing(tmp_path: Path) -> None:
    def forget(image: Dataset) -> None:
        del image.TriggerTime

    assembly = assembled(phantom.edited(phantom.dce(tmp_path, "ge", "one-series"), forget))
    require_same(assembly.case.dce, phantom.examination().dce)
    assert assembly.dce_times_s == ()
