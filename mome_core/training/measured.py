"""Everything that is measured of some models on some sets of cases: what the page of an evaluation is drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mome_core.case import Modality
from mome_core.results import Endpoint, ModelIdentity
from mome_core.training.answers import Answers
from mome_core.training.bi_rads_4 import CategoryFour
from mome_core.training.characteristics import Characteristic, CohortFlow
from mome_core.training.curves import (
    decision_band,
    decision_difference,
    precision_recall_band,
    roc_band,
    roc_band_by_sensitivity,
    sparing_band,
)
from mome_core.training.exposure import ExposureReport
from mome_core.training.readers import Reader
from mome_core.training.resampling import Band
from mome_core.training.scored import CoalitionFigures
from mome_core.training.statistics import Comparison, Interval, delong
from mome_core.training.subgroups import Subgroup


@dataclass(frozen=True, slots=True, eq=False)
class CaseSet:
    """The labelled cases of one set, under the name that the page gives it.

    Parameters
    ----------
    names
        Of the cases, as the manifest writes them.
    facts
        The manifest's other columns of each case.
    """

    name: str
    names: tuple[str, ...]
    facts: tuple[Mapping[str, str], ...]
    truth: NDArray[np.bool_]
    flow: CohortFlow

    def column(self, name: str) -> list[str]:
        """One column of the manifest; empty where a case has none."""
        return [facts.get(name, "") for facts in self.facts]


@dataclass(frozen=True, slots=True, eq=False)
class ModelCurves:
    """Curves of one model with their bands; `difference` is its net benefit minus the reference's."""

    roc: Band
    by_sensitivity: Band
    precision_recall: Band
    decision: Band
    sparing: Band
    difference: Band | None


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredModel:
    """One model on one set of cases.

    Parameters
    ----------
    exposure
        How many of the cases it has seen before.
    figures
        Each with its interval.
    against
        Each figure, and `auroc_delong` (DeLong's test) where cases are independent, minus that of the model it is
        compared with; empty for that model itself.
    contributions
        Shapley value of each modality in each case, in units of probability; NaN where a case lacks it.
    """

    identity: ModelIdentity
    answers: Answers
    exposure: ExposureReport
    figures: Mapping[str, Interval]
    against: Mapping[str, Comparison]
    curves: ModelCurves
    coalitions: tuple[CoalitionFigures, ...] = ()
    contributions: Mapping[Modality, NDArray[np.float64]] = field(default_factory=dict)
    category_four: CategoryFour | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredSet:
    """All models on one set of cases, and the first of them beside readers and in groups of patients."""

    cases: CaseSet
    models: tuple[MeasuredModel, ...]
    readers: tuple[Reader, ...] = ()
    groups: tuple[Subgroup, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The whole evaluation.

    Parameters
    ----------
    reference
        Name of the model that the others are compared with; empty with one model.
    patients
        Table of the patients of all sets.
    chosen_on
        Name of the set on which the operating point for BI-RADS 4 findings was chosen; empty where none is read at one.
    unit_notes
        Sentences about models that are asked about cases of another kind than they were trained on.
    """

    endpoint: Endpoint
    sets: tuple[MeasuredSet, ...]
    reference: str
    patients: tuple[Characteristic, ...]
    reader_cut: str
    repeats: int
    chosen_on: str = ""
    unit_notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One model's answers to one set, before anything is measured of them."""

    identity: ModelIdentity
    answers: Answers
    exposure: ExposureReport
    coalitions: tuple[CoalitionFigures, ...] = ()
    contributions: Mapping[Modality, NDArray[np.float64]] = field(default_factory=dict)


def measure_models(
    scored: Sequence[Scored],
    reference: str,
    fours: Sequence[CategoryFour | None],
    *,
    repeats: int = 1000,
    seed: int = 1,
) -> tuple[MeasuredModel, ...]:
    """Figures and curves of each model by the same draws of patients, and differences from the one that is named."""
    draws = scored[0].answers.draws(repeats, seed)
    resampled = [each.answers.figures(draws) for each in scored]
    compared = next((n for n, each in enumerate(scored) if each.identity.name == reference), None)
    found = []
    for number, each in enumerate(scored):
        other = None if compared in (None, number) else compared
        against: dict[str, Comparison] = {}
        if other is not None:
            against = {name: resampled[number].against(resampled[other], name) for name in resampled[number].value}
            against |= _by_delong(each.answers, scored[other].answers)
        curves = _curves(each.answers, None if other is None else scored[other].answers, draws)
        found.append(
            MeasuredModel(
                each.identity,
                each.answers,
                each.exposure,
                resampled[number].intervals(),
                against,
                curves,
                each.coalitions,
                each.contributions,
                fours[number],
            )
        )
    return tuple(found)


def _by_delong(first: Answers, second: Answers) -> dict[str, Comparison]:
    """DeLong's test, which takes cases for independent: only where each is a patient of its own."""
    if len(set(first.patients)) < len(first.patients):
        return {}
    return {"auroc_delong": delong(first.truth, first.probability, second.probability)}


def _curves(answers: Answers, reference: Answers | None, draws: Sequence[NDArray[np.int64]]) -> ModelCurves:
    truth, probability = answers.truth, answers.probability
    return ModelCurves(
        roc=roc_band(truth, probability, draws),
        by_sensitivity=roc_band_by_sensitivity(truth, probability, draws),
        precision_recall=precision_recall_band(truth, probability, draws),
        decision=decision_band(truth, probability, draws),
        sparing=sparing_band(truth, probability, draws),
        difference=decision_difference(truth, probability, reference.probability, draws) if reference else None,
    )
