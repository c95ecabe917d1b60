"""Sources as hospitals have them: schemes of their own, trials, lossy images, no frame of reference."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_io.headers.read import read_series_headers
from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.spec import Lesion, PhantomSpec, Size
from dicom_io.phantom.vendors import write_study
from dicom_io.study.case import read_case
from dicom_io.study.classify import assign_roles
from odd_images import local_procedure, lossy, no_frame_of_reference, trial
from phantom_results import DEVICE, answer, evidence_of
from sr_templates.build import ResultObjects, build_objects, encode
from sr_templates.context import ObjectOptions
from sr_templates.kinds import OFFERED_KINDS, Kind

DCIODVFY = shutil.which("dciodvfy")
SPATIAL = {Kind.SALIENCY_MAP, Kind.SEGMENTATION, Kind.OVERLAY, Kind.REGION, Kind.PRESENTATION_STATE}


def answered(folder: Path, oddity: Callable[[Dataset], None]) -> ResultObjects:
    """Every object for a study whose images have the oddity."""
    phantom = simulate(PhantomSpec(seed=7, lesion=Lesion.MALIGNANT, size=Size.TINY))
    for path in write_study(phantom, "ge", None, folder / "study"):
        image = dcmread(path)
        oddity(image)
        image.save_as(path)
    paths = [path for path in (folder / "study").rglob("*") if path.is_file()]
    assembly = read_case(assign_roles(read_series_headers(paths)))
    options = ObjectOptions(OFFERED_KINDS)
    return build_objects(answer(phantom, assembly), evidence_of(assembly), DEVICE, options=options)


def errors_in(objects: ResultObjects, folder: Path) -> list[str]:
    """What dciodvfy calls an error in any of the objects."""
    said = []
    for number, instance in enumerate(objects):
        file = folder / f"{number}.dcm"
        file.write_bytes(encode(instance))
        told = subprocess.run([str(DCIODVFY), "-filename", str(file)], capture_output=True, text=True, check=False)
        said += [line for line in (told.stdout + told.stderr).splitlines() if line.startswith("Error")]
    return said


@pytest.mark.skipif(DCIODVFY is None, reason="needs dciodvfy (apt-get install dicom3tools)")
@pytest.mark.parametrize("oddity", [local_procedure, trial, lossy, no_frame_of_reference])
def test_every_object_of_an_odd_source_is_lawful(tmp_path: Path, oddity: Callable[[Dataset], None]) -> None:
    objects = answered(tmp_path, oddity)
    assert Kind.REPORT in objects.by_kind and Kind.SUMMARY in objects.by_kind
    assert errors_in(objects, tmp_path) == []


def test_a_scheme_of_the_hospital_is_described_as_far_as_the_source_does(tmp_path: Path) -> None:
    (report,) = answered(tmp_path, local_procedure).by_kind[Kind.REPORT]
    described = {each.CodingSchemeDesignator: each for each in report.CodingSchemeIdentificationSequence}
    assert set(described) == {"99MOMENODE", "99OTHER", "99RIS"}
    assert described["99OTHER"].CodingSchemeName == "Codes of the other hospital"
    assert [each.CodingSchemeDesignator for each in report.ProcedureCodeSequence] == ["99RIS", "99OTHER"]


def test_once_lossy_an_image_stays_so_and_what_is_burned_in_is_said_of_the_slices_it_is_painted_on(
    tmp_path: Path,
) -> None:
    objects = answered(tmp_path, lossy)
    images = [
        each
        for kind, made in objects.by_kind.items()
        if kind.label.modality not in ("SR", "KO", "PR", "DOC")
        for each in made
    ]
    assert {(each.LossyImageCompression, each.LossyImageCompressionMethod) for each in images} == {
        ("01", "ISO_10918_1")
    }
    assert {each.BurnedInAnnotation for each in objects.by_kind[Kind.OVERLAY]} == {"YES"}
    assert objects.by_kind[Kind.SUMMARY][0].BurnedInAnnotation == "NO"


def test_without_a_frame_of_reference_the_score_is_told_and_what_lies_on_images_is_left_out_with_the_reason(
    tmp_path: Path,
) -> None:
    objects = answered(tmp_path, no_frame_of_reference)
    assert SPATIAL & set(objects.by_kind) == set()
    assert {kind for kind, why in objects.not_written.items() if "no Frame of Reference UID" in why} == SPATIAL
