"""Is a model of single breasts as good as one of patients? Both learn from the same phantoms, from the same start.

    python -m benchmarks.per_breast [--training 90] [--validation 30] [--test 120] [--epochs 6] [--size tiny]

A phantom has one lesion (malignant, benign or none) in one breast; both breasts are cases of the second model, and a
breast without the malignant lesion is negative. Each model is the shipped demo model, trained further with the same
numbers. Printed are the AUROC of patients, of breasts, of patients by their worse breast, and how often the worse
breast of a malignant patient is the one with the lesion; 95 % intervals of draws of patients. Exit code 1 when the
AUROC of breasts is lower than that of patients by more than 0.02.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dicom_io.phantom.acquisition import stream
from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.body import draw_body
from dicom_io.phantom.spec import Lesion, PhantomSpec, Size
from mome_core.case import Case
from mome_core.estimator import Augmentation, Estimator
from mome_core.model.checkpoint import load_checkpoint
from mome_core.model.mome import Mome
from mome_core.preprocessing.recipe import Recipe, UnitOfAnalysis
from mome_core.results import Endpoint, Laterality
from mome_core.scoring import pooled
from mome_core.training.config import Flips, Optimizer, Parts, TrainingConfig
from mome_core.training.dataset import Example, Source, prepare_cohort
from mome_core.training.loop import train
from mome_core.training.metrics import auroc
from mome_core.training.predict import answer_cases
from mome_core.training.statistics import Interval, bootstrap
from mome_core.training.task import Task
from node.models import find_bundle

_LESIONS = (Lesion.MALIGNANT, Lesion.BENIGN, Lesion.MALIGNANT, Lesion.NONE)  # in turn: half of the patients malignant
_FIRST_SEED = 12_000_000
_WORST = 0.02  # that the AUROC of breasts may lie below that of patients
_ONE_VERSION = Estimator(Augmentation.NONE)


@dataclass(frozen=True, slots=True)
class Plan:
    """How many patients learn, choose and test, for how long, and of which size."""

    training: int = 90
    validation: int = 30
    test: int = 120
    epochs: int = 6
    size: Size = Size.TINY
    workers: int = 1
    cache: Path = Path(".cache/per-breast")

    @property
    def config(self) -> TrainingConfig:
        """The demo model's own training, shorter and with a smaller rate, for it knows phantoms already."""
        return TrainingConfig(
            epochs=self.epochs,
            batch_size=8,
            accumulation=1,
            optimizer=Optimizer.ADAMW,
            learning_rate=3e-4,
            final_learning_rate=1e-5,
            gradient_clip=1.0,
            flips=Flips.GROUP,
            modality_dropout=0.25,
            patch_loss=1.0,
            parts=Parts.EVERYTHING,
            threads=2,
        )


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredCases:
    """The cases of a model that it has not seen: whose, which breast, the truth, and its log odds."""

    patients: tuple[str, ...]
    sides: tuple[Laterality | None, ...]
    truth: NDArray[np.bool_]
    log_odds: NDArray[np.float64]

    def of(self, patient: str) -> NDArray[np.int64]:
        """Places of a patient's cases."""
        return np.flatnonzero([each == patient for each in self.patients])


def main() -> None:
    """Train both, measure, print, and judge."""
    arguments = _parse_arguments()
    plan = Plan(**{name: getattr(arguments, name) for name in Plan.__slots__})
    figures = compare(plan)
    if arguments.json:
        print(json.dumps({name: [each.value, each.low, each.high] for name, each in figures.items()}))
    else:
        for name, each in figures.items():
            print(f"{name:60} {each}")
    sys.exit(not holds(figures))


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("training", "validation", "test", "epochs", "workers"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Plan(), name))
    parser.add_argument("--size", type=Size, choices=list(Size), default=Size.TINY)
    parser.add_argument("--cache", type=Path, default=Plan().cache, help="prepared cases")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def holds(figures: dict[str, Interval]) -> bool:
    """Whether a breast is told apart as well as a patient, to within 0.02."""
    return figures["AUROC of breasts"].value >= figures["AUROC of patients"].value - _WORST


def compare(plan: Plan) -> dict[str, Interval]:
    """Every figure, by its name."""
    torch.set_num_threads(2)
    patients, breasts = (_tested(plan, unit) for unit in UnitOfAnalysis)
    return figures_of(patients, breasts)


