"""The answer at a prompt is the node's answer, from a study or from volumes alone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

import mome_node
from mome_core.inference import ActiveModel
from mome_core.policy import default_policy
from mome_node import Analysis, Checkpoint, Kind, NodeError, Policy, Study
from node.analysis import AnalysisContext, analyze_study
from node.identity import this_device
from node.volumes import write_case_files

SCORES_ONLY = Policy(contributions=False, saliency=False)


@pytest.mark.slow
def test_a_study_gets_the_answer_that_the_node_gives(
    analysis: Analysis, prompt: Path, study: Study, model: Checkpoint
) -> None:
    paths = [instance.path for series in study.headers for instance in series.instances]
    context = AnalysisContext((ActiveModel(model, default_policy(model.network)),), this_device(prompt / "node"))
    answered = analyze_study(paths, context).result
    assert answered is not None
    assert analysis.result.scores == answered.scores
    assert analysis.result.flags == answered.flags
    assert analysis.measurements == answered.measurements
    for ours, theirs in zip(analysis.saliency, answered.saliency, strict=True):
        assert np.array_equal(ours.volume.voxels, theirs.volume.voxels)


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
    alone = mome_node.analyze(replace(study.case, dce=None, t2=None), model, policy=SCORES_ONLY)
    assert bool(alone.result.withheld) == (alone.scores[0].probability is None if alone.scores else True)
    assert alone.measurements is not None and alone.measurements.not_measured
