"""Whether a candidate may take the place of the active model: checks on cases that it has not learned from.

Each check has a name, a verdict and a sentence with its figures; a candidate passes when all of them do. Cases that
have judged before judge more strictly: each attempt has a wider interval than the one before (`level_of_attempt`).
What the node would withhold is withheld here as well, and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mome_core.compute import device_of
from mome_core.explain.quadrature import AttributionLimits
from mome_core.explain.saliency import attribute
from mome_core.model.checkpoint import Checkpoint, known_answer_repeats
from mome_core.results import Endpoint
from mome_core.training.augment import centred
from mome_core.training.dataset import Example
from mome_core.training.errors import TrainingRefused
from mome_core.training.exposure import ExposureReport, exposure_report
from mome_core.training.metrics import auroc
from mome_core.training.predict import truth
from mome_core.training.scored import scored
from mome_core.training.statistics import auroc_difference_at, level_of_attempt
from mome_core.training.withheld import NoScore, require_a_score, withheld_of

_Scores = NDArray[np.float64]
_REPEATED = 3  # cases that are answered twice and explained
_LEAST_CHANGE = 1.0  # log odds; an explanation of less is as exact as one of this


@dataclass(frozen=True, slots=True)
class GateRules:
    """What a candidate must reach.

    Parameters
    ----------
    margin
        AUROC by which it may be worse than the active model (non-inferiority); with which confidence, the attempt says.
    subgroup_margin
        AUROC by which it may be worse in any subgroup.
    fewest
        Cases of each class that a set must hold, and a subgroup to be judged.
    completeness
        Largest error of an explanation, relative to what it explains (or to log odds of 1).
    withheld_margin
        Share of the cases by which it may give fewer scores than the active model: it must not be better by silence.
    """

    margin: float = 0.05
    subgroup_margin: float = 0.1
    fewest: int = 10
    completeness: float = 0.05
    withheld_margin: float = 0.05


@dataclass(frozen=True, slots=True)
class AcceptanceCheck:
    """One condition, whether it holds, and a sentence with its figures."""

    name: str
    passed: bool
    words: str

    def to_json(self) -> dict[str, str | bool]:
        """Plain values, as decisions about models keep them."""
        return {"name": self.name, "passed": self.passed, "told": self.words}


@dataclass(frozen=True, slots=True, eq=False)
class LockedCases:
    """The labelled cases that models are judged by, prepared by each model's own recipe, in the same order.

    Parameters
    ----------
    groups
        What a column of the manifest says of each case, by the column's name; empty where it says nothing.
    """

    endpoint: Endpoint
    candidate: tuple[Example, ...]
    active: tuple[Example, ...]
    groups: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        if [each.name for each in self.candidate] != [each.name for each in self.active]:
            raise TrainingRefused("the candidate and the active model cannot be prepared for the same cases")

    def of(self, chosen: Sequence[int]) -> LockedCases:
        """Some of the cases, in this order."""
        groups = {column: tuple(values[n] for n in chosen) for column, values in self.groups.items()}
        new, old = (tuple(side[n] for n in chosen) for side in (self.candidate, self.active))
        return LockedCases(self.endpoint, new, old, groups)


@dataclass(frozen=True, slots=True, eq=False)
class PairedPredictions:
    """What both models show: truth, probabilities of the candidate and of the active model, patients."""

    positive: NDArray[np.bool_]
    new: _Scores
    old: _Scores
    patients: tuple[str, ...]


def unseen_check(candidate: Checkpoint, cases: LockedCases, *, vouched_by: str = "") -> AcceptanceCheck:
    """Whether the candidate has learned from none of these patients and images, and was chosen on none of them.

    Parameters
    ----------
    vouched_by
        Who states that it has not, where the bundle itself does not say; a bundle that says it has is refused anyway.
    """
    report = exposure_report(candidate.manifest, cases.candidate)
    if report.seen:
        return AcceptanceCheck("unseen cases", False, _shared_words(report))
    if report.complete:
        words = f"none of the {report.patients} locked patients taught it, and it was chosen on none of them"
        return AcceptanceCheck("unseen cases", True, words)
    missing = "what it started from was trained on" if report.recorded else "it was trained on"
    words = f"its bundle does not say what {missing}"
    if vouched_by:
        return AcceptanceCheck("unseen cases", True, f"{words}; {vouched_by} states that it is no locked patient")
    return AcceptanceCheck("unseen cases", False, f"{words}; if you know that it is no locked patient: --vouch")


def _shared_words(report: ExposureReport) -> str:
    """How many patients a model shares with the cases that measure it."""
    shared = report.training + report.validation
    return (
        f"{shared} of {report.patients} patients are not new to it: {report.training} taught it, "
        f"{report.validation} chose its epoch or its operating point"
    )


def examine(
    candidate: Checkpoint, active: Checkpoint, cases: LockedCases, rules: GateRules, attempt: int = 1
) -> tuple[AcceptanceCheck, ...]:
    """Every check that measures, in the order in which a person wants them.

    Raises TrainingRefused when the cases cannot tell one model from another.

    Parameters
    ----------
    attempt
        How many candidates these cases have judged, this one included.
    """
    require_comparable(candidate, active, cases, rules)
    withheld = _withheld_cases(candidate, active, cases)
    shown = cases.of(withheld.shown)
    answers = PairedPredictions(
        truth(candidate.network, cases.endpoint, shown.candidate),
        scored(candidate, shown.candidate, cases.endpoint),
        scored(active, shown.active, cases.endpoint),
        tuple(each.patient for each in shown.candidate),
    )
    return (
        no_worse(answers, rules, attempt),
        _answers_as_many(withheld, rules),
        *subgroups(answers, shown.groups, rules),
        _gives_known_answer(candidate),
        _is_deterministic(candidate, shown, answers.new),
        _is_explained(candidate, shown, rules),
    )


def require_comparable(candidate: Checkpoint, active: Checkpoint, cases: LockedCases, rules: GateRules) -> None:
    """Raise TrainingRefused, before anything is measured, when the cases cannot tell one model from the other."""
    for model, prepared in ((candidate, cases.candidate), (active, cases.active)):
        require_a_score(model, prepared, cases.endpoint)
    withheld = _withheld_cases(candidate, active, cases)
    shown = cases.of(withheld.shown)
    positive = truth(candidate.network, cases.endpoint, shown.candidate)
    fewer = int(min(positive.sum(), (~positive).sum()))
    if fewer < rules.fewest:
        left_out = len(cases.candidate) - len(shown.candidate)
        silent = f" that both models give a score for ({left_out} more are withheld)" if left_out else ""
        raise TrainingRefused(
            f"the locked cases hold {int(positive.sum())} positive and {int((~positive).sum())} negative ones{silent}; "
            f"at least {rules.fewest} of each are needed: lock a larger set"
        )


@dataclass(frozen=True, slots=True)
class _WithheldCases:
    """Of which cases the node would show no score, by each model; in the order of the cases."""

    candidate: tuple[NoScore | None, ...]
    active: tuple[NoScore | None, ...]

    @property
    def shown(self) -> list[int]:
        """The cases that both models give a score for, by their numbers."""
        pairs = zip(self.candidate, self.active, strict=True)
        return [n for n, (new, old) in enumerate(pairs) if new is None and old is None]


def _withheld_cases(candidate: Checkpoint, active: Checkpoint, cases: LockedCases) -> _WithheldCases:
    """What each model would withhold of the locked cases."""
    return _WithheldCases(
        tuple(withheld_of(candidate, each, cases.endpoint) for each in cases.candidate),
        tuple(withheld_of(active, each, cases.endpoint) for each in cases.active),
    )


def _answers_as_many(withheld: _WithheldCases, rules: GateRules) -> AcceptanceCheck:
    """Whether the candidate gives about as many scores: what both show is compared, so silence would flatter it."""
    count = len(withheld.candidate)
    new, old = ([each for each in side if each] for side in (withheld.candidate, withheld.active))
    why = Counter(each.code for each in new).most_common()
    reasons = f" ({', '.join(f'{n} {code}' for code, n in why)})" if why else ""
    words = (
        f"no score for {len(new)} of {count} cases{reasons}, the active model for {len(old)}; at most "
        f"{100 * rules.withheld_margin:.0f} % more may be withheld"
    )
    return AcceptanceCheck("as many scores", len(new) - len(old) <= rules.withheld_margin * count, words)


def no_worse(answers: PairedPredictions, rules: GateRules, attempt: int) -> AcceptanceCheck:
    """Non-inferiority: the lower end of the attempt's interval of the difference lies above minus the margin."""
    level = level_of_attempt(attempt)
    found = auroc_difference_at(answers.positive, answers.new, answers.old, answers.patients, level)
    words = (
        f"AUROC {found.first:.3f} against {found.second:.3f} on {len(answers.positive)} cases: difference "
        f"{found.difference.value:+.3f} (attempt {attempt} on these cases, so {100 * level:.4g} %: "
        f"{found.difference.low:+.3f} to {found.difference.high:+.3f}), which must stay above {-rules.margin:+.3f}"
    )
    return AcceptanceCheck("not worse", found.difference.low > -rules.margin, words)


