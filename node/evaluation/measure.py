"""What models are worth on labelled studies: `evaluate_models` is the whole of an evaluation on one screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mome_core.model.checkpoint import ModelUse, load_either, read_use
from mome_core.preprocessing.recipe import Recipe, UnitOfAnalysis
from mome_core.results import Endpoint
from mome_core.training.answers import Answers
from mome_core.training.bi_rads_4 import CategoryFour, bi_rads_4, category_four, choose_downgrade
from mome_core.training.characteristics import CohortFlow, characteristics
from mome_core.training.cohort import GROUPS, READER, ManifestRow, unit_of
from mome_core.training.dataset import Cohort, ExcludedCase
from mome_core.training.errors import TrainingRefused
from mome_core.training.exposure import exposure_report
from mome_core.training.levels import is_bi_rads_4
from mome_core.training.measured import CaseSet, Measured, MeasuredSet, Scored, measure_models
from mome_core.training.readers import ReaderCut, against_readers
from mome_core.training.scored import ScoredCases, score_cases
from mome_core.training.subgroups import by_group
from mome_core.training.withheld import NoScore, require_a_score
from node.cases import CACHE, CohortProgress, prepare_cases
from node.evaluation.sets import ManifestSet


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """What is measured on which cases.

    Parameters
    ----------
    bundles
        The first is reported in detail.
    reference
        Place in `bundles` of the model that the others are compared with.
    choose
        Cases on which the operating point for BI-RADS 4 findings is chosen; it is used on sets that share no patient.
    repeats
        Draws of patients by the bootstrap.
    """

    bundles: tuple[Path, ...]
    sets: tuple[ManifestSet, ...]
    endpoint: Endpoint
    reference: int = 0
    choose: ManifestSet | None = None
    cut: ReaderCut = ReaderCut.FOUR_B
    repeats: int = 1000
    cache: Path = CACHE
    workers: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationReport:
    """Everything that was measured, and by set the cases that could not be prepared."""

    measured: Measured
    excluded: Mapping[str, tuple[ExcludedCase, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class _AnsweredSet:
    """A set of cases with what every model said of it, and the cases that some model could not have prepared."""

    rows: ManifestSet
    models: tuple[ScoredCases, ...]
    manifests: tuple[Mapping[str, Any], ...]
    excluded: tuple[ExcludedCase, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _PreparedSet:
    """A set of cases as each model's recipe prepares it, in the order of the models."""

    rows: ManifestSet
    cohorts: tuple[Cohort, ...]

    def by(self, models: Sequence[ModelUse]) -> Iterator[tuple[ModelUse, Cohort]]:
        """Each model with its cases."""
        return zip(models, self.cohorts, strict=True)

    @property
    def excluded(self) -> tuple[ExcludedCase, ...]:
        """The cases that some model could not have prepared."""
        return tuple({case.name: case for cohort in self.cohorts for case in cohort.exclusions}.values())


def evaluate_models(plan: EvaluationPlan, progress: CohortProgress) -> EvaluationReport:
    """Every figure of every model on every set, with 95 % intervals by a bootstrap over patients.

    Raises TrainingRefused when the cases cannot tell.
    """
    choose = _choosing(plan)
    answered = _answer(plan, [*plan.sets, *([choose] if choose and choose not in plan.sets else [])], progress)
    names = [each.identity.name for each in answered[0].models]
    reference = names[plan.reference] if len(names) > 1 else ""
    chosen = next((each for each in answered if each.rows == choose), None)
    sets = tuple(_measured(each, chosen, reference, plan) for each in answered[: len(plan.sets)])
    patients = characteristics(
        GROUPS, [(each.cases.facts, each.cases.truth) for each in sets], independent=all(map(_is_of_each_patient, sets))
    )
    measured = Measured(
        plan.endpoint,
        sets,
        reference,
        tuple(patients),
        plan.cut.value,
        plan.repeats,
        plan.choose.name if plan.choose and any(_is_read_at_a_point(each) for each in sets) else "",
        tuple(_other_units(plan)),
    )
    return EvaluationReport(measured, {each.rows.name: each.excluded for each in answered[: len(plan.sets)]})


def _is_of_each_patient(cases: MeasuredSet) -> bool:
    """Whether no patient has two cases in a set."""
    patients = cases.models[0].answers.patients
    return len(set(patients)) == len(patients)


