"""A patient's visits in words: one row each, numbers with their units, and what is not to be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mome_core.visits import Incomparable, Visit
from sr_templates.dicom.text import capitalised, percent
from sr_templates.languages.phrase import Phrase
from sr_templates.languages.words import Language, Wording, words_of

_ENGLISH = words_of(Language.ENGLISH)
_NOTHING = "-"


def visit_rows(visits: Sequence[Visit], words: Wording = _ENGLISH) -> list[list[str]]:
    """Head and one row for each visit: date, volume, uptake, ADC, probability by endpoint, remark; [] for none."""
    if not visits:
        return []
    endpoints = list(dict.fromkeys(score.endpoint for visit in visits for score in visit.scores))
    head = [
        words(Phrase.VISIT_DATE),
        words(Phrase.ENHANCING_TISSUE),
        words(Phrase.INITIAL_UPTAKE),
        words(Phrase.VISIT_ADC),
        *(capitalised(words.endpoint(each)) for each in endpoints),
        "",
    ]
    rows = [
        [
            _date(visit.date),
            _NOTHING if visit.volume_ml is None else f"{visit.volume_ml:.1f} ml",
            _NOTHING if visit.uptake_percent is None else f"{visit.uptake_percent:+.0f} %",
            _NOTHING if visit.adc is None else f"{visit.adc:.2f}",
            *(_probability(visit.probability(each)) for each in endpoints),
            _remark_words(visit, words),
        ]
        for visit in visits
    ]
    return [head, *rows]


def visit_sentences(visits: Sequence[Visit], words: Wording = _ENGLISH) -> Iterator[str]:
    """One line for each visit, for a report."""
    head, *rows = visit_rows(visits, words) or [[]]
    for date, *values in rows:
        *numbers, remark = values
        pairs = zip(head[1:-1], numbers, strict=True)
        named = (f"{name} {value}" for name, value in pairs if value != _NOTHING)
        yield " ".join(filter(None, (f"{date}:", ", ".join(named), f"({remark})" if remark else "")))


def _remark_words(visit: Visit, words: Wording = _ENGLISH) -> str:
    """That it is the present study; or what of it is not to be compared, and why."""
    if visit.is_present:
        return words(Phrase.THIS_STUDY)
    parts = []
    if visit.measured_apart:
        parts.append(words(Phrase.MEASURED_APART, reason=_reasons(visit.measured_apart, words)))
    if visit.scored_apart:
        parts.append(words(Phrase.SCORED_APART, reason=_reasons(visit.scored_apart, words)))
    return "; ".join(parts)


def _reasons(reasons: Sequence[Incomparable], words: Wording) -> str:
    return ", ".join(words(Phrase(each.replace("-", "_"))) for each in reasons)


def _date(date: str) -> str:
    return f"{date[:4]}-{date[4:6]}-{date[6:]}"


def _probability(value: float | None) -> str:
    return _NOTHING if value is None else percent(value)
