"""The challenges' metrics, held to what their scripts do with scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, roc_auc_score
from sklearn.metrics import roc_curve as their_roc_curve
from sklearn.preprocessing import label_binarize

from mome_core.training.challenges import (
    CLASSES,
    age_group,
    breast_likelihoods,
    mama_mia_scores,
    menopausal_group,
    odelia_scores,
)
from mome_core.training.errors import TrainingRefused


def test_a_breast_s_three_probabilities_add_up_and_malignant_is_the_model_s() -> None:
    found = breast_likelihoods(0.7)
    assert tuple(found) == CLASSES and found["malignant"] == 0.7
    assert found["normal"] == found["benign"] == pytest.approx(0.15)


@pytest.mark.parametrize("seed", range(5))
def test_odelia_s_scores_are_those_of_its_evaluation_container(seed: int) -> None:
    """Rounded to two decimals, so that scores tie, as those of a calibrated model may."""
    rng = np.random.default_rng(seed)
    lesions = rng.integers(0, 3, 60)
    given = [breast_likelihoods(round(float(p), 2)) for p in rng.random(60) * 0.5 + 0.25 * (lesions == 2)]
    truth = label_binarize(lesions, classes=[0, 1, 2])
    values = np.array([[each[name] for name in CLASSES] for each in given])
    rates, hits, _ = their_roc_curve(truth.ravel(), values.ravel(), drop_intermediate=False)
    auc = roc_auc_score(truth, values, average="micro")
    specificity, sensitivity = 1 - np.interp(0.9, hits, rates), np.interp(0.1, rates, hits)
    found = odelia_scores(lesions.tolist(), given)
    assert found == pytest.approx(
        {
            "AUC": auc,
            "Specificity": specificity,
            "Sensitivity": sensitivity,
            "Score": (auc + specificity + sensitivity) / 3,
        }
    )


def their_disparity(truth: np.ndarray, called: np.ndarray, groups: np.ndarray) -> float:
    """As scoring_task2.py goes through a variable's groups; patients without one are in none."""
    hits, false_alarms = [], []
    for name in sorted(set(groups) - {""}):
        counts = confusion_matrix(truth[groups == name], called[groups == name])
        if counts.shape == (2, 2):
            (tn, fp), (fn, tp) = counts
            hits.append(tp / (tp + fn) if tp + fn else 0)
            false_alarms.append(fp / (fp + tn) if fp + tn else 0)
        else:
            hits.append(0)
            false_alarms.append(0)
    return max(hits) - min(hits) + max(false_alarms) - min(false_alarms)


@pytest.mark.parametrize("seed", range(8))
def test_mama_mia_s_scores_are_those_of_its_script(seed: int) -> None:
    """With few patients, so that groups of one class and of one answer occur."""
    rng = np.random.default_rng(seed)
    truth = np.r_[True, False, rng.random(22) < 0.3]
    called = rng.random(24) < 0.4
    age, density = (rng.choice(values, 24) for values in (["0-40", "41-50", "71+", ""], ["a", "b", "c"]))
    fairness = np.clip(np.mean([their_disparity(truth, called, each) for each in (age, density)]), 0, 1)
    balanced = balanced_accuracy_score(truth, called)
    found = mama_mia_scores(truth, called, {"age": age.tolist(), "breast_density": density.tolist()})
    assert found == pytest.approx(
        {
            "balanced_accuracy": balanced,
            "fairness": 1 - fairness,
            "ranking_score": 0.5 * balanced + 0.5 * (1 - fairness),
        }
    )


def test_without_groups_nothing_is_said_of_fairness_and_one_class_is_refused() -> None:
    truth = np.array([True, False])
    assert mama_mia_scores(truth, truth, {"age": ["", ""]}) == {"balanced_accuracy": 1.0}
    with pytest.raises(TrainingRefused, match="with and without a complete response"):
        mama_mia_scores(np.array([True, True]), truth, {})


@pytest.mark.parametrize(("text", "group"), [("40", "0-40"), ("41", "41-50"), ("70.5", "71+"), ("", ""), ("0", "")])
def test_ages_fall_into_the_challenge_s_groups(text: str, group: str) -> None:
    assert age_group(text) == group


@pytest.mark.parametrize(
    ("text", "group"), [("Perimenopausal", "pre"), ("post", "post"), ("", "unknown"), ("NA", "na")]
)
def test_menopausal_status_is_cleaned_as_the_challenge_does(text: str, group: str) -> None:
    assert menopausal_group(text) == group
