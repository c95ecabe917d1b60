"""The gate: a better candidate passes, a worse or broken one is refused with the reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from calibrations import calibrated, calibrations
from mome_core.case import Modality
from mome_core.model.checkpoint import Checkpoint, Description, load_checkpoint, save_checkpoint
from mome_core.results import Endpoint
from mome_core.training.errors import TrainingRefused
from mome_core.training.gate import (
    AcceptanceCheck,
    GateRules,
    LockedCases,
    PairedPredictions,
    examine,
    no_worse,
    subgroups,
    unseen_check,
)
from mome_core.training.start import from_scratch
from training_examples import RECIPE, SMALL, examples

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def untrained(folder: Path) -> Checkpoint:
    save_checkpoint(
        folder / "untrained", from_scratch(SMALL, seed=2), RECIPE, Description("untrained", "1", "Knows nothing.")
    )
    return load_checkpoint(folder / "untrained")


@pytest.fixture(scope="module")
def trained(trained: Checkpoint) -> Checkpoint:
    """It was validated on eight cases, from which nothing may be shown; here every subset has an operating point."""
    return replace(trained, estimators=(calibrated(trained.estimator),))


def locked(folder: Path, count: int = 40) -> LockedCases:
    cases = tuple(examples(folder, count, first=200))
    return LockedCases(Endpoint.MALIGNANCY, cases, cases, {"site": ("north",) * 20 + ("south",) * (count - 20)})


def failed(checks: tuple[AcceptanceCheck, ...]) -> set[str]:
    return {check.name for check in checks if not check.passed}


def test_a_better_candidate_passes_every_check(folder: Path, trained: Checkpoint, untrained: Checkpoint) -> None:
    checks = examine(trained, untrained, locked(folder), GateRules())
    assert failed(checks) == set()
    assert [check.name for check in checks] == [
        "not worse",
        "as many scores",
        "site north",
        "site south",
        "known answer",
        "deterministic",
        "explained",
    ]


def test_a_worse_candidate_is_refused_with_its_figures(
    folder: Path, trained: Checkpoint, untrained: Checkpoint
) -> None:
    checks = examine(untrained, trained, locked(folder), GateRules())
    assert {"not worse", "site north", "site south"} <= failed(checks)
    assert "AUROC" in checks[0].words and "which must stay above -0.050" in checks[0].words


def test_a_candidate_that_fails_one_group_of_patients_is_refused() -> None:
    positive = np.tile([True, False], 40)
    old = np.where(positive, 0.9, 0.1)
    new = old.copy()
    new[60:] = 1 - new[60:]
    groups = {"site": ("north",) * 60 + ("south",) * 20, "age": ("",) * 80}
    checks = tuple(subgroups(PairedPredictions(positive, new, old, ()), groups, GateRules()))
    assert failed(checks) == {"site south"}
    (larger,) = subgroups(PairedPredictions(positive, new, old, ()), groups, GateRules(fewest=11))
    assert larger.name == "site north"


def test_the_tenth_attempt_meets_a_stricter_margin() -> None:
    """The same two models on the same cases: the first attempt passes, the tenth does not."""
    rng, positive = np.random.default_rng(6), np.tile([True, False], 100)
    old = rng.normal(size=200) + positive
    answers = PairedPredictions(positive, old + 0.35 * rng.normal(size=200), old, tuple(map(str, range(200))))
    first, tenth = (no_worse(answers, GateRules(), attempt) for attempt in (1, 10))
    assert first.passed and "attempt 1 on these cases, so 97.5 %" in first.words
    assert not tenth.passed and "attempt 10 on these cases, so 99.95 %" in tenth.words
    passed = [no_worse(answers, GateRules(), attempt).passed for attempt in range(1, 11)]
    assert passed == sorted(passed, reverse=True)


def test_a_candidate_that_has_seen_one_locked_patient_is_refused_with_the_number(
    folder: Path, trained: Checkpoint
) -> None:
    assert unseen_check(trained, locked(folder)).passed
    taught, chose = examples(folder, 1)[0], examples(folder, 1, first=100)[0]
    cases = locked(folder)
    leaking = LockedCases(cases.endpoint, (*cases.candidate, taught), (*cases.active, taught), cases.groups)
    check = unseen_check(trained, leaking, vouched_by="anna")  # what is known, nobody can vouch against
    assert not check.passed
    assert check.words.startswith("1 of 41 patients are not new to it: 1 taught it, 0 chose")
    leaking = LockedCases(cases.endpoint, (*cases.candidate, chose), (*cases.active, chose), cases.groups)
    assert "0 taught it, 1 chose" in unseen_check(trained, leaking).words


def test_a_candidate_that_does_not_say_what_it_learned_from_needs_somebody_who_vouches(
    folder: Path, untrained: Checkpoint
) -> None:
    check = unseen_check(untrained, locked(folder))
    assert not check.passed and "does not say what it was trained on" in check.words
    vouched = unseen_check(untrained, locked(folder), vouched_by="anna")
    assert vouched.passed and "anna states" in vouched.words


def test_weights_that_are_not_those_of_the_bundle_are_noticed(folder: Path, trained: Checkpoint) -> None:
    broken = replace(load_checkpoint(folder / "trained"), estimators=trained.estimators)
    with torch.no_grad():
        next(broken.network.parameters()).mul_(1.5)
    assert "known answer" in failed(examine(broken, trained, locked(folder), GateRules()))


def test_what_the_node_would_withhold_is_not_measured_and_counted(
    folder: Path, trained: Checkpoint, untrained: Checkpoint
) -> None:
    """Four studies without contrast uptake by the candidate's limits, and four of T2 alone, which it may not score."""
    cases = locked(folder)
    flagged = tuple(replace(each, facts=replace(each.facts, enhancement=(0.1, 0.2))) for each in cases.candidate[:4])
    alone = tuple(examples(folder, 4, first=300, modalities=(Modality.T2,)))
    groups = {"site": (*cases.groups["site"], *["south"] * 4)}
    mixed = LockedCases(cases.endpoint, (*flagged, *cases.candidate[4:], *alone), (*cases.active, *alone), groups)
    blind = replace(trained, estimators=(calibrated(trained.estimator, of=calibrations(withheld=[[Modality.T2]])),))
    active = replace(untrained, estimators=(calibrated(untrained.estimator),))
    checks = {check.name: check for check in examine(blind, active, mixed, GateRules())}
    assert "on 36 cases" in checks["not worse"].words
    assert not checks["as many scores"].passed
    assert "no score for 8 of 44 cases (4 NO_CONTRAST_UPTAKE, 4 NOT_TOLD_APART), the active model for 0" in (
        checks["as many scores"].words
    )
    lenient = {check.name: check for check in examine(blind, active, mixed, GateRules(withheld_margin=0.2))}
    assert lenient["as many scores"].passed


def test_too_few_cases_judge_nobody(folder: Path, trained: Checkpoint, untrained: Checkpoint) -> None:
    with pytest.raises(TrainingRefused, match="lock a larger set"):
        examine(trained, untrained, locked(folder, count=22), GateRules(fewest=12))


def test_an_endpoint_that_a_model_does_not_answer_is_named(folder: Path, trained: Checkpoint) -> None:
    cases = locked(folder)
    other = LockedCases(Endpoint.TRIPLE_NEGATIVE, cases.candidate, cases.active, cases.groups)
    with pytest.raises(TrainingRefused, match="does not answer triple_negative"):
        examine(trained, trained, other, GateRules())
