"""What a model is worth on labelled studies: `evaluate_models` is the whole of an evaluation on one screen."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mome_core.model.checkpoint import AnyCheckpoint, load_either
from mome_core.results import Endpoint
from mome_core.training.breakdown import Downgrade, against_readers, by_group, downgrade, mean_contributions
from mome_core.training.cohort import GROUPS, ManifestRow
from mome_core.training.dataset import ExcludedCase
from mome_core.training.evaluate import Evaluation, compare, evaluate
from mome_core.training.exposure import ExposureReport, exposure_report
from mome_core.training.report import Breakdown, MeasuredModel, render
from mome_core.training.statistics import Comparison
from node.cases import CACHE, CohortProgress, answerable, exclusions_json, prepare_cases


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """What is measured on which cases of a manifest.

    Parameters
    ----------
    bundles
        The model that is measured, and one that it is compared with if there are two.
    split
        Only these cases; all when empty.
    repeats
        Draws of patients by the bootstrap.
    choose
        Split on which the operating point for BI-RADS 4 findings is chosen.
    """

    bundles: tuple[Path, ...]
    endpoint: Endpoint
    split: str = ""
    repeats: int = 1000
    choose: str = "validation"
    cache: Path = CACHE
    workers: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationReport:
    """Everything that was measured; the breakdown is of the first model."""

    measured: tuple[MeasuredModel, ...]
    comparison: Mapping[str, Comparison]
    breakdown: Breakdown
    excluded: tuple[ExcludedCase, ...]

    def to_json(self) -> dict[str, object]:
        """Plain values, for scripts and for `figures`."""
        sides = self.breakdown
        return {
            "models": [_measured_json(each) for each in self.measured],
            "comparison": {test: asdict(result) for test, result in self.comparison.items()},
            "excluded": exclusions_json(self.excluded),
            "groups": [asdict(each) for each in sides.groups],
            "readers": [asdict(each) for each in sides.readers],
            "bi_rads_4": asdict(sides.downgrade) if sides.downgrade else None,
            "contributions": {str(modality): value for modality, value in sides.contributions.items()},
        }


def evaluate_models(rows: Sequence[ManifestRow], plan: EvaluationPlan, progress: CohortProgress) -> EvaluationReport:
    """Every figure of one or two models with its 95 % interval by a bootstrap over patients.

    Raises TrainingRefused when the cases cannot tell.
    """
    chosen = [row for row in rows if plan.split in ("", row.split)]
    excluded: tuple[ExcludedCase, ...] = ()
    models: list[tuple[AnyCheckpoint, Evaluation]] = []
    exposures: list[ExposureReport] = []
    for bundle in plan.bundles:
        checkpoint = load_either(bundle)
        prepared = prepare_cases(chosen, checkpoint.recipe, plan.cache, plan.workers, progress)
        cohort = answerable(prepared, checkpoint.network, progress)
        excluded = cohort.exclusions
        count = progress.counting(f"{checkpoint.identity.name}: cases answered", len(cohort.examples))
        models.append(
            (
                checkpoint,
                evaluate(checkpoint, cohort.examples, plan.endpoint, repeats=plan.repeats, progress=count),
            )
        )
        exposures.append(exposure_report(checkpoint.manifest, models[-1][1].examples))
    evaluations = [evaluation for _, evaluation in models]
    comparison = compare(*evaluations, repeats=plan.repeats) if len(models) == 2 else {}
    breakdown = _break_down(*models[0], rows, plan, progress)
    measured = tuple(
        MeasuredModel(checkpoint.identity, evaluation, exposure)
        for (checkpoint, evaluation), exposure in zip(models, exposures, strict=True)
    )
    return EvaluationReport(measured, comparison, breakdown, excluded)


def _break_down(
    checkpoint: AnyCheckpoint,
    evaluation: Evaluation,
    rows: Sequence[ManifestRow],
    plan: EvaluationPlan,
    progress: CohortProgress,
) -> Breakdown:
    """Groups of patients, readers, BI-RADS 4 findings, contributions."""
    mine, repeats = _rows_of(evaluation, rows), plan.repeats
    readers = sorted({name for row in mine for name in row.facts if name.startswith("reader_")})
    return Breakdown(
        groups=by_group(evaluation, {each: [row.group(each) for row in mine] for each in GROUPS}, repeats=repeats),
        readers=against_readers(
            evaluation, {name: [row.facts.get(name, "") for row in mine] for name in readers}, repeats=repeats
        ),
        downgrade=_downgrade(checkpoint, evaluation, rows, plan, progress),
        contributions=mean_contributions(checkpoint, evaluation),
    )


def _rows_of(evaluation: Evaluation, rows: Sequence[ManifestRow]) -> list[ManifestRow]:
    """The manifest's row of each case, in the evaluation's order."""
    by_name = {row.name: row for row in rows}
    return [by_name[example.name] for example in evaluation.examples]


def _downgrade(
    checkpoint: AnyCheckpoint,
    evaluation: Evaluation,
    rows: Sequence[ManifestRow],
    plan: EvaluationPlan,
    progress: CohortProgress,
) -> Downgrade | None:
    """BI-RADS 4 findings that could be spared, at a point chosen on other cases; None without either."""
    chosen = [row for row in rows if plan.split and row.split == plan.choose != plan.split]
    mine = [row.facts.get("bi_rads", "") for row in _rows_of(evaluation, rows)]
    if not any(mine) or not chosen:
        return None
    cohort = prepare_cases(chosen, checkpoint.recipe, plan.cache, plan.workers, progress)
    other = evaluate(checkpoint, cohort.examples, evaluation.endpoint, repeats=100)
    return downgrade(other, [row.facts.get("bi_rads", "") for row in _rows_of(other, rows)], evaluation, mine)


# --- the report as files


def write_page(path: Path, report: EvaluationReport) -> None:
    """One HTML page with curves, which needs no network."""
    path.write_text(render(report.measured, dict(report.comparison), report.breakdown))


def write_figures(path: Path, report: EvaluationReport) -> None:
    """A CSV file: every number of the report, one a line, under its place in it."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["figure", "value"])
        writer.writerows(_leaves(report.to_json(), ()))


