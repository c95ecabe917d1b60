"""Whatever order, copies, numbers, names and gaps a study arrives with: the same Case, or a refusal that says why.

Every vendor and layout; hypothesis chooses what an archive, an anonymiser or a site did to the files.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

import phantom
from dicom_io.headers.read import read_series_headers
from dicom_io.phantom.options import Layout
from dicom_io.phantom.vendors import LAYOUTS
from dicom_io.study.case import Assembly, read_case
from dicom_io.study.classify import assign_roles
from dicom_io.vendors.base import Vendor
from mome_core.case import Role
from mome_core.errors import StudyIneligible
from mome_core.volume import Dynamic, Volume

pytestmark = pytest.mark.slow

EVERY_LAYOUT = [(vendor, layout) for vendor, layouts in LAYOUTS.items() for layout in layouts]
SERIES = ("dce", "t1", "t2", "dwi", "adc", "sub", "mip")
# Optional in the MR Image IOD, or removed by the usual anonymisers.
OPTIONAL = [
    "AcquisitionNumber",
    "AcquisitionTime",
    "AcquisitionDateTime",
    "ContentTime",
    "SeriesTime",
    "TriggerTime",
    "InstanceNumber",
    "TemporalPositionIdentifier",
    "NumberOfTemporalPositions",
    "TemporalPositionIndex",
    "FrameAcquisitionDateTime",
    "FrameReferenceDateTime",
    "FrameAcquisitionNumber",
    "ContrastBolusAgent",
    "ContrastBolusStartTime",
    "ProtocolName",
    "SeriesDescription",
    "SeriesNumber",
    "SequenceName",
    "ScanOptions",
    "EchoNumbers",
    "StackID",
    "SpacingBetweenSlices",
    "SoftwareVersions",
    "ManufacturerModelName",
    "FrameOfReferenceUID",
    "RepetitionTime",
    "FlipAngle",
    "ImageComments",
]
NAMES = [
    "",
    "series",
    "ax dyn",
    "PH1",
    "Ph2/Ax Vibrant",
    "1st pass",
    "post",
    "AX T1 PRE",
    "SUB",
    "MIP",
    "T2W_TSE",
    "DWI",
    "ADC",
    "STIR",
    "t1_fl3d_tra_dynaVIEWS_1+5",
    "non fat sat",
    "localizer",
    "<script>alert(1)</script>",
    "胸部 MR",
]


@dataclass(frozen=True)
class Mishap:
    """What happened to the files; `seed` decides which of them, everything else is at most."""

    seed: int
    copies: int = 0
    reborn_copies: int = 0
    shuffled: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    dropped_from: tuple[str, ...] = SERIES
    without_private: bool = False
    renamed: tuple[tuple[str, str], ...] = ()


words = st.lists(st.sampled_from(SERIES), max_size=3).map(tuple)
mishaps = st.builds(
    Mishap,
    seed=st.integers(0, 2**16),
    copies=st.integers(0, 5),
    reborn_copies=st.integers(0, 3),
    shuffled=words,
    dropped=st.lists(st.sampled_from(OPTIONAL), max_size=8).map(tuple),
    dropped_from=st.one_of(st.just(SERIES), words),
    without_private=st.booleans(),
    renamed=st.lists(st.tuples(st.sampled_from(SERIES), st.sampled_from(NAMES)), max_size=3).map(tuple),
)


@cache
def original(vendor: Vendor, layout: Layout) -> tuple[list[tuple[str, bytes]], Assembly]:
    """Every instance of a study with the word of its series, and what the reader makes of it untouched."""
    folder = TemporaryDirectory()
    paths = phantom.study(Path(folder.name), vendor, layout, only=SERIES)
    assembly = read_case(assign_roles(read_series_headers(paths)))
    instances = [(phantom.key_of(path), path.read_bytes()) for path in paths]
    folder.cleanup()
    return instances, assembly


def befallen(instances: list[tuple[str, bytes]], mishap: Mishap, folder: Path) -> list[Path]:
    """The files of a study after the mishap, under names that say nothing."""
    chance = random.Random(mishap.seed)
    files = [(key, pydicom.dcmread(BytesIO(content))) for key, content in instances]
    for key, dataset in files:
        if key.startswith(mishap.dropped_from):
            drop(dataset, mishap)
        for word, name in mishap.renamed:
            if key.startswith(word):
                dataset.SeriesDescription = dataset.ProtocolName = name
    for word in mishap.shuffled:
        shuffle_numbers([dataset for key, dataset in files if key.startswith(word)], chance)
    arrived = [dataset for _, dataset in files]
    arrived += chance.sample(arrived, min(mishap.copies, len(arrived)))
    arrived += [reborn(dataset) for dataset in chance.sample(arrived, min(mishap.reborn_copies, len(arrived)))]
    chance.shuffle(arrived)
    paths = [folder / f"{index:05d}" for index in range(len(arrived))]
    for dataset, path in zip(arrived, paths, strict=True):
        dataset.save_as(path)
    return paths


def reborn(dataset: Dataset) -> Dataset:
    """The same image under another SOP Instance UID."""
    stream = BytesIO()
    dataset.save_as(stream)
    copy = pydicom.dcmread(BytesIO(stream.getvalue()))
    copy.SOPInstanceUID = copy.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    return copy


def drop(dataset: Dataset, mishap: Mishap) -> None:
    if mishap.without_private:
        dataset.remove_private_tags()
    for element in list(dataset.iterall()):
        if element.keyword in mishap.dropped:
            element.value = None
    for keyword in mishap.dropped:
        if keyword in dataset:
            del dataset[keyword]


def shuffle_numbers(datasets: list[Dataset], chance: random.Random) -> None:
    numbers = [dataset.get("InstanceNumber") for dataset in datasets]
    chance.shuffle(numbers)
    for dataset, number in zip(datasets, numbers, strict=True):
        dataset.InstanceNumber = number


def same(read: Volume | Dynamic | None, truth: Volume | Dynamic | None) -> bool:
    """Whether two volumes have the same values at the same places."""
    if read is None or truth is None:
        return read is truth
    return np.allclose(read.affine, truth.affine, atol=1e-3) and np.array_equal(read.voxels, truth.voxels)


def require_the_same_case_or_a_reason(vendor: Vendor, layout: Layout, mishap: Mishap) -> None:
    instances, before = original(vendor, layout)
    with TemporaryDirectory() as folder:
        try:
            after = read_case(assign_roles(read_series_headers(befallen(instances, mishap, Path(folder)))))
        except StudyIneligible as reason:
            assert len(str(reason)) > 20
            return
    assert same(after.case.dce, before.case.dce), "another dynamic"
    if after.case.dce and after.case.dce.times_s and before.case.dce and before.case.dce.times_s:
        assert np.allclose(np.diff(after.case.dce.times_s), np.diff(before.case.dce.times_s), atol=2.0), "other times"
    assert after.case.t2 is None or same(after.case.t2, before.case.t2), "another T2"
    assert after.case.dwi is None or same(after.case.dwi, before.case.dwi), "another DWI"
    assert after.case.dwi is None or after.case.dwi_b_value == before.case.dwi_b_value
    if after.case.t2 is None:
        assert after.warnings or not after.roles.of(Role.T2, Role.T2_IR)
    assert all(item.why for item in after.roles.roles)


layouts = st.sampled_from(EVERY_LAYOUT)
unhurried = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)


@settings(unhurried, max_examples=4, derandomize=True)
@given(layout=layouts, mishap=mishaps)
def test_a_mishap_never_gives_another_case(layout: tuple[Vendor, Layout], mishap: Mishap) -> None:
    require_the_same_case_or_a_reason(*layout, mishap)


@pytest.mark.exhaustive
@pytest.mark.parametrize("layout", EVERY_LAYOUT, ids="-".join)
def test_no_mishap_gives_another_case_in_any_layout(layout: tuple[Vendor, Layout]) -> None:
    @settings(unhurried, max_examples=8)
    @given(mishap=mishaps)
    def holds(mishap: Mishap) -> None:
        require_the_same_case_or_a_reason(*layout, mishap)

    holds()


@pytest.mark.parametrize("layout", EVERY_LAYOUT, ids="-".join)
def test_any_order_of_arrival_and_any_copies_give_the_same_case(layout: tuple[Vendor, Layout], tmp_path: Path) -> None:
    instances, before = original(*layout)
    after = read_case(assign_roles(read_series_headers(befallen(instances, Mishap(seed=7, copies=30), tmp_path))))
    assert same(after.case.dce, before.case.dce)
    assert same(after.case.t2, before.case.t2)
    assert same(after.case.dwi, before.case.dwi)


CLOCKS = ("AcquisitionDateTime", "AcquisitionTime", "ContentTime")


@pytest.mark.parametrize("clocks", [("ContentTime",), CLOCKS], ids=["clock of each slice", "no clock"])
def test_numbers_of_whole_volumes_never_order_a_dynamic_by_themselves(clocks: tuple[str, ...]) -> None:
    require_the_same_case_or_a_reason(Vendor.UIH, Layout.VFRAME, Mishap(seed=60319, shuffled=("dce",), dropped=clocks))


def test_the_phases_of_a_vframe_dynamic_have_the_times_of_their_slices(tmp_path: Path) -> None:
    instances, _ = original(Vendor.UIH, Layout.VFRAME)
    without = Mishap(seed=1, shuffled=("dce",), dropped=("ContentTime",))
    case = read_case(assign_roles(read_series_headers(befallen(instances, without, tmp_path)))).case
    assert case.dce is not None
    assert case.dce.times_s == (-100.0, 0.0, 75.0, 150.0, 225.0, 300.0)


def test_a_dynamic_of_whole_volumes_without_a_clock_is_refused(tmp_path: Path) -> None:
    instances, _ = original(Vendor.UIH, Layout.VFRAME)
    paths = befallen(instances, Mishap(seed=1, dropped=CLOCKS), tmp_path)
    with pytest.raises(StudyIneligible, match="6 images hold a whole volume each, and only their instance numbers"):
        read_case(assign_roles(read_series_headers(paths)))


def test_a_subtraction_that_is_named_like_another_contrast_is_no_input() -> None:
    named = Mishap(seed=60477, without_private=True, renamed=(("sub", "STIR"),))
    require_the_same_case_or_a_reason(Vendor.PHILIPS, Layout.ENHANCED, named)
