"""The metrics by which two public challenges rank their entries, as their own scripts compute them.

ODELIA 2025: the evaluation container of the challenge (grand-challenge.org; a public copy of its evaluate.py): every
breast has three probabilities; ROC of all three together (micro average). MAMA-MIA 2025, task 2:
github.com/LidiaGarrucho/MAMA-MIA, src/challenge/scoring_task2.py (3b40cf6): balanced accuracy, and how much rates of
calls differ between groups of patients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mome_core.training.errors import TrainingRefused
from mome_core.training.metrics import auroc, call_metrics, roc_curve

CLASSES = ("normal", "benign", "malignant")  # Lesion 0, 1, 2 of ODELIA
_AT = 0.90  # specificity at this sensitivity, and the other way round
_FAIRNESS_WEIGHT = 0.5
_AGES = ((0, 40, "0-40"), (40, 50, "41-50"), (50, 60, "51-60"), (60, 70, "61-70"), (70, 100, "71+"))

_Calls = NDArray[np.bool_]


def breast_likelihoods(malignancy: float) -> dict[str, float]:
    """The three probabilities of a breast from that of malignancy: a model that does not tell normal from benign gives
    each of them half of the rest.
    """
    rest = (1.0 - malignancy) / 2
    return {"normal": rest, "benign": rest, "malignant": malignancy}


def odelia_scores(lesions: Sequence[int], likelihoods: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """AUC, Specificity, Sensitivity and Score of breasts, under the challenge's names.

    Parameters
    ----------
    lesions
        0 normal, 1 benign, 2 malignant.
    """
    truth = np.array([[lesion == n for n in range(len(CLASSES))] for lesion in lesions]).ravel()
    values = np.array([[each[name] for name in CLASSES] for each in likelihoods]).ravel()
    false_alarms, hits = roc_curve(truth, values)
    found = {
        "AUC": auroc(truth, values),
        "Specificity": 1 - float(np.interp(_AT, hits, false_alarms)),
        "Sensitivity": float(np.interp(1 - _AT, false_alarms, hits)),
    }
    return found | {"Score": float(np.mean(list(found.values())))}


def mama_mia_scores(truth: _Calls, called: _Calls, groups: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Balanced accuracy, fairness (1 is equal rates in all groups) and the ranking score of calls of response.

    Parameters
    ----------
    groups
        By variable, the group of each patient; empty where it is not known, and then the patient is in none.
    """
    rates = call_metrics(truth, called)
    balanced = (rates["sensitivity"] + rates["specificity"]) / 2
    if not np.isfinite(balanced):
        raise TrainingRefused("balanced accuracy needs patients with and without a complete response")
    found = {"balanced_accuracy": balanced}
    disparities = [_disparity(truth, called, np.array(values)) for values in groups.values() if any(values)]
    if disparities:
        fairness = 1 - float(np.clip(np.mean(disparities), 0, 1))
        ranking = (1 - _FAIRNESS_WEIGHT) * balanced + _FAIRNESS_WEIGHT * fairness
        found |= {"fairness": fairness, "ranking_score": ranking}
    return found


def age_group(text: str) -> str:
    """The challenge's group of an age in years; empty for none."""
    try:
        years = float(text)
    except ValueError:
        return ""
    return next((name for low, high, name in _AGES if low < years <= high), "")


def menopausal_group(text: str) -> str:
    """The challenge's group of a menopausal status; what is not known is a group too."""
    word = text.strip().lower()
    if "peri" in word or "pre" in word:
        return "pre"
    return "post" if "post" in word else word or "unknown"


def _disparity(truth: _Calls, called: _Calls, groups: NDArray[np.str_]) -> float:
    """Equalised odds: how far the groups' true and false positive rates lie apart, added."""
    rates = [_rates(truth[groups == name], called[groups == name]) for name in sorted(set(groups.tolist()) - {""})]
    hits, false_alarms = zip(*rates, strict=True)
    return float(max(hits) - min(hits) + max(false_alarms) - min(false_alarms))


def _rates(truth: _Calls, called: _Calls) -> tuple[float, float]:
    """True and false positive rate; 0 where there is nobody to count."""
    hits = float(called[truth].mean()) if truth.any() else 0.0
    false_alarms = float(called[~truth].mean()) if not truth.all() else 0.0
    alike = len({*truth.tolist(), *called.tolist()}) < 2
    return (0.0, 0.0) if alike else (hits, false_alarms)
