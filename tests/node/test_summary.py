"""The summary of an analysis: it survives JSON, and reads what older releases wrote."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from calibrations import VALIDATION
from mome_core.calibration import AmongCases, AurocInterval, Call, Proportion
from mome_core.case import Modality, Role
from mome_core.results import Endpoint, QualityFlag, Severity
from node.summary import (
    AnalysisSummary,
    CalibrationSummary,
    EstimatorSummary,
    ModelSummary,
    SaliencySummary,
    ScoreSummary,
    SeriesSummary,
)
from told_measurements import MEASURED

SCORE = ScoreSummary(
    endpoint=Endpoint.MALIGNANCY,
    probability=0.84,
    threshold=0.07,
    spread=0.1,
    augmentations=54,
    contributions={Modality.DCE: 0.5, Modality.T2: -0.16},
    base_probability=0.5,
    model=ModelSummary("demo", "1", "a" * 64),
    call=Call.POSITIVE,
    calibration=CalibrationSummary(
        "DCE+T2", 0.07, 0.95, VALIDATION.sensitivity, VALIDATION.specificity, AurocInterval(0.9, 0.8, 0.95), 200, 0.5
    ),
    at_this_score=Proportion(17, 20, 0.64, 0.95),
    without={Modality.DCE: None, Modality.T2: 0.8},
    estimator=EstimatorSummary("published", "published", "probabilities", "float32", 54),
    among=AmongCases(97, 1240, 61, 310),
)
SUMMARY = AnalysisSummary(
    measurements=MEASURED,
    reason="the breasts moved too far",
    code="MOTION",
    scores=(SCORE,),
    modalities=(Modality.DCE, Modality.T2),
    flags=(QualityFlag("MOTION", Severity.WITHHOLD, "the breasts moved too far"),),
    policy="8 versions",
    saliency=(
        SaliencySummary(
            Endpoint.MALIGNANCY, Modality.DCE, "integrated gradients", "blur", 160, 0.01, 8, 1.5, 1.52, -2.0, -0.02
        ),
    ),
    series=(SeriesSummary("1.2.3", Role.DCE_MULTI, 0.9, "six phases of one grid"),),
    warnings=("one image was left out",),
    not_written={"segmentation": "no saliency"},
    timings_s={"scores": 4.2},
)


def test_a_summary_survives_json() -> None:
    assert AnalysisSummary.from_json(json.loads(json.dumps(SUMMARY.to_json()))) == SUMMARY


def test_the_json_holds_the_type_of_each_measured_curve() -> None:
    tissue = json.loads(json.dumps(SUMMARY.to_json()))["measurements"]["tissue"]
    assert (tissue["worst"]["type"], tissue["worst"]["initial_uptake_percent"]) == ("washout", 180.0)
    assert AnalysisSummary().to_json()["measurements"] is None


def test_a_number_that_there_is_none_of_is_null_in_json_and_nan_for_us() -> None:
    """JSON knows no NaN (RFC 8259): gradient times input has no completeness, an old summary no log odds."""
    unknown = SaliencySummary(Endpoint.MALIGNANCY, Modality.DCE, "gradient x input", "none", 1, math.nan)
    written = json.dumps(replace(SUMMARY, saliency=(unknown,)).to_json(), allow_nan=False)
    assert json.loads(written)["saliency"][0]["completeness_error"] is None
    (read,) = AnalysisSummary.from_json(json.loads(written)).saliency
    assert math.isnan(read.completeness_error) and math.isnan(read.difference)


def test_the_keys_are_those_that_the_ledger_has_always_held() -> None:
    written = json.loads(json.dumps(SUMMARY.to_json()))
    assert set(written) - {"code", "protocol", "measurements", "visit", "elsewhere"} == {
        *("reason", "scores", "modalities", "flags", "policy", "saliency", "series", "warnings", "not_written"),
        "timings_s",
    }
    assert written["scores"][0]["contributions"] == {"DCE": 0.5, "T2": -0.16}
    assert written["scores"][0]["model"] == {"name": "demo", "version": "1", "sha256": "a" * 64}
    assert written["series"] == [
        {"series_instance_uid": "1.2.3", "role": "DCE_MULTI", "confidence": 0.9, "why": "six phases of one grid"}
    ]


def test_a_summary_of_an_older_release_lacks_nothing() -> None:
    model = {"name": "demo", "version": "1", "sha256": "a" * 64}
    old = {"scores": [{"endpoint": "malignancy", "probability": 0.5, "threshold": 0.1, "model": model}]}
    (score,) = AnalysisSummary.from_json(old).scores
    assert (score.augmentations, score.contributions, score.base_probability) == (0, {}, None)
    assert (score.call, score.calibration, score.without) == (Call.WITHHELD, None, {})
    assert score.withheld_reason is not None and "older release" in score.withheld_reason.words
    assert AnalysisSummary.from_json({}) == AnalysisSummary()


def test_a_score_without_an_endpoint_is_a_damaged_ledger() -> None:
    with pytest.raises(KeyError):
        AnalysisSummary.from_json({"scores": [{}]})
