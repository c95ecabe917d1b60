"""The cases: plain files whose truth is that of their headers and pixels, and which name nothing they should not."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from benchmarks.reader.cases import UNKNOWABLE, all_cases, make
from benchmarks.reader.stamps import read_stamp

NAMES = ("ge-one-series", "uih-vframe", "philips-enhanced", "siemens-series-per-phase+enhanced-copy")
MORE = ("ge-one-series+two-slabs", "ge-one-series+duplicates", "uih-vframe+second-acquisition-time")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmark")
    list(make(folder, [case for case in all_cases() if case.name in NAMES + MORE]))
    return folder


def read(folder: Path, case: str, name: str) -> Any:
    return json.loads((folder / "cases" / case / f"{name}.json").read_text())


def volumes(folder: Path, case: str, role: str) -> list[dict[str, Any]]:
    outputs = read(folder, case, "truth")["outputs"]
    return [volume for output in outputs if output["role"] == role for volume in output["volumes"]]


def headers(folder: Path, case: str) -> dict[int, tuple[pydicom.Dataset, int]]:
    """The data set and the frame or tile of each image."""
    listed = read(folder, case, "images")
    return {each["image"]: (pydicom.dcmread(folder / "cases" / case / each["file"]), each["frame"]) for each in listed}


@pytest.mark.parametrize("case", NAMES)
def test_each_image_is_where_it_is_said_to_be_and_bears_its_number(made: Path, case: str) -> None:
    listed = read(made, case, "images")
    assert {each["file"] for each in listed} == {f"dicom/{p.name}" for p in (made / "cases" / case / "dicom").iterdir()}
    for each in listed:
        dataset = pydicom.dcmread(made / "cases" / case / each["file"])
        assert (dataset.SOPInstanceUID, dataset.SeriesInstanceUID) == (
            each["sop_instance_uid"],
            each["series_instance_uid"],
        )
        assert read_stamp(plane_of(dataset, each["frame"])) == each["image"]


def plane_of(dataset: pydicom.Dataset, frame: int | None) -> np.ndarray:
    if "VFRAME" in dataset.ImageType:
        assert frame
        tiles = int(dataset[0x0065, 0x1050].value)
        across = int(np.ceil(np.sqrt(tiles)))
        rows, columns = dataset.Rows // -(-tiles // across), dataset.Columns // across
        row, column = divmod(frame - 1, across)
        return dataset.pixel_array[row * rows : (row + 1) * rows, column * columns : (column + 1) * columns]
    return dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)[(frame or 1) - 1]


def test_volumes_are_in_the_order_of_time_and_images_along_the_normal(made: Path) -> None:
    placed = headers(made, "ge-one-series")
    phases = volumes(made, "ge-one-series", "DCE")
    assert [{int(placed[n][0].TemporalPositionIdentifier) for n in phase["images"]} for phase in phases] == [
        {1},
        {2},
        {3},
        {4},
    ]
    for phase in phases:
        steps = np.diff([[float(x) for x in placed[n][0].ImagePositionPatient] for n in phase["images"]], axis=0)
        assert np.allclose(steps, steps[0], atol=1e-3) and np.linalg.norm(steps[0]) > 1


def test_enhanced_frames_are_told_apart_by_their_time(made: Path) -> None:
    placed = headers(made, "philips-enhanced")
    for phase, volume in enumerate(volumes(made, "philips-enhanced", "DCE"), start=1):
        groups = [placed[n][0].PerFrameFunctionalGroupsSequence[placed[n][1] - 1] for n in volume["images"]]
        assert {group.FrameContentSequence[0].TemporalPositionIndex for group in groups} == {phase}


def test_b_values_are_the_nominal_one_and_what_united_imaging_writes_as_actual(made: Path) -> None:
    assert [volume["b_values"] for volume in volumes(made, "ge-one-series", "DWI")] == [[0.0], [800.0]]
    placed = headers(made, "uih-vframe")
    for volume in volumes(made, "uih-vframe", "DWI"):
        dataset = placed[volume["images"][0]][0]
        assert [dataset[0x0065, 0x100A].value, dataset[0x0065, 0x1009].value] == volume["b_values"]


def test_two_slabs_are_two_volumes(made: Path) -> None:
    assert len(volumes(made, "ge-one-series+two-slabs", "T2")) == 2


def test_a_duplicate_is_a_second_file_of_the_same_image(made: Path) -> None:
    listed = read(made, "ge-one-series+duplicates", "images")
    assert len({each["file"] for each in listed}) > len({each["sop_instance_uid"] for each in listed})
    assert len({each["image"] for each in listed}) == len({each["sop_instance_uid"] for each in listed})


def test_an_enhanced_copy_has_the_pixels_of_what_it_copies(made: Path) -> None:
    case = "siemens-series-per-phase+enhanced-copy"
    copies, placed = read(made, case, "truth")["copies"], headers(made, case)
    assert len(copies) == len(list(chain(*(volume["images"] for volume in volumes(made, case, "DCE")))))
    for copy, image in copies.items():
        assert np.array_equal(plane_of(*placed[int(copy)])[1:], plane_of(*placed[image])[1:])


def test_a_trap_that_changes_no_file_makes_no_case(made: Path) -> None:
    assert {path.name for path in (made / "cases").iterdir()} == {*NAMES, *MORE[:2]}


def test_names_of_files_and_numbers_tell_no_order(made: Path) -> None:
    numbers = list(chain(*(volume["images"] for volume in volumes(made, "ge-one-series", "DCE"))))
    assert numbers != sorted(numbers)
    files = {each["image"]: each["file"] for each in read(made, "ge-one-series", "images")}
    assert [files[n] for n in numbers] != sorted(files[n] for n in numbers)


def test_the_format_and_the_scorer_lie_beside_the_cases(made: Path) -> None:
    assert (made / "score.py").exists() and "# Which volumes" in (made / "README.md").read_text()


def test_what_is_unknowable_belongs_to_a_case() -> None:
    names = {case.name for case in all_cases()}
    assert {f"{layout}+{trap}" for layout, trap in UNKNOWABLE} <= names