def subgroups(
    answers: PairedPredictions, groups: Mapping[str, Sequence[str]], rules: GateRules
) -> Iterator[AcceptanceCheck]:
    """One check for every group of patients that is large enough to be judged."""
    for column, values in groups.items():
        for value in sorted(set(values) - {""}):
            inside = np.array([each == value for each in values])
            labels = answers.positive[inside]
            if min(labels.sum(), (~labels).sum()) < rules.fewest:
                continue
            ours, theirs = auroc(labels, answers.new[inside]), auroc(labels, answers.old[inside])
            words = (
                f"AUROC {ours:.3f} against {theirs:.3f} on {len(labels)} cases: difference {ours - theirs:+.3f}, "
                f"which must stay above {-rules.subgroup_margin:+.3f}"
            )
            yield AcceptanceCheck(f"{column} {value}", ours - theirs > -rules.subgroup_margin, words)


def _gives_known_answer(candidate: Checkpoint) -> AcceptanceCheck:
    """The answer that the bundle says it gives to a fixed noise."""
    passed = known_answer_repeats(candidate)
    words = "its known answer is repeated" if passed else "it does not give the answer that its bundle was written with"
    return AcceptanceCheck("known answer", passed, words)


def _is_deterministic(candidate: Checkpoint, cases: LockedCases, new: _Scores) -> AcceptanceCheck:
    """Whether the candidate answers a case twice with equal bits."""
    again = scored(candidate, cases.candidate[:_REPEATED], cases.endpoint)
    passed = bool(np.array_equal(again, new[:_REPEATED]))
    words = (
        f"{len(again)} cases answered twice are equal to the last bit" if passed else "the same case gives two answers"
    )
    return AcceptanceCheck("deterministic", passed, words)


def _is_explained(candidate: Checkpoint, cases: LockedCases, rules: GateRules) -> AcceptanceCheck:
    """Integrated gradients account for the answer."""
    worst = max(_completeness_error(candidate, each, cases.endpoint) for each in cases.candidate[:_REPEATED])
    words = f"completeness error of the explanation up to {worst:.2%}; at most {rules.completeness:.0%} is allowed"
    return AcceptanceCheck("explained", bool(worst <= rules.completeness), words)


def _completeness_error(checkpoint: Checkpoint, example: Example, endpoint: Endpoint) -> float:
    """How far the attributions of one case miss what they explain, relative to it or to log odds of 1."""
    device = device_of(checkpoint.network)
    padded = centred(example.arrays(), checkpoint.recipe)
    volumes = {modality: torch.from_numpy(array)[None].to(device) for modality, array in padded.items()}
    limits = AttributionLimits(least_change=_LEAST_CHANGE)
    return attribute(checkpoint.network, volumes, endpoint, limits=limits).completeness_error
