"""What bundles answer together: who may not answer is named beside the others, and nothing is computed for nobody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import phantom
from calibrations import FLIPS, a_score, calibrations
from dicom_io.headers.read import read_series_headers
from dicom_io.study.case import read_case
from dicom_io.study.classify import assign_roles
from mome_core.case import Modality
from mome_core.errors import Ineligibility, StudyIneligible
from mome_core.inference import ActiveModel
from mome_core.model.checkpoint import load_checkpoint
from mome_core.model.estimators import CalibratedEstimator
from mome_core.policy import Policy
from mome_core.results import Endpoint, Result, Severity
from node.answers import answer_assembly, beside_refusals, evidence_of
from node.models import find_bundle
from second_bundle import second_bundle

SCORES_ONLY = Policy(contributions=False, saliency=False)


def active(bundle: Path) -> ActiveModel:
    return ActiveModel(load_checkpoint(bundle), SCORES_ONLY)


def test_a_report_names_the_questions_that_a_bundle_beside_the_others_leaves_open(tmp_path: Path) -> None:
    demo, refused = active(find_bundle("demo")), active(second_bundle(tmp_path / "second"))
    used = (Modality.T2,)
    answered = Result((a_score(demo.checkpoint.identity),), (), used)
    why = StudyIneligible("No DCE was found", Ineligibility.NO_DYNAMIC)
    (flag,) = beside_refusals(answered, {refused: why}, used).flags
    assert (flag.code, flag.severity) == ("NOT_ANSWERED", Severity.WARNING)
    assert flag.message == f"Not answered: {Endpoint.TRIPLE_NEGATIVE.words} (No DCE was found)."
    assert beside_refusals(answered, {}, used).flags == ()


def test_without_a_dynamic_a_bundle_that_may_not_answer_says_so_and_computes_nothing(tmp_path: Path) -> None:
    headers = read_series_headers(phantom.t2(tmp_path / "study"))
    assembly = read_case(assign_roles(headers), dce_required=False)
    demo = active(find_bundle("demo"))
    silent = CalibratedEstimator(FLIPS, {Endpoint.MALIGNANCY: calibrations(withheld=[[Modality.T2]])})
    mute = replace(demo, checkpoint=replace(demo.checkpoint, estimators=(silent,)))
    result = answer_assembly(assembly, headers, [mute])
    assert result.withheld and result.modalities_used == (Modality.T2,)
    assert all(each.probability is None for each in result.scores)
    assert result.timings_s == {}


def test_the_evidence_of_an_assembly_is_an_image_for_each_slice(tmp_path: Path) -> None:
    headers = read_series_headers(phantom.t2(tmp_path / "study"))
    assembly = read_case(assign_roles(headers), dce_required=False)
    assert assembly.case.t2 is not None
    assert len(evidence_of(assembly).images(Modality.T2)) == assembly.case.t2.voxels.shape[2]