def _other_units(plan: EvaluationPlan) -> Iterator[str]:
    """Models of whole studies that are asked about single breasts; the other way round no case can be prepared."""
    of_breasts = [each.name for each in plan.sets if unit_of(each.rows) is UnitOfAnalysis.BREAST]
    for use in map(read_use, plan.bundles):
        if of_breasts and use.recipe.unit is UnitOfAnalysis.PATIENT:
            yield (
                f"{use.identity.name} was trained on whole studies, and {', '.join(of_breasts)} shows it single "
                "breasts: its probabilities and operating points were not validated for that"
            )


def _choosing(plan: EvaluationPlan) -> ManifestSet | None:
    """What the point for BI-RADS 4 is chosen on: of a set that is not measured, its own BI-RADS 4 cases with a label.

    None where no measured case would be read at it, so that no network is asked for nothing.
    """
    if plan.choose is None or plan.choose in plan.sets:
        return plan.choose
    rows = _fours_of_rows(plan.choose, plan.endpoint)
    read = any(_fours_of_rows(each, plan.endpoint) for each in plan.sets)
    return replace(plan.choose, rows=rows) if rows and read else None


def _fours_of_rows(cases: ManifestSet, endpoint: Endpoint) -> tuple[ManifestRow, ...]:
    """The labelled BI-RADS 4 cases of a set."""
    return tuple(r for r in cases.rows if endpoint in r.labels and is_bi_rads_4(r.facts.get("bi_rads", "")))


def _answer(plan: EvaluationPlan, sets: Sequence[ManifestSet], progress: CohortProgress) -> list[_AnsweredSet]:
    """Every model's answers to every set; one network is in memory at a time.

    Before the first is asked, every model must have a score for some case of every set, the one that an operating point
    is chosen on included. Only the first is asked about subsets of the modalities, and only of measured sets.
    """
    uses = [read_use(bundle) for bundle in plan.bundles]
    prepared = [_prepared(each, uses, plan, progress) for each in sets]
    planned = [
        [len(require_a_score(u, c.examples, plan.endpoint).shown) for u, c in each.by(uses)] for each in prepared
    ]
    answers: list[list[ScoredCases]] = [[] for _ in sets]
    for place, bundle in enumerate(plan.bundles):
        checkpoint = load_either(bundle)
        for number, each in enumerate(prepared):
            stage = f"{checkpoint.identity.name}: cases of {each.rows.name} answered"
            answers[number].append(
                score_cases(
                    checkpoint,
                    each.cohorts[place].examples,
                    plan.endpoint,
                    every_coalition=place == 0 and each.rows in plan.sets,
                    cache=plan.cache / "scores",
                    progress=progress.counting(stage, planned[number][place]),
                )
            )
    manifests = tuple(use.manifest for use in uses)
    return [
        _AnsweredSet(each.rows, _with_distinct_names(models), manifests, each.excluded)
        for each, models in zip(prepared, answers, strict=True)
    ]


def _prepared(
    cases: ManifestSet, uses: Sequence[ModelUse], plan: EvaluationPlan, progress: CohortProgress
) -> _PreparedSet:
    """The cases by the recipe of each model, prepared once where two recipes give the same arrays."""
    by_recipe: dict[Recipe, Cohort] = {}
    for use in uses:
        if use.recipe.of_arrays not in by_recipe:
            found = prepare_cases(cases.rows, use.recipe, plan.cache, plan.workers, progress)
            by_recipe[use.recipe.of_arrays] = found
    return _PreparedSet(cases, tuple(by_recipe[use.recipe.of_arrays] for use in uses))


def _with_distinct_names(models: Sequence[ScoredCases]) -> tuple[ScoredCases, ...]:
    """Models of one name are told apart by their digests."""
    repeated = {name for name, count in Counter(each.identity.name for each in models).items() if count > 1}
    return tuple(
        replace(each, identity=replace(each.identity, name=f"{each.identity.name} {each.identity.sha256[:6]}"))
        if each.identity.name in repeated
        else each
        for each in models
    )


