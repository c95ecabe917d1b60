"""What the evaluation shows, in one sentence that claims no more than its interval."""

from __future__ import annotations

from enum import Enum

from mome_core.training.measured import Measured, MeasuredSet
from mome_core.training.report.markup import p_words, signed
from mome_core.training.statistics import Comparison, Interval


class _Verdict(Enum):
    """What the interval of a difference in AUROC allows to say."""

    BETTER = "ranks better than"
    WORSE = "ranks worse than"
    OPEN = "cannot be told from"


def conclusion(measured: Measured) -> str:
    """The first model on the first set, against the one it is compared with, and whether the other sets agree."""
    first = measured.sets[0]
    model, auroc = first.models[0].identity.name, first.models[0].figures["auroc"]
    size = f"{len(first.cases.truth)} cases, {int(first.cases.truth.sum())} positive"
    opponent = _opponent(measured)
    if not opponent:
        alone = f"{model} reaches an AUROC of {auroc.value:.3f} (95 % {auroc.low:.3f} to {auroc.high:.3f})"
        return f"{alone} on {first.cases.name} ({size}){_on_the_others(measured)}."
    found = _compared(first, opponent)
    gap, verdict = found.difference, _verdict(found.difference)
    text = (
        f"On {first.cases.name} ({size}) {model} {verdict.value} {opponent}: AUROC {found.first:.3f} "
        f"against {found.second:.3f}, difference {signed(gap.value)} (95 % {signed(gap.low)} to {signed(gap.high)}, "
        f"{_p(found.p_value)})"
    )
    return f"{text}{_agreement(measured, opponent, verdict)}."


def _opponent(measured: Measured) -> str:
    """Name of the model that the first one is compared with on every set; empty with one model.

    The one that is named; where that is the first itself, the strongest of the others on the first set.
    """
    first, *others = measured.sets[0].models
    if not others or first.identity.name != measured.reference:
        return measured.reference
    return max(others, key=lambda each: each.figures["auroc"].value).identity.name


def _compared(cases: MeasuredSet, opponent: str) -> Comparison:
    """The first model's AUROC minus that of its opponent."""
    first = cases.models[0]
    if first.against:
        return first.against["auroc"]
    found = next(each for each in cases.models if each.identity.name == opponent).against["auroc"]
    gap = found.difference
    return Comparison(found.second, found.first, Interval(-gap.value, -gap.high, -gap.low), found.p_value)


def _verdict(gap: Interval) -> _Verdict:
    return _Verdict.BETTER if gap.low > 0 else _Verdict.WORSE if gap.high < 0 else _Verdict.OPEN


def _agreement(measured: Measured, opponent: str, verdict: _Verdict) -> str:
    """In how many of the other sets the same can be said."""
    others = measured.sets[1:]
    if not others:
        return ""
    same = sum(_verdict(_compared(each, opponent).difference) is verdict for each in others)
    if len(others) == 1:
        return f"; {'so' if same else 'not so'} on {others[0].cases.name}"
    return f"; so on {same} of {len(others)} other sets"


def _on_the_others(measured: Measured) -> str:
    """Its AUROC on every other set."""
    found = [(each.cases.name, each.models[0].figures["auroc"]) for each in measured.sets[1:]]
    return "".join(f", {value.value:.3f} ({value.low:.3f} to {value.high:.3f}) on {name}" for name, value in found)


def _p(p: float) -> str:
    words = p_words(p)
    return f"p {words}" if words.startswith("<") else f"p = {words}"


def headlines(measured: Measured) -> list[tuple[str, bool]]:
    """What stands before every figure, each with whether it is no warning: for each model and set whether it is a test
    at all, and models that are asked about breasts though they know patients.
    """
    several = len(measured.sets) > 1
    notes = [(words, False) for words in measured.unit_notes]
    return notes + [
        (f"{each.cases.name}: {words}" if several else words, model.exposure.is_test)
        for each in measured.sets
        for model in each.models
        for words in (model.exposure.headline(model.identity.name),)
    ]
