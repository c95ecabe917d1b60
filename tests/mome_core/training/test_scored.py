"""A model's answers to cases from every subset of their modalities, withheld where the node withholds them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibrations import calibrated, calibrations
from mome_core.calibration import Calibration, WithheldCode
from mome_core.case import Modality
from mome_core.inference import score
from mome_core.model.checkpoint import Checkpoint
from mome_core.model.estimators import EndpointCalibrations
from mome_core.policy import default_policy
from mome_core.preprocessing.input_facts import InputFacts
from mome_core.results import Endpoint
from mome_core.training.errors import TrainingRefused
from mome_core.training.metrics import auroc
from mome_core.training.scored import ScoredCases, score_cases, scored
from training_examples import examples

ALL = frozenset(Modality)
ALL_FACTS = InputFacts.of_modalities(Modality)
DCE, T2 = frozenset({Modality.DCE}), frozenset({Modality.T2})


def read_as(calibrations: EndpointCalibrations, code: WithheldCode, *kinds: Iterable[Modality]) -> EndpointCalibrations:
    """The calibrations, but these subsets of the modalities withheld for this reason, and all others called."""
    chosen = {frozenset(kind) for kind in kinds}
    validation = calibrations.of(ALL).validation
    assert validation is not None
    read: dict[frozenset[Modality], Calibration] = {
        key: replace(each, withheld=code if key in chosen else None, validation=each.validation or validation)
        for key, each in calibrations.coalitions.items()
    }
    return EndpointCalibrations(0.4, read)


@pytest.fixture(scope="module")
def calling(trained: Checkpoint) -> Checkpoint:
    return replace(trained, estimators=(calibrated(trained.estimator),))


@pytest.fixture(scope="module")
def answered(folder: Path, trained: Checkpoint) -> ScoredCases:
    cases = [*examples(folder, 12, first=400), *examples(folder, 4, first=500, modalities=(Modality.T2,))]
    read = read_as(trained.calibrations(Endpoint.MALIGNANCY), WithheldCode.NOT_TOLD_APART)
    called = replace(trained, estimators=(calibrated(trained.estimator, of=read),))
    return score_cases(called, cases, Endpoint.MALIGNANCY)


def test_the_score_is_the_one_that_the_node_computes(folder: Path, calling: Checkpoint) -> None:
    cases = examples(folder, 6, first=400)
    found = score_cases(calling, cases, Endpoint.MALIGNANCY)
    assert [answer[ALL] for answer in found.probabilities] == scored(calling, cases, Endpoint.MALIGNANCY).tolist()
    assert all(len(answer) == 7 for answer in found.probabilities)
    alone = score_cases(calling, cases, Endpoint.MALIGNANCY, every_coalition=False)
    assert all(set(answer) == {ALL} for answer in alone.probabilities)


def test_an_evaluation_measures_the_very_number_that_the_node_answers(folder: Path, calling: Checkpoint) -> None:
    cases = examples(folder, 3, first=400)
    answered = [score(each.arrays(), calling, default_policy(calling.network))[0].probability for each in cases]
    found = score_cases(calling, cases, Endpoint.MALIGNANCY)
    assert found.answers().probability.tolist() == scored(calling, cases, Endpoint.MALIGNANCY).tolist() == answered


def test_scores_are_read_by_the_calibration_of_the_bundle(folder: Path, trained: Checkpoint) -> None:
    cases = examples(folder, 3, first=400)
    first, second = (
        replace(trained, estimators=(calibrated(trained.estimator, of=calibrations(slope=slope)),))
        for slope in (1.0, 0.5)
    )
    plain, softened = (scored(each, cases, Endpoint.MALIGNANCY) for each in (first, second))
    assert np.log(softened / (1 - softened)) == pytest.approx(np.log(plain / (1 - plain)) / 2)


def test_calls_are_made_at_the_point_of_what_each_case_has(answered: ScoredCases) -> None:
    said = answered.answers()
    assert said.answered.all() and len(answered.examples) == 16 and answered.withheld == ()
    for n, example in enumerate(answered.examples):
        calibration = answered.calibrations.of(example.modalities)
        assert said.called[n] == (said.probability[n] > calibration.threshold)


def test_a_network_is_not_asked_about_cases_whose_score_is_withheld(folder: Path, trained: Checkpoint) -> None:
    whole, without_dce, moved = (
        *examples(folder, 1, first=400),
        *examples(folder, 1, first=500, modalities=(Modality.T2,)),
        replace(examples(folder, 1, first=401)[0], facts=replace(ALL_FACTS, motion_left_mm=9.0)),
    )
    asked: list[str] = []
    found = score_cases(
        replace(trained, estimators=(calibrated(trained.estimator, of=calibrations(withheld=[(Modality.T2,)])),)),
        [whole, without_dce, moved],
        Endpoint.MALIGNANCY,
        progress=asked.append,
    )
    assert asked == [each.name for each in found.examples] == [whole.name]
    assert [each.code for each in found.withheld] == ["NOT_TOLD_APART", "MOTION_LEFT"]
    assert found.of([0]).withheld == found.withheld


def test_an_uncalibrated_bundle_has_scores_and_no_calls(answered: ScoredCases) -> None:
    silent = replace(answered, calibrations=read_as(answered.calibrations, WithheldCode.NOT_CALIBRATED, ALL))
    said = silent.answers()
    assert said.answered.tolist() == [False] * 12 + [True] * 4 and not said.called[:12].any()


def test_figures_of_a_subset_are_of_the_cases_that_have_it(answered: ScoredCases) -> None:
    withheld = replace(answered, calibrations=read_as(answered.calibrations, WithheldCode.TOO_FEW_CASES, DCE))
    figures = {frozenset(each.modalities): each for each in withheld.coalition_figures(repeats=50)}
    assert len(figures) == 7 and next(iter(figures)) == ALL
    assert (figures[T2].cases, figures[DCE].cases) == (16, 12)
    probability = [answer[T2] for answer in answered.probabilities]
    assert figures[T2].figures["auroc"].value == pytest.approx(auroc(answered.truth, probability))
    assert set(figures[T2].figures) == {"auroc", "sensitivity", "specificity"}
    assert set(figures[DCE].figures) == {"auroc"} and figures[DCE].withheld


def test_contributions_add_up_from_the_base_rate_to_the_score(answered: ScoredCases) -> None:
    shares = answered.contributions()
    said = answered.answers()
    sums = np.nansum(np.array(list(shares.values())), axis=0)
    assert sums == pytest.approx(said.probability - 0.4, abs=1e-9)
    assert np.isnan(shares[Modality.DCE][12:]).all() and np.isfinite(shares[Modality.T2]).all()


def test_without_a_base_rate_or_every_subset_nothing_is_shared_out(folder: Path, calling: Checkpoint) -> None:
    cases = examples(folder, 4, first=400)
    alone = score_cases(calling, cases, Endpoint.MALIGNANCY, every_coalition=False)
    assert alone.contributions() == {}
    whole = score_cases(calling, cases, Endpoint.MALIGNANCY)
    unknown = replace(whole, calibrations=replace(whole.calibrations, base_rate=None))
    assert unknown.contributions() == {}


def test_what_a_model_does_not_answer_and_cases_without_labels_are_refused(folder: Path, calling: Checkpoint) -> None:
    cases = examples(folder, 2, first=400)
    with pytest.raises(TrainingRefused, match="does not answer triple_negative"):
        score_cases(calling, cases, Endpoint.TRIPLE_NEGATIVE)
    with pytest.raises(TrainingRefused, match="none of the 2 cases has a label"):
        score_cases(calling, [replace(case, labels={}) for case in cases], Endpoint.MALIGNANCY)


def test_cases_without_a_label_are_left_out(folder: Path, calling: Checkpoint) -> None:
    cases = examples(folder, 3, first=400)
    names: list[str] = []
    found = score_cases(calling, [*cases[:2], replace(cases[2], labels={})], Endpoint.MALIGNANCY, progress=names.append)
    assert names == [each.name for each in found.examples] == ["case 400", "case 401"]
