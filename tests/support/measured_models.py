"""Evaluations made of random numbers: models that rank well or badly, readers, BI-RADS categories, two sites."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mome_core.case import Modality
from mome_core.results import Endpoint, ModelIdentity
from mome_core.training.answers import Answers
from mome_core.training.bi_rads_4 import bi_rads_4, category_four, choose_downgrade
from mome_core.training.characteristics import CohortFlow, characteristics
from mome_core.training.exposure import Exposure, ExposureReport
from mome_core.training.measured import (
    CaseSet,
    Measured,
    MeasuredSet,
    Scored,
    measure_models,
)
from mome_core.training.readers import against_readers
from mome_core.training.scored import CoalitionFigures
from mome_core.training.statistics import Interval
from mome_core.training.subgroups import by_group

REPEATS = 100
_CATEGORIES = np.array(["2", "3", "4", "4a", "4b", "4c", "5"])


def answers(truth: np.ndarray, separation: float, seed: int, threshold: float = 0.5) -> Answers:
    """A model whose log odds differ by so many standard deviations between the classes; a patient for each case."""
    n = len(truth)
    probability = 1 / (1 + np.exp(-(np.random.default_rng(seed).normal(size=n) + separation * (truth - 0.5))))
    return Answers(tuple(map(str, range(n))), truth, probability, probability > threshold, np.ones(n, bool))


def truth_of(cases: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(cases) < 0.45


def categories(truth: np.ndarray, seed: int, noise: float = 1.0) -> list[str]:
    """BI-RADS categories that go with the truth, more or less."""
    levels = truth * 2.4 + 1.6 + np.random.default_rng(seed).normal(0, noise, len(truth))
    return list(_CATEGORIES[np.clip(levels.astype(int), 0, len(_CATEGORIES) - 1)])


def case_set(name: str, cases: int = 80, seed: int = 1) -> CaseSet:
    """Cases with age, enhancement, category, site and two readers; four of the listed ones fell out."""
    truth, rng = truth_of(cases, seed), np.random.default_rng(seed + 1000)
    columns = {
        "age": [str(int(age)) for age in rng.normal(50 + 4 * truth, 10).clip(25, 85)],
        "bpe": list(rng.choice(["minimal", "mild", "moderate", "marked"], cases)),
        "bi_rads": categories(truth, seed + 1),
        "site": list(rng.choice(["<b>north</b>", "south"], cases)),
        "reader_Ann": categories(truth, seed + 2),
        "reader_Bob": categories(truth, seed + 3, 1.6),
    }
    facts = tuple({name: str(values[n]) for name, values in columns.items()} for n in range(cases))
    flow = CohortFlow(
        cases + 4,
        {"no breast was found": 2},
        1,
        {"ours": {"MOTION_LEFT": 1}},
        cases,
        int(truth.sum()),
        {"ours": 0, "resnet34-dce": 4},
    )
    return CaseSet(name, tuple(f"{name}/{n:03d}" for n in range(cases)), facts, truth, flow)


def exposure(cases: CaseSet, seen: int = 0) -> ExposureReport:
    """A model that was trained on the first so many of the cases, each a patient of its own."""
    found = {n: Exposure.TRAINING if k < seen else Exposure.NEW for k, n in enumerate(cases.names)}
    return ExposureReport(found, seen, 0, len(found), complete=True, recorded=True)


def coalition_figures(cases: CaseSet) -> tuple[CoalitionFigures, ...]:
    """All modalities, one alone, and one that gives no call."""
    counts, interval = (len(cases.truth), int(cases.truth.sum())), Interval(0.9, 0.8, 0.95)
    called = {"auroc": interval, "sensitivity": interval, "specificity": Interval(0.7, 0.6, 0.8)}
    blind = {"auroc": Interval(0.52, 0.4, 0.6)}
    return (
        CoalitionFigures(tuple(Modality), *counts, called, ""),
        CoalitionFigures((Modality.DCE,), *counts, called, ""),
        CoalitionFigures((Modality.T2,), *counts, blind, "validation AUROC not above 0.6"),
    )


def measured_set(cases: CaseSet, names: Sequence[str], reference: str, *, seed: int = 7) -> MeasuredSet:
    """Models of falling quality on these cases."""
    four = bi_rads_4(cases.column("bi_rads"))
    said = [answers(cases.truth, 2.6 / (1 + n), seed + n) for n in range(len(names))]
    validation = truth_of(60, seed + 50)
    compared = said[names.index(reference)].of(four) if reference else None
    fours = [
        category_four(
            each.of(four),
            choose_downgrade(answers(validation, 2.6 / (1 + n), seed + 90), each.of(four)),
            None if name == reference else compared,
            repeats=REPEATS,
        )
        for n, (name, each) in enumerate(zip(names, said, strict=True))
    ]
    rng = np.random.default_rng(seed)
    shares = {m: rng.normal(0.1 * (n + 1) * (2 * cases.truth - 1), 0.05) for n, m in enumerate(Modality)}
    scored = [
        Scored(
            ModelIdentity(name, "1", "a1b2" * 16, f"{name} knows random numbers."),
            each,
            exposure(cases),
            coalition_figures(cases) if n == 0 else (),
            shares if n == 0 else {},
        )
        for n, (name, each) in enumerate(zip(names, said, strict=True))
    ]
    readers = {name: cases.column(name) for name in ("reader_Ann", "reader_Bob")}
    columns = {name: cases.column(name) for name in ("age", "bpe", "bi_rads", "site")}
    return MeasuredSet(
        cases,
        measure_models(scored, reference, fours, repeats=REPEATS),
        tuple(against_readers(said[0], readers, repeats=REPEATS)),
        tuple(by_group(said[0], columns, repeats=REPEATS)),
    )


def measured(
    names: Sequence[str] = ("ours", "resnet34-dce"), reference: str = "resnet34-dce", sets: int = 2
) -> Measured:
    """A whole evaluation."""
    found = tuple(
        measured_set(case_set(name, 80 - 10 * n, seed=11 + n), names, reference, seed=21 + 10 * n)
        for n, name in enumerate(("internal", "external")[:sets])
    )
    table = characteristics(["age", "bpe", "bi_rads", "site"], [(each.cases.facts, each.cases.truth) for each in found])
    return Measured(Endpoint.MALIGNANCY, found, reference, tuple(table), "4b", REPEATS, "validation")
