"""Whole studies as files: readable by others, with the phantom's voxels, in every layout and transfer syntax."""

from __future__ import annotations

import json
import shutil
import subprocess
from itertools import groupby
from pathlib import Path

import numpy as np
import pydicom
import pytest

import phantom
from dicom_io.phantom.options import Layout, StudyOptions, TransferSyntax, Trap
from dicom_io.phantom.vendors import LAYOUTS, study_of, write_truth
from dicom_io.vendors.base import Vendor

pytestmark = pytest.mark.slow

EVERY_LAYOUT = [(vendor, layout) for vendor, layouts in LAYOUTS.items() for layout in layouts]
# dciodvfy's complaints about what these scanners really do
HABITS = ("Element=<TriggerTime>", "Element=<ImagePositionPatient>")  # no ECG with GE and Philips; VFRAME


def headers(paths: list[Path]) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]


@pytest.fixture(scope="module", params=EVERY_LAYOUT, ids="-".join)
def whole_study(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every series in one layout of one vendor."""
    return phantom.study(tmp_path_factory.mktemp("study"), *request.param)


def test_every_instance_of_every_layout_is_readable_and_belongs_to_one_study(whole_study: list[Path]) -> None:
    datasets = headers(whole_study)
    for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "StudyDate", "StudyTime", "FrameOfReferenceUID"):
        assert len({str(dataset[keyword].value) for dataset in datasets}) == 1, keyword
    assert len({dataset.SOPInstanceUID for dataset in datasets}) == len(datasets)


def test_the_rescaled_pixels_are_the_phantoms_voxels(whole_study: list[Path]) -> None:
    examination = phantom.examination()
    assert examination.t2 is not None
    planes = []
    for dataset in map(pydicom.dcmread, phantom.series(whole_study, "t2")):
        if "VFRAME" in dataset.ImageType:
            return  # its tiles are compared by dcm2niix
        frames = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
        planes += [frame * slope_of(dataset, n) for n, frame in enumerate(frames)]
    rescaled = np.stack(planes).transpose(2, 1, 0)
    assert np.abs(rescaled - examination.t2.voxels).max() <= 0.5 * 1.2


def slope_of(dataset: pydicom.Dataset, frame: int) -> float:
    groups = dataset.get("PerFrameFunctionalGroupsSequence")
    source = groups[frame].PixelValueTransformationSequence[0] if groups else dataset
    return float(source.get("RescaleSlope", 1.0))


def test_the_same_study_is_the_same_bytes(tmp_path: Path) -> None:
    once, again = (phantom.study(tmp_path / name, "ge", only=("t2", "dwi")) for name in ("a", "b"))
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]


@pytest.mark.parametrize("trap", [Trap.ULTRAFAST, Trap.DUPLICATES])  # the others: test_traps
@pytest.mark.parametrize("vendor", list(LAYOUTS))
def test_every_trap_can_be_set_in_every_vendors_study(tmp_path: Path, vendor: Vendor, trap: Trap) -> None:
    paths = phantom.study(tmp_path, vendor, traps=[trap], b_values=(0.0, 800.0))
    assert len(paths) > 100
    assert headers(paths[-1:])[0].PatientID == "PHANTOM-000001"


def test_split_series_continue_in_a_second_series(tmp_path: Path) -> None:
    paths = phantom.dce(tmp_path, "ge", traps=[Trap.SPLIT_SERIES])
    assert sorted({phantom.key_of(path) for path in paths}) == ["dce", "dceb"]
    assert len(paths) == 96


def test_duplicates_have_the_same_sop_instance_uid(tmp_path: Path) -> None:
    uids = [image.SOPInstanceUID for image in headers(phantom.t2(tmp_path, traps=[Trap.DUPLICATES]))]
    assert len(set(uids)) < len(uids)


def test_an_enhanced_copy_shares_the_series_instance_uid(tmp_path: Path) -> None:
    images = headers(phantom.dce(tmp_path, "ge", traps=[Trap.ENHANCED_COPY]))
    kinds = {(image.SeriesInstanceUID, image.SOPClassUID.name) for image in images}
    assert len({uid for uid, _ in kinds}) == 1
    assert len(kinds) == 2


def test_a_name_in_any_script_survives(tmp_path: Path) -> None:
    name = "Müller^Änne=山田^太郎"
    paths = phantom.mip(tmp_path, options=StudyOptions(patient_name=name))
    assert str(headers(paths)[0].PatientName) == name


@pytest.mark.parametrize("transfer_syntax", list(TransferSyntax))
def test_every_transfer_syntax_holds_the_same_pixels(tmp_path: Path, transfer_syntax: TransferSyntax) -> None:
    plain = phantom.t2(tmp_path / "plain")
    coded = phantom.t2(tmp_path / "coded", options=StudyOptions(transfer_syntax=transfer_syntax))
    for expected, path in zip(plain, coded, strict=True):
        dataset = pydicom.dcmread(path)
        assert dataset.file_meta.TransferSyntaxUID == transfer_syntax
        assert np.array_equal(dataset.pixel_array, pydicom.dcmread(expected).pixel_array)


def test_a_layout_of_another_vendor_is_refused_with_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ge writes the layouts one-series"):
        phantom.study(tmp_path, "ge", "vframe")


def test_the_truth_file_names_the_study_and_the_lesion(tmp_path: Path) -> None:
    examination = phantom.examination()
    study = study_of(examination, "philips", None)
    write_truth(study, tmp_path / "truth.json")
    record = json.loads((tmp_path / "truth.json").read_text())
    written = headers(phantom.mip(tmp_path / "study", "philips"))[0]
    assert record["study_instance_uid"] == written.StudyInstanceUID
    assert record["label"] == "malignant"
    assert record["research_use_only"]


@pytest.mark.slow
@pytest.mark.parametrize(("vendor", "layout"), EVERY_LAYOUT)
def test_dcm2niix_sees_the_same_dynamic(tmp_path: Path, vendor: Vendor, layout: Layout) -> None:
    nibabel = pytest.importorskip("nibabel")
    dcm2niix = pytest.importorskip("dcm2niix")
    examination = phantom.examination()
    assert examination.dce is not None
    paths = phantom.dce(tmp_path / "in", vendor, layout)
    seen = []
    for folder, _ in groupby(path.parent for path in paths):
        out = tmp_path / f"out-{folder.name}"
        out.mkdir()
        dcm2niix.main(["-b", "n", "-z", "n", "-p", "n", "-f", "x", "-o", str(out), str(folder)], capture_output=True)
        for found in sorted(out.glob("*.nii")):
            image = nibabel.load(found)
            volumes = np.atleast_3d(np.asanyarray(image.dataobj))
            seen += [(image.affine, v) for v in np.moveaxis(volumes.reshape(*volumes.shape[:3], -1), 3, 0)]
    ours = examination.dce
    assert len(seen) == ours.phase_count
    matched = [closest(affine, voxels, ours.affine, ours.voxels) for affine, voxels in seen]
    assert sorted(phase for phase, _ in matched) == list(range(ours.phase_count))
    assert max(error for _, error in matched) <= 1.0


def closest(affine: np.ndarray, voxels: np.ndarray, our_affine: np.ndarray, ours: np.ndarray) -> tuple[int, float]:
    """Which of our phases a NIfTI volume is, and the largest difference in stored units."""
    to_theirs = np.linalg.inv(affine) @ np.diag([-1.0, -1.0, 1.0, 1.0]) @ our_affine
    assert np.allclose(np.abs(to_theirs[:3, :3]), np.eye(3), atol=1e-3)
    flipped = voxels[tuple(slice(None, None, int(np.sign(to_theirs[axis, axis]))) for axis in range(3))]
    errors = [float(np.abs(flipped.astype(float) - phase).max()) for phase in ours]
    return int(np.argmin(errors)), min(errors)


@pytest.mark.system
def test_dciodvfy_finds_no_error_but_the_vendors_habits(whole_study: list[Path]) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (Debian package dicom3tools) is not installed")
    firsts = [next(group) for _, group in groupby(whole_study, key=lambda path: path.parent)]
    for path in firsts:
        found = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        lines = [line for line in (found.stdout + found.stderr).splitlines() if line.startswith("Error")]
        assert [line for line in lines if not any(habit in line for habit in HABITS)] == []
