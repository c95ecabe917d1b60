"""What a result cannot be, and what it says of itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mome_core.case import Modality
from mome_core.errors import NumericsFault
from mome_core.results import Endpoint, ModelIdentity, QualityFlag, Result, Saliency, Score, Severity
from mome_core.volume import Volume

MODEL = ModelIdentity("tiny", "1", "00", "Knows nothing.")
SCORE = Score(Endpoint.MALIGNANCY, 0.7, 0.5, 0.01, 8, MODEL)


def test_every_endpoint_has_words_for_the_reader() -> None:
    words = [endpoint.words for endpoint in Endpoint]
    assert all(words) and len(set(words)) == len(Endpoint)


def test_a_score_is_positive_above_its_threshold_and_not_at_it() -> None:
    assert SCORE.positive
    assert not replace(SCORE, threshold=0.7).positive


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


def test_the_modalities_that_are_missing_are_those_that_were_not_used() -> None:
    assert Result((SCORE,), (), (Modality.T2, Modality.DCE)).modalities_missing == (Modality.DWI,)
