"""What a result cannot be, and what it says of itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibrations import a_score, calibration
from mome_core.calibration import Call, WithheldCode
from mome_core.case import Modality
from mome_core.errors import NumericsFault
from mome_core.results import Endpoint, ModelIdentity, QualityFlag, Result, Saliency, Severity, combined
from mome_core.volume import Volume

MODEL = ModelIdentity("tiny", "1", "00", "Knows nothing.")
SCORE = a_score(MODEL, 0.7)
NO_DCE = (Modality.DWI, Modality.T2)
SILENT = calibration(NO_DCE, withheld=WithheldCode.NOT_TOLD_APART)


def test_every_endpoint_has_words_for_the_reader() -> None:
    words = [endpoint.words for endpoint in Endpoint]
    assert all(words) and len(set(words)) == len(Endpoint)


def test_a_score_is_positive_above_its_threshold_and_not_at_it() -> None:
    assert SCORE.call is Call.POSITIVE and SCORE.withheld is None
    assert replace(SCORE, calibration=calibration(threshold=0.7)).call is Call.NEGATIVE


def test_modalities_that_do_not_tell_patients_apart_give_no_number_and_the_reason() -> None:
    score = a_score(MODEL, None, read_by=SILENT)
    assert score.call is Call.WITHHELD and score.at_this_score is None
    assert score.withheld is not None and score.withheld.code is WithheldCode.NOT_TOLD_APART
    assert "DWI + T2" in score.withheld.words
    with pytest.raises(ValueError, match="is withheld"):
        replace(score, probability=0.5)
    with pytest.raises(ValueError, match="nothing withholds it"):
        replace(SCORE, probability=None)


def test_an_old_bundle_shows_its_score_and_withholds_its_call() -> None:
    old = calibration(withheld=WithheldCode.NOT_CALIBRATED, validation=None)
    score = a_score(MODEL, 0.7, read_by=old)
    assert (score.probability, score.call) == (0.7, Call.WITHHELD)
    assert score.withheld is not None and "no operating point" in score.withheld.words


@pytest.mark.parametrize("probability", [-0.01, 1.01])
def test_a_probability_outside_of_0_and_1_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="must be in"):
        replace(SCORE, probability=probability)


def test_a_probability_that_is_not_finite_names_its_endpoint() -> None:
    with pytest.raises(NumericsFault, match="probability of malignancy"):
        replace(SCORE, probability=float("nan"))


def test_a_saliency_that_is_not_finite_names_its_modality() -> None:
    volume = Volume(np.full((2, 2, 2), np.inf, np.float32), np.eye(4), "")
    with pytest.raises(NumericsFault, match="saliency of T2"):
        Saliency(Endpoint.MALIGNANCY, Modality.T2, volume, "gradient x input", "none", 1, 0.0)


def test_a_result_without_scores_says_why_and_one_with_scores_does_not() -> None:
    with pytest.raises(ValueError, match="has scores, or says why"):
        Result((), (), (Modality.DCE,))
    with pytest.raises(ValueError, match="has scores, or says why"):
        Result((SCORE,), (), (Modality.DCE,), withheld="Motion.")


def test_the_code_of_a_withheld_result_is_that_of_the_flag_that_withholds() -> None:
    flags = (
        QualityFlag("MISSING_T2", Severity.NOTE, "The study has no T2 series."),
        QualityFlag("MOTION_LEFT", Severity.WITHHOLD, "5 mm of motion."),
        QualityFlag("NO_CONTRAST_UPTAKE", Severity.WITHHOLD, "No uptake."),
    )
    assert Result((), (), (Modality.DCE,), flags, "5 mm of motion. No uptake.").withheld_code == "MOTION_LEFT"
    assert not Result((SCORE,), (), (Modality.DCE,), flags[:1]).withheld_code


def test_a_result_whose_scores_are_all_withheld_says_why() -> None:
    silent = a_score(MODEL, None, read_by=SILENT)
    result = Result((silent,), (), NO_DCE, withheld="No score.")
    assert result.withheld_code == WithheldCode.NOT_TOLD_APART
    with pytest.raises(ValueError, match="has scores, or says why"):
        Result((silent,), (), NO_DCE)


def test_the_modalities_that_are_missing_are_those_that_were_not_used() -> None:
    assert Result((SCORE,), (), (Modality.T2, Modality.DCE)).modalities_missing == (Modality.DWI,)


def test_bundles_that_answer_different_endpoints_give_one_result() -> None:
    motion = QualityFlag("MOTION_LEFT", Severity.WITHHOLD, "5 mm of motion.")
    note = QualityFlag("MISSING_T2", Severity.NOTE, "The study has no T2 series.")
    first = Result((SCORE,), (), (Modality.DCE,), (note,), policy="float32", timings_s={"scores": 1.0})
    other = replace(SCORE, endpoint=Endpoint.TRIPLE_NEGATIVE)
    second = Result((other,), (), (Modality.DCE, Modality.T2), (note,), policy="float32", timings_s={"scores": 2.0})
    both = combined([first, second])
    assert both.scores == (SCORE, other)
    assert (both.flags, both.policy, both.timings_s) == ((note,), "float32", {"scores": 3.0})
    assert both.modalities_used == (Modality.DCE, Modality.T2)
    withheld = Result((), (), (Modality.DCE,), (motion,), motion.message)
    with_doubt = combined([first, withheld])
    assert not with_doubt.withheld
    assert with_doubt.flags == (note, replace(motion, severity=Severity.WARNING))
    none = combined([withheld, withheld])
    assert (none.withheld, none.withheld_code, none.flags) == (motion.message, "MOTION_LEFT", (motion,))
