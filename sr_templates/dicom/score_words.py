"""What a score says and what it is worth, in the same words on page, report, dashboard and terminal."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle, islice
from math import floor, isfinite
from typing import Protocol

from mome_core.calibration import AmongCases, Call, Coalition, Proportion, Validation, coalition_words
from mome_core.case import Modality
from mome_core.results import Endpoint
from sr_templates.dicom.text import percent
from sr_templates.languages.phrase import Phrase
from sr_templates.languages.words import Language, Wording, words_of

_SAME = 1e-5  # of a probability
_ENGLISH = words_of(Language.ENGLISH)


def call_words(call: Call, threshold: float, words: Wording = _ENGLISH) -> str:
    """The call, e.g. "positive: above the operating point of 12 %"."""
    if call is Call.WITHHELD:
        return words(Phrase.NO_CALL)
    return words(Phrase.CALL_WITH_SIDE, call=words(Phrase(f"call_{call}")), side=side_words(call, threshold, words))


def side_words(call: Call, threshold: float, words: Wording = _ENGLISH) -> str:
    """On which side of the operating point a score lies; where that is said of none, that there is no call."""
    if call is Call.WITHHELD:
        return words(Phrase.NO_CALL)
    side = Phrase.ABOVE if call is Call.POSITIVE else Phrase.NOT_ABOVE
    return words(side, threshold=percent(threshold))


def validation_words(
    coalition: Coalition, cases: int, sensitivity: Proportion, specificity: Proportion, words: Wording = _ENGLISH
) -> str:
    """What validation proved of the operating point for the modalities that are there."""
    return words(
        Phrase.VALIDATED,
        modalities=coalition_words(coalition),
        cases=cases,
        sensitivity=share_words(sensitivity, words),
        specificity=share_words(specificity, words),
    )


def share_words(share: Proportion, words: Wording = _ENGLISH) -> str:
    """A share with the bound that holds for new patients, e.g. "97 % (at least 95 %)"."""
    return words(Phrase.SHARE_AT_LEAST, share=percent(share.value), low=floor(100 * share.low))


def frequency_words(endpoint: Endpoint, nearby: Proportion, words: Wording = _ENGLISH) -> str:
    """How often patients who scored about the same turned out positive."""
    found, low, high = (round(100 * each) for each in (nearby.value, nearby.low, nearby.high))
    return words(Phrase.FREQUENCY, found=found, outcome=words.outcome(endpoint), low=low, high=high)


def population_words(
    validation: Validation, probability: float, words: Wording = _ENGLISH, phrase: Phrase = Phrase.HIGHER_THAN
) -> str:
    """Where the score lies among those of the validation cases; empty where the bundle does not hold them.

    Parameters
    ----------
    phrase
        The one that names the bars too, beside a histogram.
    """
    among = validation.among(probability)
    return "" if among is None else among_words(among, words, phrase)


def among_words(among: AmongCases, words: Wording = _ENGLISH, phrase: Phrase = Phrase.HIGHER_THAN) -> str:
    """Where a score lies among those of the validation cases."""
    return words(
        phrase,
        above_negative=among.negative_percent,
        negatives=among.negatives,
        above_positive=among.positive_percent,
        positives=among.positives,
    )


def spread_words(spread: float, versions: int, words: Wording = _ENGLISH) -> str:
    """How much the score varies with the placement of the images; this is not how sure it is."""
    if versions < 2:
        return ""
    return words(Phrase.VARIES, spread=percent(spread), versions=versions)


def without_words(without: Mapping[Modality, float | None], words: Wording = _ENGLISH) -> str:
    """The score without each modality, e.g. "without DCE 34 %, without T2 withheld"; empty for a single one."""
    found = ((m, words(Phrase.WITHHELD) if value is None else percent(value)) for m, value in without.items())
    return ", ".join(words(Phrase.WITHOUT, modality=m, value=value) for m, value in found)


def points_that_add_up(
    base: float | None, contributions: Mapping[Modality, float], probability: float | None
) -> dict[Modality, float]:
    """Contributions in percentage points with one decimal, which add up as they are printed (see `sum_words`).

    Base and probability are rounded; what the rounded contributions miss then goes, in tenths, to those whose rounding
    took or gave most (largest remainder). Contributions that do not add up, as older releases made them, are rounded.
    """
    tenths = {modality: floor(1000 * value) for modality, value in contributions.items()}
    if base is None or probability is None or not _add_up(base, contributions, probability):
        return {modality: round(100 * value, 1) for modality, value in contributions.items()}
    missing = round(1000 * probability) - round(1000 * base) - sum(tenths.values())
    order = sorted(tenths, key=lambda m: 1000 * contributions[m] - tenths[m], reverse=missing > 0)
    for modality in islice(cycle(order), abs(missing)):
        tenths[modality] += 1 if missing > 0 else -1
    return {modality: value / 10 for modality, value in tenths.items()}


def sum_words(
    base: float | None,
    contributions: Mapping[Modality, float],
    probability: float | None,
    words: Wording = _ENGLISH,
) -> str:
    """Where contributions begin and end, with the decimal that lets a reader add them up; empty if they do not."""
    if base is None or probability is None or not _add_up(base, contributions, probability):
        return ""
    start, end = round(1000 * base) / 10, round(1000 * probability) / 10  # as above
    return words(Phrase.FROM_TO, start=f"{start:.1f}", end=f"{end:.1f}")


def _add_up(base: float, contributions: Mapping[Modality, float], probability: float) -> bool:
    """Whether contributions lead from the base to the probability; an older release explained another number."""
    return bool(contributions) and abs(base + sum(contributions.values()) - probability) < _SAME


class _Explained(Protocol):
    """A map, or the summary of one."""

    @property
    def method(self) -> str: ...
    @property
    def baseline(self) -> str: ...
    @property
    def versions(self) -> int: ...
    @property
    def difference(self) -> float: ...
    @property
    def completeness_error(self) -> float: ...


def explanation_words(explained: _Explained, words: Wording = _ENGLISH) -> str:
    """How a map was made, of how much of the score, and what it misses; stands beside every picture of it."""
    how = words.term(explained.method)
    if explained.baseline != "none":
        how = words(Phrase.METHOD_FROM, method=how, baseline=words.term(explained.baseline))
    count = Phrase.EXPLAINED_ONCE if explained.versions == 1 else Phrase.EXPLAINED
    parts = [words(count, method=how, versions=explained.versions)]
    if isfinite(explained.difference):
        parts.append(words(Phrase.DIFFERS_FROM_SCORE, difference=f"{explained.difference:+.2f}"))
    error = explained.completeness_error
    adds_up = isfinite(error)
    parts.append(words(Phrase.ADDS_UP, error=f"{100 * error:.1f}") if adds_up else words(Phrase.ADDS_UP_NOT))
    return ", ".join(parts)