def write_cases(path: Path, model: MeasuredModel) -> None:
    """A CSV file: one line for each case, most confident errors first, since those are the ones to look at."""
    evaluation = model.evaluation
    mistake = abs(evaluation.probability - evaluation.truth)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case", "label", "probability", "called_positive", "to_the_model"])
        for n in mistake.argsort()[::-1]:
            probability = float(evaluation.probability[n])
            label, called = int(evaluation.truth[n]), int(probability > evaluation.threshold)
            name = evaluation.examples[n].name
            writer.writerow([name, label, f"{probability:.6f}", called, model.exposure.cases[name].value])


def _measured_json(model: MeasuredModel) -> dict[str, object]:
    evaluation = model.evaluation
    return {
        "model": model.identity.name,
        "sha256": model.identity.sha256,
        "endpoint": evaluation.endpoint.value,
        "cases": len(evaluation.examples),
        "positive": int(evaluation.truth.sum()),
        "threshold": evaluation.threshold,
        "figures": {name: asdict(interval) for name, interval in evaluation.figures.items()},
        "auroc_of_modalities": evaluation.subsets,
        "exposure": model.exposure.to_json(),
    }


def _leaves(value: object, place: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    """Each plain value inside of mappings and lists, with the names and numbers that lead to it."""
    if isinstance(value, Mapping):
        for name, inside in value.items():
            yield from _leaves(inside, (*place, str(name)))
    elif isinstance(value, list):
        for number, inside in enumerate(value):
            yield from _leaves(inside, (*place, str(number)))
    else:
        yield ".".join(place), value
