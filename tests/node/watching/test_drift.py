"""Drift of a model's scores, and a shadow beside the active model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ks_2samp, pearsonr

from calibrations import VALIDATION, calibrated, calibration, calibrations
from dicom_io.headers.read import read_series_headers
from dicom_io.study.classify import assign_roles
from mome_core.calibration import COALITIONS, Call
from mome_core.case import Modality
from mome_core.estimator import Augmentation, Estimator
from mome_core.inference import score
from mome_core.model.checkpoint import Checkpoint, Description, as_loaded, load_checkpoint, save_checkpoint
from mome_core.model.estimators import EndpointCalibrations
from mome_core.policy import default_policy
from mome_core.results import Endpoint, QualityFlag, Result, Severity
from mome_core.training.calibrate import CalibrationPlan
from mome_core.training.calibrate_network import calibrate_network
from mome_core.training.dataset import Example
from mome_core.training.loop import train
from mome_core.training.scored import score_cases, scored
from node.analysis import AnalysisOutcome, summarize
from node.models import BundleManifest, manifest_of
from node.storage.decisions import ShadowAnswer
from node.storage.overview import AnalysisRow
from node.summary import AnalysisSummary, EstimatorSummary, ModelSummary, ScoreSummary
from node.watching.drift import SHIFTED, drift_by_scanner, population_stability, shadow_reports
from training_examples import examples, task

A = "a" * 64


def summary(probability: float | None, threshold: float = 0.5) -> AnalysisSummary:
    read = calibration(threshold=threshold)
    call = Call.WITHHELD if probability is None else read.call(probability)
    score = ScoreSummary(
        *(Endpoint.MALIGNANCY, probability, threshold, 0.0, 8, {}, 0.4, ModelSummary("ours", "1", A)),
        call=call,
        estimator=EstimatorSummary("flips-log-odds"),
    )
    return AnalysisSummary(scores=(score,), modalities=tuple(Modality))


def bundle(of: EndpointCalibrations) -> BundleManifest:
    return BundleManifest("ours", "1", "", A, A, "", (calibrated(of=of),), {})


def test_answers_that_have_moved_are_told() -> None:
    low, high = [0.1, 0.15, 0.3, 0.5] * 6, [0.9, 0.85, 0.7, 0.5] * 6
    assert population_stability(low, low) == 0.0
    assert (population_stability(low, high) or 0.0) > SHIFTED
    assert population_stability(low, high[:5]) is None, "five answers say nothing"


def test_a_shadow_is_compared_at_each_models_own_threshold() -> None:
    active, shadow = np.array([0.9, 0.2, 0.6, 0.1]), np.array([0.8, 0.4, 0.3, 0.2])
    answers = [
        ShadowAnswer(f"1.{n}", 0.0, summary(float(a), threshold=0.5), {"malignancy": float(s)}, "")
        for n, (a, s) in enumerate(zip(active, shadow, strict=True))
    ]
    answers.append(ShadowAnswer("1.9", 0.0, summary(None), {"malignancy": 0.9}, ""))
    (report,) = shadow_reports(answers, bundle(calibrations(threshold=0.35)))
    assert report.studies == 4 and report.agreement == 0.5
    assert report.disagreements == (("1.2", 0.6, 0.3), ("1.1", 0.2, 0.4))
    assert report.shift == pytest.approx(float((shadow - active).mean()))
    assert report.correlation == pytest.approx(pearsonr(active, shadow).statistic)


def test_drift_is_told_for_each_scanner_against_the_answers_of_the_validation() -> None:
    rng = np.random.default_rng(1)
    baseline, moved = rng.uniform(0, 0.5, 100).tolist(), rng.uniform(0.5, 1, 40).tolist()
    validation = replace(VALIDATION, positives=tuple(baseline[:40]), negatives=tuple(baseline[40:]))
    manifest = bundle(calibrations(validation=validation))
    flag = QualityFlag("OUTSIDE_TRAINING_SPACING", Severity.WARNING, "finer than any image it was trained on")
    rows = [AnalysisRow(n, 1, 0.0, replace(summary(value), flags=(flag,)), "MRI1") for n, value in enumerate(moved)]
    rows += [AnalysisRow(99, 1, 0.0, summary(0.3), "MRI2")]
    first, second = drift_by_scanner(rows, manifest)
    assert (first.scanner, first.answers, first.outside, first.has_moved) == ("MRI1", 40, 1.0, True)
    assert first.modalities == "DCE+DWI+T2"
    assert first.distance == pytest.approx(ks_2samp(baseline, moved).statistic)
    assert (second.scanner, second.stability, second.distance, second.has_moved) == ("MRI2", None, None, False)


@pytest.fixture(scope="module")
def fifty(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    return examples(tmp_path_factory.mktemp("cases"), 50, first=600)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, fifty: list[Example]) -> Path:
    """A bundle of a network that has learned something, calibrated on fifty cases as it will be loaded."""
    folder = tmp_path_factory.mktemp("bundle")
    lesson = task(folder)
    network = as_loaded(train(lesson, folder / "run").network)
    plan = CalibrationPlan((Estimator(Augmentation.FLIPS),))
    estimators = calibrate_network(network, fifty, lesson.recipe, plan)
    save_checkpoint(folder / "model", network, lesson.recipe, Description("fifty", "1", "Knows noise."), estimators)
    return folder / "model"


def analysis(number: int, case: Example, model: Checkpoint) -> AnalysisRow:
    """A study as the ledger gives it back, after the node has scored it."""
    result = Result(score(case.arrays(), model, default_policy(model.network)), (), case.modalities)
    headers = read_series_headers([])
    told = summarize(AnalysisOutcome(headers, assign_roles(headers), None, result, None, "", "", {}))
    return AnalysisRow(number, 1, 0.0, AnalysisSummary.from_json(json.loads(json.dumps(told.to_json()))), "MRI1")


@pytest.mark.slow
def test_node_evaluation_gate_and_drift_speak_of_the_same_number(place: Path, fifty: list[Example]) -> None:
    model, endpoint = load_checkpoint(place), Endpoint.MALIGNANCY
    rows = [analysis(n, case, model) for n, case in enumerate(fifty)]
    node = [row.summary.scores[0].probability for row in rows]
    evaluated = score_cases(model, fifty, endpoint)
    assert node == evaluated.answers().probability.tolist() == scored(model, fifty, endpoint).tolist()
    assert [set(each) for each in evaluated.probabilities] == [set(COALITIONS)] * 50
    (drift,) = drift_by_scanner(rows, manifest_of(place))
    assert (drift.answers, drift.distance, drift.stability) == (50, 0.0, 0.0)  # the baseline is these very numbers
