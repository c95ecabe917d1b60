"""A NIfTI study gives the answer that its DICOM gives, as NIfTI and JSON; what it cannot give is said in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import nifti_files
import phantom
from dicom_io.files import dicom_files
from dicom_io.headers.read import read_series_headers
from dicom_io.study.classify import assign_roles
from mome_core.case import Case
from mome_core.case_file import read_nifti
from mome_core.errors import Ineligibility
from mome_core.nifti.study import read_nifti_study
from mome_core.preprocessing.prepare import prepare
from mome_core.preprocessing.recipe import Recipe
from mome_core.volume import Dynamic
from node.analysis import AnalysisContext, AnalysisOutcome, analyze_study, open_context
from node.models import find_bundle
from node.nifti_analysis import NO_DICOM, analyze_nifti, summarize_nifti, write_nifti_results
from node.settings import Settings
from node.volumes import write_case_files
from sr_templates.saliency.placed import region_without_images


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> AnalysisContext:
    root = tmp_path_factory.mktemp("root")
    return open_context(Settings(storage={"root": root}), [find_bundle("demo")])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    phantom.study(folder, seed=11)
    return folder


@pytest.fixture(scope="module")
def of_dicom(study: Path, context: AnalysisContext) -> AnalysisOutcome:
    return analyze_study(dicom_files(study), context)


@pytest.mark.slow
def test_the_assembled_volumes_give_the_score_map_and_measurements_of_their_dicom(
    study: Path, context: AnalysisContext, of_dicom: AnalysisOutcome, tmp_path: Path
) -> None:
    write_case_files(assign_roles(read_series_headers(dicom_files(study))), tmp_path)
    found = analyze_nifti(tmp_path, context).result
    expected = of_dicom.result
    assert found is not None and expected is not None and not expected.withheld
    for ours, theirs in zip(found.scores, expected.scores, strict=True):
        assert ours.probability == pytest.approx(theirs.probability, abs=1e-6)
        assert ours.contributions == pytest.approx(theirs.contributions)
    for map_, other in zip(found.saliency, expected.saliency, strict=True):
        assert np.array_equal(map_.volume.voxels, other.volume.voxels)
    assert found.measurements is not None and expected.measurements is not None
    assert found.measurements.tissue == expected.measurements.tissue


@pytest.mark.slow
def test_sidecars_give_that_score_to_1e_6_and_the_results_lie_where_the_images_do(
    context: AnalysisContext, of_dicom: AnalysisOutcome, tmp_path: Path
) -> None:
    assert of_dicom.assembly is not None and of_dicom.result is not None
    case = of_dicom.assembly.case
    folder = nifti_files.bids(case, tmp_path / "Doe_Jane")
    nifti_files.mome_json(folder, DCE={"pre_contrast": True}, acquisition=_facts(case.acquisition))
    outcome = analyze_nifti(folder, context)
    assert outcome.result is not None
    (ours,), (theirs,) = outcome.result.scores, of_dicom.result.scores
    assert ours.probability == pytest.approx(theirs.probability, abs=1e-6)
    summary = summarize_nifti(outcome, context)
    files = write_nifti_results(outcome, summary, tmp_path / "out")
    told = json.loads((tmp_path / "out" / "result.json").read_text())
    assert set(told["not_written"].values()) == {NO_DICOM} and "report" in told["not_written"]
    assert told["scores"][0]["probability"] == ours.probability and "Doe" not in json.dumps(told)
    assert {"saliency-malignancy-dce.nii.gz", "breasts.nii.gz"} <= set(files) and case.dce is not None
    written = read_nifti(tmp_path / "out" / "saliency-malignancy-dce.nii.gz")
    assert written.voxels.shape == case.dce.voxels.shape[1:]
    assert np.abs(written.affine - case.dce.affine).max() < 1e-4
    assert ("region.nii.gz" in files) == (region_without_images(outcome.result) is not None)


def _facts(acquisition: object) -> dict[str, object]:
    return {name: value for name, value in dict(acquisition).items() if name != "pre_contrast"}  # type: ignore[call-overload]


def test_a_study_that_cannot_be_read_has_a_reason_and_a_result_json(context: AnalysisContext, tmp_path: Path) -> None:
    folder = nifti_files.phases(tmp_path / "Doe_Jane", ["Pre", "Post_1"])
    nifti_files.write(folder / "Post_2.nii.gz", nifti_files.noise(4, 5, 7))
    outcome = analyze_nifti(folder, context)
    assert outcome.code == Ineligibility.UNREADABLE and outcome.reason.startswith("Post_2.nii.gz: its matrix is")
    summary = summarize_nifti(outcome, context)
    assert write_nifti_results(outcome, summary, tmp_path / "out") == ("result.json",)
    told = json.loads((tmp_path / "out" / "result.json").read_text())
    assert told["reason"] == outcome.reason and "Doe" not in json.dumps(told)


def test_a_breast_that_odelia_cut_out_is_found_on_its_side(tmp_path: Path) -> None:
    case = phantom.examination(seed=11).case()
    assert case.dce is not None
    for side in ("left", "right"):
        folder = nifti_files.odelia(_half(case, side), tmp_path, f"A_{side}")
        found = prepare(read_nifti_study(folder).case, Recipe(motion=None)).breasts
        assert found is not None
        left_ml, right_ml = found.volumes_ml
        assert (left_ml > 50 and right_ml == 0) if side == "left" else (right_ml > 50 and left_ml == 0)


def _half(case: Case, side: str) -> Case:
    """The columns of the DCE that lie on one side of the isocentre."""
    assert case.dce is not None
    x_mm = case.dce.affine[0, 3] + case.dce.affine[0, 0] * np.arange(case.dce.voxels.shape[1])
    kept = np.flatnonzero((x_mm > 0) == (side == "left"))
    affine = case.dce.affine.copy()
    affine[:3, 3] += affine[:3, 0] * kept[0]
    return Case(Dynamic(case.dce.voxels[:, kept], affine, "", case.dce.times_s))
