"""What models are worth on labelled studies: which cases are measured, and by which models."""

from __future__ import annotations

import re
from dataclasses import replace
from math import isnan
from pathlib import Path

import pytest

import phantom
from calibrations import calibrations
from evaluation_sites import write_bundle, write_sites
from mome_core.calibration import COALITIONS
from mome_core.results import Endpoint
from mome_core.training.errors import TrainingRefused
from mome_core.training.report.conclusion import headlines
from node.cases import CohortProgress
from node.evaluation.measure import EvaluationPlan, evaluate_models
from node.evaluation.sets import choosing_set, sets_named
from second_bundle import breast_bundle

pytestmark = pytest.mark.slow


class Counted(CohortProgress):
    """Remembers what was answered."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, int, int]] = []

    def step(self, stage: str, done: int, planned: int) -> None:
        if stage != "cases prepared":
            self.answers.append((stage, done, planned))


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> EvaluationPlan:
    folder = write_sites(tmp_path_factory.mktemp("sites"))
    sets = sets_named([f"internal={folder}/north.csv:test", f"external={folder}/south.csv:test"])
    return EvaluationPlan(
        (folder / "ours", folder / "other"), sets, Endpoint.MALIGNANCY, 1, repeats=50, cache=folder / "cache"
    )


def choosing(plan: EvaluationPlan, text: str) -> EvaluationPlan:
    folder = plan.bundles[0].parent
    return replace(plan, choose=choosing_set(text.format(folder), f"{folder}/north.csv"))


def test_every_model_meets_every_set_and_one_is_compared_with(plan: EvaluationPlan) -> None:
    told = Counted()
    report = evaluate_models(plan, told)
    assert report.measured.reference == "other"
    assert [each.cases.name for each in report.measured.sets] == ["internal", "external"]
    assert [len(each.models) for each in report.measured.sets] == [2, 2]
    assert ("ours: cases of internal answered", 8, 8) in told.answers
    assert ("other: cases of external answered", 8, 8) in told.answers
    flow = report.measured.sets[0].cases.flow
    assert (flow.listed, flow.measured, flow.positive) == (9, 8, 4)
    assert flow.excluded == {"the folder holds no DICOM or NIfTI file": 1}
    assert [each.name for each in report.excluded["internal"]] == ["north/lost"]


def test_only_the_first_model_is_asked_about_subsets(plan: EvaluationPlan) -> None:
    first, second = evaluate_models(plan, CohortProgress()).measured.sets[0].models
    assert len(first.coalitions) == 7 and second.coalitions == ()
    assert first.category_four is not None and first.category_four.difference is not None


def test_an_operating_point_is_used_on_other_patients_only(plan: EvaluationPlan) -> None:
    apart = evaluate_models(choosing(plan, "validation"), CohortProgress()).measured
    assert apart.chosen_on == "validation"
    for each in apart.sets:
        four = each.models[0].category_four
        assert four is not None and four.downgrade is not None and four.downgrade.kept.of == 2
    same = evaluate_models(choosing(plan, "{0}/north.csv"), CohortProgress()).measured
    points = [each.models[0].category_four.downgrade for each in same.sets if each.models[0].category_four]
    assert points[0] is None and points[1] is not None


def test_no_network_is_asked_about_cases_that_no_operating_point_is_chosen_on(plan: EvaluationPlan) -> None:
    told, chosen = Counted(), choosing(plan, "validation")
    without = tuple(replace(row, facts={**row.facts, "bi_rads": "5"}) for row in chosen.sets[0].rows)
    found = evaluate_models(replace(chosen, sets=(replace(chosen.sets[0], rows=without),)), told)
    assert found.measured.chosen_on == ""
    assert all("cases of internal answered" in stage for stage, *_ in told.answers)


def test_one_of_the_sets_may_be_the_choosing_one_and_is_answered_once(plan: EvaluationPlan) -> None:
    told = Counted()
    chosen = replace(plan, choose=plan.sets[0])
    found = evaluate_models(chosen, told).measured
    assert found.chosen_on == "internal" and len({stage for stage, *_ in told.answers}) == 4


def test_models_of_one_name_are_told_apart(plan: EvaluationPlan, tmp_path: Path) -> None:
    write_bundle(tmp_path / "ours", 9, "somebody")
    twins = replace(plan, bundles=(plan.bundles[0], tmp_path / "ours"), sets=plan.sets[:1])
    names = [each.identity.name for each in evaluate_models(twins, CohortProgress()).measured.sets[0].models]
    assert len(set(names)) == 2 and all(re.fullmatch("ours [0-9a-f]{6}", name) for name in names)


def test_an_endpoint_without_labels_is_refused(plan: EvaluationPlan) -> None:
    with pytest.raises(TrainingRefused, match="does not answer triple_negative"):
        evaluate_models(replace(plan, endpoint=Endpoint.TRIPLE_NEGATIVE), CohortProgress())


def test_a_model_that_may_score_none_of_the_cases_is_refused_with_the_reason_of_its_bundle(
    plan: EvaluationPlan, tmp_path: Path
) -> None:
    write_bundle(tmp_path / "silent", 7, "somebody", read_by=calibrations(withheld=COALITIONS))
    told, silent = Counted(), replace(plan, bundles=(tmp_path / "silent", plan.bundles[1]))
    reason = r"silent gives no score for any of the 8 cases: .* does not tell patients apart reliably"
    with pytest.raises(TrainingRefused, match=reason):
        evaluate_models(silent, told)
    last = replace(silent, bundles=tuple(reversed(silent.bundles)))
    with pytest.raises(TrainingRefused, match=reason):
        evaluate_models(last, told)
    assert told.answers == []  # and nothing was computed for nothing


def test_a_set_to_choose_on_without_any_score_is_refused_before_a_network_is_asked(
    plan: EvaluationPlan, tmp_path: Path
) -> None:
    phantom.study(tmp_path / "s0", only=("t2", "dwi"), seed=50)  # which a bundle without calibration leaves unanswered
    (tmp_path / "rest.csv").write_text("case,patient,malignancy,bi_rads\ns0,p0,1,4a\n")
    told = Counted()
    with pytest.raises(TrainingRefused, match="ours gives no score for any of the 1 cases"):
        evaluate_models(replace(plan, choose=choosing_set(str(tmp_path / "rest.csv"), "")), told)
    assert told.answers == []


def test_a_model_of_patients_that_is_asked_about_breasts_is_said_before_every_figure(
    plan: EvaluationPlan, tmp_path: Path
) -> None:
    folder = plan.bundles[0].parent
    lines = ["case,patient,side,malignancy,age"]
    for n in (0, 2, 4):
        truth = phantom.examination(seed=50 + n).truth
        left = int((truth.lesion & truth.left).any())
        lines += [f"{folder}/north/s{n},north{n},{side}" for side in (f"L,{left},4{n}", f"R,{1 - left},4{n}")]
    (tmp_path / "breasts.csv").write_text("\n".join(lines))
    breasts = replace(plan, bundles=plan.bundles[:1], reference=0, sets=sets_named([str(tmp_path / "breasts.csv")]))
    measured = evaluate_models(breasts, CohortProgress()).measured
    (only,) = measured.sets
    assert (only.cases.flow.measured, only.cases.flow.positive) == (6, 3)
    assert set(only.models[0].answers.patients) == {"north0", "north2", "north4"}, "draws are of patients"
    (age,) = measured.patients
    assert all(isnan(p) for p in age.p_by_class), "the test takes cases for independent"
    words, is_test = headlines(measured)[0]
    assert words.startswith("ours was trained on whole studies, and breasts shows it single breasts") and not is_test


def test_a_model_of_breasts_is_given_no_whole_study(plan: EvaluationPlan, tmp_path: Path) -> None:
    breasts = breast_bundle(tmp_path / "breasts")
    with pytest.raises(TrainingRefused, match="none of the 9 cases can"):
        evaluate_models(replace(plan, bundles=(breasts,), reference=0), CohortProgress())
