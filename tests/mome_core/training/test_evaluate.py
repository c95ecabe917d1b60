"""An evaluation: every figure with its interval, subsets of modalities, and two models on the same cases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibrations import calibrated, calibrations
from mome_core.case import Modality
from mome_core.inference import score
from mome_core.model.checkpoint import Checkpoint
from mome_core.policy import default_policy
from mome_core.results import Endpoint
from mome_core.training.errors import TrainingRefused
from mome_core.training.evaluate import (
    Evaluation,
    auroc_difference,
    compare,
    evaluate,
    score_coalitions,
    scored,
    subset_auroc,
)
from mome_core.training.metrics import auroc
from training_examples import examples


def evaluation(patients: list[str], scores: np.ndarray, truth: np.ndarray, folder: Path) -> Evaluation:
    cases = zip(examples(folder, 1) * len(patients), patients, strict=True)
    of = tuple(replace(case, name=f"{n}", patient=patient) for n, (case, patient) in enumerate(cases))
    return Evaluation(Endpoint.MALIGNANCY, of, truth, scores, (), 0.5, {}, {})


def test_a_trained_model_is_measured_on_the_cases_that_have_a_label(folder: Path, trained: Checkpoint) -> None:
    cases = examples(folder, 12, first=400)
    unlabelled = replace(cases[0], name="unlabelled", labels={})
    found = evaluate(trained, [*cases, unlabelled], Endpoint.MALIGNANCY, repeats=50)
    assert len(found.examples) == len(found.truth) == len(found.probability) == 12
    measured = found.figures["auroc"]
    assert measured.value == pytest.approx(auroc(found.truth, found.probability))
    assert measured.low <= measured.value <= measured.high
    assert set(found.subsets) == {"DCE", "T2", "DWI", "DCE+DWI", "DCE+T2", "DWI+T2"}


def test_what_a_model_does_not_answer_and_cases_without_labels_are_refused(folder: Path, trained: Checkpoint) -> None:
    cases = examples(folder, 2, first=400)
    with pytest.raises(TrainingRefused, match="does not answer triple_negative"):
        evaluate(trained, [replace(c, labels={Endpoint.TRIPLE_NEGATIVE: 1}) for c in cases], Endpoint.TRIPLE_NEGATIVE)
    with pytest.raises(TrainingRefused, match="none of the 2 cases has a label"):
        evaluate(trained, [replace(case, labels={}) for case in cases], Endpoint.MALIGNANCY)


def test_a_subset_is_measured_on_cases_that_have_it_and_only_with_both_classes(
    folder: Path, trained: Checkpoint
) -> None:
    cases = examples(folder, 6, first=400)
    only_t2 = examples(folder, 6, first=500, modalities=(Modality.T2,))
    pair, labels = frozenset((Modality.DCE, Modality.T2)), np.arange(6) % 2 == 1
    whole, alone = (score_coalitions(trained, each, Endpoint.MALIGNANCY) for each in (cases, only_t2))
    expected = subset_auroc(labels, whole, pair)
    assert subset_auroc(np.r_[labels, labels], [*whole, *alone], pair) == expected
    assert subset_auroc(labels, alone, pair) is None
    assert subset_auroc(labels[1::2], whole[1::2], pair) is None


def test_scores_are_read_by_the_calibration_of_the_bundle(folder: Path, trained: Checkpoint) -> None:
    cases = examples(folder, 3, first=400)
    first, second = (
        replace(trained, estimators=(calibrated(trained.estimator, of=calibrations(slope=slope)),))
        for slope in (1.0, 0.5)
    )
    plain, softened = (scored(each, cases, Endpoint.MALIGNANCY) for each in (first, second))
    assert np.log(softened / (1 - softened)) == pytest.approx(np.log(plain / (1 - plain)) / 2)


def test_an_evaluation_measures_the_very_number_that_the_node_answers(folder: Path, trained: Checkpoint) -> None:
    cases = examples(folder, 3, first=400)
    evaluated = evaluate(trained, cases, Endpoint.MALIGNANCY, repeats=50).probability
    called = replace(trained, estimators=(calibrated(trained.estimator),))
    answered = [score(each.arrays(), called, default_policy(trained.network))[0].probability for each in cases]
    assert scored(called, cases, Endpoint.MALIGNANCY).tolist() == answered
    assert scored(trained, cases, Endpoint.MALIGNANCY).tolist() == evaluated.tolist()


def test_delong_is_given_only_where_each_case_is_a_patient_of_its_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(40) % 2 == 1
    first, second = (rng.random(40) + shift * truth for shift in (0.5, 0.2))
    own, shared = [str(n) for n in range(40)], [str(n // 2) for n in range(40)]
    alone = compare(*(evaluation(own, each, truth, tmp_path) for each in (first, second)), repeats=50)
    together = compare(*(evaluation(shared, each, truth, tmp_path) for each in (first, second)), repeats=50)
    assert set(alone) == {"bootstrap", "delong"} and set(together) == {"bootstrap"}
    assert alone["delong"].first == pytest.approx(auroc(truth, first))


def test_two_models_on_other_cases_cannot_be_compared(tmp_path: Path) -> None:
    truth = np.array([False, True])
    with pytest.raises(TrainingRefused, match="same cases only"):
        compare(*(evaluation(who, np.array([0.1, 0.9]), truth, tmp_path) for who in (["a", "b"], ["a", "c"])))


def test_a_model_that_ranks_better_has_a_positive_difference() -> None:
    truth = np.arange(60) % 2 == 1
    noise = np.random.default_rng(1).random(60)
    found = auroc_difference(truth, truth + noise / 2, noise, [str(n) for n in range(60)], repeats=100)
    assert found.first == 1.0 and found.difference.low > 0
