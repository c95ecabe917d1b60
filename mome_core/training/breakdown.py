"""An evaluation seen from other sides: groups of patients, readers, BI-RADS 4, contributions of the modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mome_core.case import Modality
from mome_core.explain.contribution import shapley_values
from mome_core.model.checkpoint import AnyCheckpoint
from mome_core.training.errors import TrainingRefused
from mome_core.training.evaluate import Evaluation, Scores, auroc_difference
from mome_core.training.metrics import auroc, confusion
from mome_core.training.statistics import Comparison, Interval, bootstrap

_FEWEST = 5  # cases of each class for which a group is measured
_SUSPICIOUS = 4.0  # a reader's BI-RADS category from which on the case is called positive
_BI_RADS_4 = ("4", "4a", "4b", "4c")
_SENSITIVITY = 0.98  # of the operating point below which a BI-RADS 4 finding is downgraded


@dataclass(frozen=True, slots=True)
class Subgroup:
    """AUROC of the cases that one column of the manifest calls alike."""

    column: str
    value: str
    cases: int
    positive: int
    auroc: Interval


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader on the cases that were read; difference and p-value are of the model's AUROC minus the reader's."""

    name: str
    cases: int
    sensitivity: float
    specificity: float
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Downgrade:
    """The consequences of calling BI-RADS 4 findings below an operating point benign.

    Parameters
    ----------
    threshold
        The highest that keeps `sensitivity` on the cases it was chosen on; the rest is of other cases.
    spared
        Benign findings below it, biopsies that would not be done.
    missed
        Malignant ones below it.
    """

    threshold: float
    sensitivity: float
    chosen_on: int
    benign: int
    malignant: int
    spared: int
    missed: int


def by_group(
    evaluation: Evaluation, groups: Mapping[str, Sequence[str]], *, repeats: int = 1000, seed: int = 1
) -> list[Subgroup]:
    """Every group with enough cases of both classes.

    Parameters
    ----------
    groups
        By column, the value of each case of the evaluation.
    """
    found = []
    for column, values in groups.items():
        for value in sorted(set(values) - {""}):
            inside = np.flatnonzero([each == value for each in values])
            labels = evaluation.truth[inside]
            if min(labels.sum(), (~labels).sum()) < _FEWEST:
                continue
            patients = [evaluation.examples[n].patient for n in inside]
            measured = _auroc_interval(labels, evaluation.probability[inside], patients, repeats, seed)
            found.append(Subgroup(column, value, len(inside), int(labels.sum()), measured))
    return found


def _auroc_interval(
    labels: NDArray[np.bool_], scores: Scores, patients: Sequence[str], repeats: int, seed: int
) -> Interval:
    """AUROC with its 95 % interval over patients."""
    return bootstrap(lambda i: {"auroc": auroc(labels[i], scores[i])}, patients, repeats=repeats, seed=seed)["auroc"]


def against_readers(
    evaluation: Evaluation, ratings: Mapping[str, Sequence[str]], *, repeats: int = 1000, seed: int = 1
) -> list[Reader]:
    """Each reader against the model; TrainingRefused for a rating that is not a number.

    Parameters
    ----------
    ratings
        By reader, the BI-RADS category or probability of each case; empty where it was not read.
    """
    found = []
    for name, values in ratings.items():
        read = [n for n, value in enumerate(values) if value]
        given = np.array([number(name, values[n]) for n in read])
        labels, ours = evaluation.truth[read], evaluation.probability[read]
        if not read or labels.all() or not labels.any():
            continue
        cut = _SUSPICIOUS if given.max() > 1 else 0.5
        counts = confusion(labels, given, float(np.nextafter(cut, 0)))
        patients = [evaluation.examples[n].patient for n in read]
        compared = auroc_difference(labels, ours, given, patients, repeats=repeats, seed=seed)
        found.append(Reader(name, len(read), counts.sensitivity, counts.specificity, compared))
    return found


def number(name: str, text: str) -> float:
    """A rating: a number, or a BI-RADS category such as 4a."""
    letters = {"a": 0.1, "b": 0.2, "c": 0.3}
    head, tail = (text[:-1], letters[text[-1].lower()]) if text[-1:].lower() in letters else (text, 0.0)
    try:
        return float(head) + tail
    except ValueError:
        raise TrainingRefused(f"{name}: '{text}' is not a rating; write a number or a BI-RADS category") from None


def downgrade(
    chosen: Evaluation, chosen_bi_rads: Sequence[str], other: Evaluation, other_bi_rads: Sequence[str]
) -> Downgrade | None:
    """The operating point from some cases, what it does to the BI-RADS 4 findings of others; None without any."""
    mine, theirs = _is_bi_rads_4(chosen_bi_rads), _is_bi_rads_4(other_bi_rads)
    malignant = chosen.probability[mine & chosen.truth]
    if not malignant.size or not theirs.any():
        return None
    threshold = float(np.sort(malignant)[int(np.floor((1 - _SENSITIVITY) * malignant.size))])
    below = other.probability[theirs] < threshold
    truth = other.truth[theirs]
    return Downgrade(
        threshold=threshold,
        sensitivity=float((malignant >= threshold).mean()),
        chosen_on=int(mine.sum()),
        benign=int((~truth).sum()),
        malignant=int(truth.sum()),
        spared=int((below & ~truth).sum()),
        missed=int((below & truth).sum()),
    )


def _is_bi_rads_4(values: Sequence[str]) -> NDArray[np.bool_]:
    """Which cases were called BI-RADS 4, with or without a letter."""
    return np.array([value.lower() in _BI_RADS_4 for value in values], bool)


def mean_contributions(checkpoint: AnyCheckpoint, evaluation: Evaluation) -> dict[Modality, float]:
    """Mean absolute Shapley value of each modality over the cases that have it, in units of probability.

    None from a model that cannot answer from every subset of a case's modalities.
    """
    base_rate = checkpoint.calibrations(evaluation.endpoint).base_rate
    pairs = zip(evaluation.examples, evaluation.coalitions, strict=True)
    if base_rate is None or any(len(answers) < 2 ** len(example.modalities) - 1 for example, answers in pairs):
        return {}
    values: dict[Modality, list[float]] = {}
    for answers in evaluation.coalitions:
        for modality, value in shapley_values({**answers, frozenset(): base_rate}).items():
            values.setdefault(modality, []).append(abs(value))
    return {modality: float(np.mean(values[modality])) for modality in Modality if modality in values}
