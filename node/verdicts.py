"""What readers' verdicts come to: which of them stands, which label it gives a case, and where they meet the scores."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mome_core.assessment import Verdict, label_of
from mome_core.results import Endpoint
from node.storage.records import AssessedAnalysis, Feedback
from node.summary import ScoreSummary

_SCORE_BANDS = 5  # fifths of [0, 1], as the population stability index has them


@dataclass(frozen=True, slots=True)
class _StandingVerdict:
    """The newest verdict of one reader on one score of a study.

    Parameters
    ----------
    names_score
        Whether it is certainly about this score: the reader named it, or the result has no other.
    """

    study_instance_uid: str
    by: str
    scanner: str
    verdict: Verdict
    score: ScoreSummary
    names_score: bool

    @property
    def label(self) -> int | None:
        """The class that the reader holds for true; None where the verdict does not say."""
        return label_of(self.verdict, self.score.call) if self.names_score else None


def standing(said: Iterable[AssessedAnalysis]) -> list[_StandingVerdict]:
    """The newest verdict of each reader on each score; `said` is oldest first."""
    newest: dict[tuple[str, Endpoint, str], _StandingVerdict] = {}
    for each in said:
        for score in each.summary.scores:
            about, by = each.assessment.endpoint, each.assessment.by
            if about not in (None, score.endpoint):
                continue
            uid, verdict = each.study_instance_uid, each.assessment.verdict
            sure = about is not None or len(each.summary.scores) == 1
            newest[uid, score.endpoint, by] = _StandingVerdict(uid, by, each.scanner, verdict, score, sure)
    return list(newest.values())


@dataclass(frozen=True, slots=True)
class ReaderLabel:
    """The class of one study that its readers hold for true; `source` says which verdict on which call it stems from.

    It is what readers think of a score that they have seen: no pathology, and not blinded.
    """

    study_instance_uid: str
    endpoint: Endpoint
    label: int
    source: str
    readers: int


@dataclass(frozen=True, slots=True)
class ReaderLabels:
    """Labels that verdicts give, and the studies (with the endpoint) of which readers contradict each other."""

    labels: tuple[ReaderLabel, ...]
    contradicted: tuple[tuple[str, Endpoint], ...]


def reader_labels(said: Iterable[AssessedAnalysis]) -> ReaderLabels:
    """The labels that the standing verdicts give; none where readers contradict each other."""
    by_case: dict[tuple[str, Endpoint], list[_StandingVerdict]] = defaultdict(list)
    for each in standing(said):
        if each.label is not None:
            by_case[each.study_instance_uid, each.score.endpoint].append(each)
    labels, contradicted = [], []
    for (uid, endpoint), verdicts in sorted(by_case.items()):
        found = {each.label for each in verdicts}
        if len(found) > 1:
            contradicted.append((uid, endpoint))
            continue
        source = "+".join(sorted({_source_of(each) for each in verdicts}))
        labels.append(ReaderLabel(uid, endpoint, int(verdicts[0].label or 0), source, len(verdicts)))
    return ReaderLabels(tuple(labels), tuple(contradicted))


def _source_of(each: _StandingVerdict) -> str:
    return f"verdict:{each.verdict}-with-{each.score.call}"


def all_feedback(documents: Iterable[Feedback], said: Sequence[AssessedAnalysis]) -> list[Feedback]:
    """Documents with the verdicts that they are, and the verdicts of the dashboard, oldest first."""
    by_document = {each.assessment.sop_instance_uid: each for each in said if each.assessment.sop_instance_uid}
    found = [
        replace(each, assessment=judged.assessment) if (judged := by_document.get(each.sop_instance_uid)) else each
        for each in documents
    ]
    found += [
        Feedback(each.study_instance_uid, "", "", "", "", "", each.assessment.at, each.assessment)
        for each in said
        if not each.assessment.sop_instance_uid
    ]
    return sorted(found, key=lambda each: each.received_at)


@dataclass(frozen=True, slots=True)
class BandVerdicts:
    """Verdicts on the scores of one scanner's studies within one fifth of [0, 1].

    Parameters
    ----------
    low, high
        The band: probabilities from `low` to below `high`; the last holds 1.
    """

    scanner: str
    endpoint: Endpoint
    low: float
    high: float
    agree: int
    disagree: int
    wrong_side: int
    not_usable: int


def count_verdicts(verdicts: Sequence[_StandingVerdict]) -> list[BandVerdicts]:
    """The verdicts by scanner, endpoint and score band, in this order; on withheld scores there is none to count."""
    counts: dict[tuple[str, Endpoint, int], Counter[Verdict]] = defaultdict(Counter)
    for each in verdicts:
        if each.score.probability is not None:
            band = min(_SCORE_BANDS - 1, int(_SCORE_BANDS * each.score.probability))
            counts[each.scanner, each.score.endpoint, band][each.verdict] += 1
    return [
        BandVerdicts(
            scanner,
            endpoint,
            band / _SCORE_BANDS,
            (band + 1) / _SCORE_BANDS,
            found[Verdict.AGREE],
            found[Verdict.DISAGREE],
            found[Verdict.WRONG_SIDE],
            found[Verdict.NOT_USABLE],
        )
        for (scanner, endpoint, band), found in sorted(counts.items())
    ]