def _tested(plan: Plan, unit: UnitOfAnalysis) -> AnsweredCases:
    """The answers of a model of this unit to cases that it has not seen."""
    start = load_checkpoint(find_bundle("demo"))
    recipe = replace(start.recipe, unit=unit, motion=None)  # these phantoms hold still
    counts = (plan.training, plan.validation, plan.test)
    firsts = np.cumsum((_FIRST_SEED, *counts[:2]))
    sides = [_prepared(plan, unit, recipe, first, count) for first, count in zip(firsts, counts, strict=True)]
    with tempfile.TemporaryDirectory() as run:
        task = Task(start.network, recipe, sides[0], sides[1], plan.config)
        network = train(task, Path(run) / "run").network
    assert isinstance(network, Mome)
    return _answered(network, recipe, sides[2])


def _answered(network: Mome, recipe: Recipe, cases: Sequence[Example]) -> AnsweredCases:
    answers = answer_cases(network, cases, recipe, _ONE_VERSION)
    log_odds = [next(iter(pooled(each, Endpoint.MALIGNANCY, _ONE_VERSION).values())) for each in answers]
    named = {side.value: side for side in (Laterality.LEFT, Laterality.RIGHT)}
    return AnsweredCases(
        tuple(each.patient for each in cases),
        tuple(named.get(each.name.rpartition(" ")[2]) for each in cases),
        np.array([each.labels[Endpoint.MALIGNANCY] == 1 for each in cases]),
        np.array(log_odds),
    )


def _prepared(plan: Plan, unit: UnitOfAnalysis, recipe: Recipe, first: int, count: int) -> tuple[Example, ...]:
    """The cases of these patients; every phantom can be prepared, so an exclusion is a defect."""
    specs = [PhantomSpec(seed=first + n, lesion=_LESIONS[n % len(_LESIONS)], size=plan.size) for n in range(count)]
    both = (Laterality.LEFT, Laterality.RIGHT) if unit is UnitOfAnalysis.BREAST else (None,)
    sources = [_source(spec, side) for spec in specs for side in both]
    cohort = prepare_cohort(sources, recipe, plan.cache, workers=plan.workers)
    if cohort.exclusions:
        raise SystemExit(f"{len(cohort.exclusions)} phantoms failed; first: {cohort.exclusions[0]}")
    return cohort.examples


def _source(spec: PhantomSpec, side: Laterality | None) -> Source:
    """A patient, or a breast of hers, with the truth of the simulation."""
    name, malignant = f"phantom {spec.seed}", spec.lesion is Lesion.MALIGNANT
    positive = malignant and side in (None, side_of_lesion(spec))
    return Source(
        name=name if side is None else f"{name} {side}",
        patient=name,
        labels={Endpoint.MALIGNANCY: int(positive)},
        content=partial(repr, spec),
        read=partial(_examined, spec),
        side=side,
    )


@lru_cache(maxsize=1)
def _examined(spec: PhantomSpec) -> Case:
    return replace(simulate(spec).case(), acquisition={"field_strength_t": spec.field_strength_t})


def side_of_lesion(spec: PhantomSpec) -> Laterality | None:
    """The breast that bears the lesion, as the simulation draws it; LPS: left is +x."""
    lesion = draw_body(stream(spec, "patient"), spec.lesion, spec.breasts, spec.position).lesion
    if lesion is None:
        return None
    return Laterality.LEFT if lesion.centre_mm[0] > 0 else Laterality.RIGHT


def figures_of(patients: AnsweredCases, breasts: AnsweredCases) -> dict[str, Interval]:
    """Figures of both models with intervals of the same draws of patients."""
    names = patients.patients
    pair = np.array([breasts.of(name) for name in names])  # (patients, 2)
    worse = np.take_along_axis(breasts.log_odds[pair], breasts.log_odds[pair].argmax(1)[:, None], 1)[:, 0]
    found = np.take_along_axis(breasts.truth[pair], breasts.log_odds[pair].argmax(1)[:, None], 1)[:, 0]

    def measured(i: NDArray[np.int64]) -> dict[str, float]:
        of_patients = auroc(patients.truth[i], patients.log_odds[i])
        of_breasts = auroc(breasts.truth[pair[i]].ravel(), breasts.log_odds[pair[i]].ravel())
        return {
            "AUROC of patients": of_patients,
            "AUROC of breasts": of_breasts,
            "AUROC of breasts minus that of patients": of_breasts - of_patients,
            "AUROC of patients by their worse breast": auroc(patients.truth[i], worse[i]),
            "malignant patients whose worse breast has the lesion": float(found[i][patients.truth[i]].mean()),
        }

    return bootstrap(measured, names)


if __name__ == "__main__":
    main()
