"""The answer at a prompt is the node's answer, from a study or from volumes alone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

import mome_node
from calibrations import calibrated, calibrations
from mome_core.calibration import COALITIONS
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.inference import ActiveModel
from mome_core.policy import default_policy
from mome_core.preprocessing.one_breast import one_breast
from mome_core.preprocessing.recipe import UnitOfAnalysis
from mome_core.results import Laterality
from mome_node import Analysis, Checkpoint, Kind, NodeError, Policy, Study
from node.analysis import AnalysisContext, analyze_study
from node.identity import this_device
from node.volumes import write_case_files
from second_bundle import breast_bundle

SCORES_ONLY = Policy(contributions=False, saliency=False)


@pytest.mark.slow
def test_a_study_gets_the_answer_that_the_node_gives(
    analysis: Analysis, prompt_state: Path, study: Study, model: Checkpoint, tmp_path: Path
) -> None:
    paths = [instance.path for series in study.headers for instance in series.instances]
    context = AnalysisContext((ActiveModel(model, default_policy(model.network)),), this_device(prompt_state))
    outcome = analyze_study(paths, context)
    answered = outcome.result
    assert answered is not None and outcome.objects is not None
    assert analysis.result.scores == answered.scores
    assert analysis.result.flags == answered.flags
    assert analysis.measurements == answered.measurements
    for ours, theirs in zip(analysis.saliency, answered.saliency, strict=True):
        assert np.array_equal(ours.volume.voxels, theirs.volume.voxels)
    assert uids(analysis.write(tmp_path)) == [str(each.SOPInstanceUID) for each in outcome.objects]


def test_a_model_of_breasts_answers_each_breast_and_no_whole_study(study: Study, tmp_path: Path) -> None:
    breasts = mome_node.open_bundle(breast_bundle(tmp_path / "breasts"))
    assert breasts.recipe.unit is UnitOfAnalysis.BREAST
    with pytest.raises(StudyIneligible, match="trained on single breasts"):
        mome_node.analyze(study, breasts, policy=SCORES_ONLY)
    for side in (Laterality.LEFT, Laterality.RIGHT):
        found = mome_node.analyze(one_breast(study.case, side), breasts, policy=SCORES_ONLY).result
        assert found.breasts is not None and found.breasts.laterality is side
        assert found.scores[0].probability is not None


def test_volumes_alone_get_the_same_score_and_measurements(analysis: Analysis, study: Study, model: Checkpoint) -> None:
    alone = mome_node.analyze(study.case, model, policy=SCORES_ONLY)
    assert alone.scores[0].probability == pytest.approx(analysis.scores[0].probability, abs=1e-6)
    assert alone.measurements is not None and analysis.measurements is not None
    assert (alone.measurements.tissue is None) == (analysis.measurements.tissue is None)
    assert alone.saliency == ()


def test_nifti_gets_the_score_of_its_dicom_and_no_dicom_object(
    analysis: Analysis, study: Study, model: Checkpoint, tmp_path: Path
) -> None:
    assert study.assembly is not None
    (tmp_path / "nifti").mkdir()
    write_case_files(study.assembly.roles, tmp_path / "nifti")
    answered = mome_node.analyze(mome_node.read_study(tmp_path / "nifti"), model, policy=SCORES_ONLY)
    assert answered.scores[0].probability == pytest.approx(analysis.scores[0].probability, abs=1e-6)
    with pytest.raises(NodeError, match="do not come from DICOM"):
        answered.write(tmp_path / "out")


def test_objects_are_written_and_lie_in_the_study(analysis: Analysis, study: Study, tmp_path: Path) -> None:
    written = analysis.write(tmp_path, kinds=[Kind.SUMMARY, Kind.REPORT])
    assert [path.name for path in written] == ["summary.dcm", "summary.png", "report.dcm"]
    uid = study.headers[0].instances[0].header.StudyInstanceUID
    assert {pydicom.dcmread(path).StudyInstanceUID for path in written if path.suffix == ".dcm"} == {uid}


def uids(paths: Iterable[Path]) -> list[str]:
    return [str(pydicom.dcmread(path).SOPInstanceUID) for path in paths if path.suffix == ".dcm"]


def test_the_same_study_gives_the_same_uids_in_every_folder(analysis: Analysis, tmp_path: Path) -> None:
    kinds = [Kind.REPORT]
    assert uids(analysis.write(tmp_path / "a", kinds)) == uids(analysis.write(tmp_path / "b", kinds))


def test_a_bundle_that_may_not_answer_without_dce_writes_what_the_node_sends(
    study: Study, model: Checkpoint, prompt_state: Path, tmp_path: Path
) -> None:
    assert study.assembly is not None
    silent = replace(model, estimators=(calibrated(of=calibrations(withheld=COALITIONS)),))
    dynamic = {str(image.header.SOPInstanceUID) for phase in study.assembly.dce for image in phase}
    paths = [each.path for series in study.headers for each in series.instances]
    kept = [path for path in paths if str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID) not in dynamic]
    (tmp_path / "study").mkdir()
    for number, path in enumerate(kept):
        shutil.copy(path, tmp_path / "study" / f"{number}.dcm")
    analysis = mome_node.analyze(mome_node.read_study(tmp_path / "study"), silent, policy=SCORES_ONLY)
    assert analysis.refusal is not None and analysis.refusal.code == Ineligibility.NO_DYNAMIC
    assert analysis.result.withheld == str(analysis.refusal)
    context = AnalysisContext((ActiveModel(silent, SCORES_ONLY),), this_device(prompt_state))
    sent = analyze_study(sorted((tmp_path / "study").iterdir()), context).objects
    written = analysis.write(tmp_path / "out")
    assert sent is not None and uids(written) == [str(each.SOPInstanceUID) for each in sent]
    report = pydicom.dcmread(tmp_path / "out" / "report.dcm")
    evidence = [each for of in report.CurrentRequestedProcedureEvidenceSequence for each in of.ReferencedSeriesSequence]
    named = {image.ReferencedSOPInstanceUID for series in evidence for image in series.ReferencedSOPSequence}
    assert named >= {pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in kept}


def test_changed_volumes_of_a_study_give_no_object(study: Study, model: Checkpoint, tmp_path: Path) -> None:
    changed = mome_node.analyze(replace(study, case=replace(study.case, t2=None)), model, policy=SCORES_ONLY)
    with pytest.raises(NodeError, match="were changed"):
        changed.write(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_volumes_without_dicom_give_no_object(analysis: Analysis, tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="do not come from DICOM"):
        replace(analysis, study=None).write(tmp_path)


def test_a_kind_that_does_not_exist_is_named(analysis: Analysis, tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="no kind poster"):
        analysis.write(tmp_path, kinds=["poster"])


def test_an_answer_is_told_in_one_line_without_a_patient(analysis: Analysis) -> None:
    assert re.fullmatch(r"Analysis: malignancy [01]\.\d{3} \((positive|negative|withheld)\)", repr(analysis))
    assert "PHANTOM" not in repr(analysis)


def test_modalities_that_may_not_be_scored_are_said(study: Study, model: Checkpoint) -> None:
    dwi = replace(study.case, dce=None, t2=None)
    silent = replace(model, estimators=(calibrated(of=calibrations(withheld=[dwi.modalities])),))
    (withheld,) = mome_node.analyze(dwi, silent, policy=SCORES_ONLY).scores
    assert withheld.probability is None and withheld.withheld is not None
    (shown,) = mome_node.analyze(dwi, model, policy=SCORES_ONLY).scores
    assert shown.probability is not None and not shown.withheld
