"""Drift of a model's scores, and a shadow beside the active model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ks_2samp, pearsonr

from calibrations import VALIDATION, calibrated, calibration, calibrations
from mome_core.calibration import Call
from mome_core.case import Modality
from mome_core.model.estimators import EndpointCalibrations
from mome_core.results import Endpoint, QualityFlag, Severity
from node.models import BundleManifest
from node.storage.decisions import ShadowAnswer
from node.storage.overview import AnalysisRow
from node.summary import AnalysisSummary, EstimatorSummary, ModelSummary, ScoreSummary
from node.watching.drift import SHIFTED, drift_by_scanner, population_stability, shadow_reports

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