def _measured(answered: _AnsweredSet, chosen: _AnsweredSet | None, reference: str, plan: EvaluationPlan) -> MeasuredSet:
    """Every figure of one set, on the cases that every model gives a score for."""
    common = _in_common(answered.models)
    if not common:
        raise TrainingRefused(f"{answered.rows.name}: no case has a score from every model")
    models = [_of_names(each, common) for each in answered.models]
    answers = {each.identity.name: each.answers() for each in models}
    first = answers[models[0].identity.name]
    cases = _case_set(answered, models[0], answers, plan.endpoint)
    fours = _fours(cases, answers, chosen if chosen and _apart(chosen, answered) else None, reference, plan)
    scored = [
        Scored(each.identity, answers[each.identity.name], exposure_report(manifest, each.examples))
        for each, manifest in zip(models, answered.manifests, strict=True)
    ]
    scored[0] = replace(
        scored[0],
        coalitions=models[0].coalition_figures(repeats=plan.repeats),
        contributions=models[0].contributions(),
    )
    readers = sorted({name for facts in cases.facts for name in facts if name.startswith(READER)})
    return MeasuredSet(
        cases,
        measure_models(scored, reference, fours, repeats=plan.repeats),
        tuple(against_readers(first, {name: cases.column(name) for name in readers}, plan.cut, repeats=plan.repeats)),
        tuple(by_group(first, {name: cases.column(name) for name in GROUPS}, repeats=plan.repeats)),
    )


def _in_common(models: Sequence[ScoredCases]) -> list[str]:
    """Names of the cases for which every model shows a score, in the first one's order."""
    shown = [{example.name for example in each.examples} for each in models]
    return [example.name for example in models[0].examples if all(example.name in names for names in shown)]


def _of_names(model: ScoredCases, names: Sequence[str]) -> ScoredCases:
    place = {example.name: n for n, example in enumerate(model.examples)}
    return model.of([place[name] for name in names])


def _apart(chosen: _AnsweredSet, answered: _AnsweredSet) -> bool:
    """Whether a set shares no patient with the one that an operating point was chosen on."""
    return not chosen.rows.patients & answered.rows.patients


def _case_set(
    answered: _AnsweredSet, model: ScoredCases, answers: Mapping[str, Answers], endpoint: Endpoint
) -> CaseSet:
    """The measured cases with the manifest's columns, and what became of the others."""
    by_name = {row.name: row for row in answered.rows.rows}
    rows = [by_name[example.name] for example in model.examples]
    out = {case.name for case in answered.excluded}
    flow = CohortFlow(
        listed=len(answered.rows.rows),
        excluded=dict(Counter(case.reason for case in answered.excluded).most_common()),
        unlabelled=sum(endpoint not in row.labels for row in answered.rows.rows if row.name not in out),
        withheld={each.identity.name: _counted(each.withheld) for each in answered.models},
        measured=len(rows),
        positive=int(model.truth.sum()),
        uncalled={name: int((~said.answered).sum()) for name, said in answers.items()},
    )
    return CaseSet(
        answered.rows.name, tuple(row.name for row in rows), tuple(row.facts for row in rows), model.truth, flow
    )


def _is_read_at_a_point(found: MeasuredSet) -> bool:
    """Whether the BI-RADS 4 findings of a set are read at a point that was chosen on others."""
    return any(each.category_four and each.category_four.downgrade for each in found.models)


def _counted(withheld: Sequence[NoScore]) -> dict[str, int]:
    """How many cases were withheld for each reason, the commonest first."""
    return dict(Counter(each.code for each in withheld).most_common())


def _fours(
    cases: CaseSet, answers: Mapping[str, Answers], chosen: _AnsweredSet | None, reference: str, plan: EvaluationPlan
) -> list[CategoryFour | None]:
    """Each model on the BI-RADS 4 findings, with the point that was chosen on other cases."""
    four = bi_rads_4(cases.column("bi_rads"))
    if not four.any():
        return [None] * len(answers)
    of_fours = {name: said.of(four) for name, said in answers.items()}
    found = []
    for number, (name, said) in enumerate(of_fours.items()):
        point = choose_downgrade(_fours_of(chosen, number), said) if chosen else None
        other = None if name == reference else of_fours.get(reference)
        found.append(category_four(said, point, other, repeats=plan.repeats))
    return found


def _fours_of(chosen: _AnsweredSet, number: int) -> Answers:
    """One model's answers to the BI-RADS 4 findings of the set that the point is chosen on."""
    model = chosen.models[number]
    by_name = {row.name: row for row in chosen.rows.rows}
    return model.answers().of(bi_rads_4([by_name[each.name].facts.get("bi_rads", "") for each in model.examples]))
