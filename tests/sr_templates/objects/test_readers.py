"""What others read is what was written: highdicom, SimpleITK and dcmqi find the voxels in their places."""

from __future__ import annotations

import json
import subprocess
from io import BytesIO
from pathlib import Path

import highdicom
import numpy as np
import pytest

from mome_core.case import Modality
from mome_core.results import Endpoint, Result
from sr_readers import DCMQI, by_dcmqi, by_simpleitk, map_by_highdicom, mask_by_highdicom, program
from sr_studies import AXIAL, DEVICE, OBLIQUE, SAGITTAL, Layout, enhanced_evidence, make_evidence, make_result
from sr_templates.build import build_objects, encode
from sr_templates.context import MapEncoding, ObjectOptions
from sr_templates.dicom import codes
from sr_templates.dicom.evidence import Evidence
from sr_templates.kinds import Kind
from sr_templates.saliency.placed import PlacedSaliency, place_saliency

MAP_AND_MASK = frozenset({Kind.SALIENCY_MAP, Kind.SEGMENTATION})
STUDIES = {
    "axial": make_evidence(Layout(orientation=AXIAL)),
    "sagittal": make_evidence(Layout(orientation=SAGITTAL)),
    "oblique": make_evidence(Layout(orientation=OBLIQUE)),
    "enhanced": enhanced_evidence(Layout()),
}
needs_dcmqi = pytest.mark.skipif(any(program(each) is None for each in DCMQI), reason="needs dcmqi (pip install dcmqi)")


def placed_saliency(evidence: Evidence, result: Result) -> PlacedSaliency:
    placed = place_saliency(result, evidence)
    assert placed is not None
    return placed


@pytest.fixture(params=STUDIES.values(), ids=STUDIES.keys())
def study(request: pytest.FixtureRequest) -> Evidence:
    return request.param


@pytest.fixture
def placed(study: Evidence) -> PlacedSaliency:
    return placed_saliency(study, make_result(study))


def written(evidence: Evidence, encoding: MapEncoding = MapEncoding.FLOAT32) -> dict[Kind, highdicom.SOPClass]:
    options = ObjectOptions(MAP_AND_MASK, encoding)
    objects = build_objects(make_result(evidence), evidence, DEVICE, options=options)
    return {kind: instances[0] for kind, instances in objects.by_kind.items()}


def mask_slices(evidence: Evidence, placed: PlacedSaliency) -> tuple[np.ndarray, tuple]:
    assert placed.region is not None
    images = evidence.images(Modality.DCE)
    return placed.region.mask[:, :, placed.region.slices], tuple(images[k] for k in placed.region.slices)


def test_highdicom_reads_the_map_by_default_as_shares_of_the_peak(study: Evidence, placed: PlacedSaliency) -> None:
    read = map_by_highdicom(written(study)[Kind.SALIENCY_MAP], study.images(Modality.DCE))
    shares = np.divide(placed.saliency.volume.voxels, placed.peak, dtype=np.float32)
    assert np.array_equal(read, shares.astype(np.float64))


def test_highdicom_reads_a_sixteen_bit_map_within_half_a_step(study: Evidence, placed: PlacedSaliency) -> None:
    saliency_map = written(study, MapEncoding.UINT16)[Kind.SALIENCY_MAP]
    read = map_by_highdicom(saliency_map, study.images(Modality.DCE)) * placed.peak
    original = placed.saliency.volume.voxels
    assert np.abs(read - original).max() <= 0.51 * original.max() / 32767
    assert np.all(read[original == 0] == 0)


def test_highdicom_reads_the_segment_as_it_was(study: Evidence, placed: PlacedSaliency) -> None:
    mask, images = mask_slices(study, placed)
    segmentation = written(study)[Kind.SEGMENTATION]
    assert np.array_equal(mask_by_highdicom(segmentation, images), mask)


def test_highdicom_finds_the_segment_of_each_source_image(evidence: Evidence, result: Result) -> None:
    mask, images = mask_slices(evidence, placed_saliency(evidence, result))
    segmentation = highdicom.seg.segread(BytesIO(encode(written(evidence)[Kind.SEGMENTATION])))
    uids = [image.header.SOPInstanceUID for image in images]
    planes = segmentation.get_pixels_by_source_instance(uids, segment_numbers=[1])[..., 0]
    assert np.array_equal(planes.transpose(2, 1, 0).astype(bool), mask)


def test_highdicom_reads_the_report_and_its_groups(evidence: Evidence, result: Result) -> None:
    objects = build_objects(result, evidence, DEVICE)
    report = highdicom.sr.srread(BytesIO(encode(objects.by_kind[Kind.REPORT][0])))
    groups = report.content.get_image_measurement_groups()
    assert [str(group.tracking_identifier) for group in groups] == [
        f"Bilateral breast {endpoint.words}" for endpoint in Endpoint
    ]
    (probability,) = groups[0].get_measurements(name=codes.PROBABILITY[Endpoint.MALIGNANCY])
    assert probability.value == pytest.approx(83.2)
    assert [group.finding_sites[0].laterality.meaning for group in groups] == ["Right and left"] * 3


def test_simpleitk_reads_the_segmentation_as_it_was(study: Evidence, placed: PlacedSaliency, tmp_path: Path) -> None:
    mask, images = mask_slices(study, placed)
    file = tmp_path / "segmentation.dcm"
    file.write_bytes(encode(written(study)[Kind.SEGMENTATION]))
    assert np.array_equal(by_simpleitk(file, images) != 0, mask)


@needs_dcmqi
def test_dcmqi_reads_the_segmentation_as_it_was(study: Evidence, placed: PlacedSaliency, tmp_path: Path) -> None:
    mask, images = mask_slices(study, placed)
    read = by_dcmqi(written(study)[Kind.SEGMENTATION], "segimage2itkimage", tmp_path, images)
    assert np.array_equal(read != 0, mask)


@needs_dcmqi
def test_dcmqi_reads_the_map_as_shares_of_the_peak(study: Evidence, placed: PlacedSaliency, tmp_path: Path) -> None:
    """dcmqi, and SimpleITK on the file that it makes: SimpleITK alone reads no map (GDCM knows no float pixels)."""
    images = study.images(Modality.DCE)
    read = by_dcmqi(written(study)[Kind.SALIENCY_MAP], "paramap2itkimage", tmp_path, images)
    assert np.array_equal(read, np.divide(placed.saliency.volume.voxels, placed.peak, dtype=np.float32))


@needs_dcmqi
def test_dcmqi_reads_the_probability_in_the_report(evidence: Evidence, result: Result, tmp_path: Path) -> None:
    file, read = tmp_path / "report.dcm", tmp_path / "report.json"
    file.write_bytes(encode(build_objects(result, evidence, DEVICE).by_kind[Kind.REPORT][0]))
    command = [program("tid1500reader"), "--inputDICOM", file, "--outputMetadata", read]
    subprocess.run([str(each) for each in command], check=True, capture_output=True, timeout=300)
    first = json.loads(read.read_text())["Measurements"][0]
    assert first["TrackingIdentifier"] == "Bilateral breast malignancy"
    assert {item["quantity"]["CodeMeaning"]: item["value"] for item in first["measurementItems"]}[
        "Probability of cancer"
    ] == "83.2"
