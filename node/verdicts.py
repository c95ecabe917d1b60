"""What readers' verdicts come to: which of them stands, which label it gives a case, and where they meet the scores."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mome_core.assessment import Verdict, label_of
from mome_core.results import Endpoint
from node.storage.records import AssessedAnalysis, Assessment, Feedback
from node.summary import ScoreSummary

_SCORE_BANDS = 5  # fifths of [0, 1], as the population stability index has them


@dataclass(frozen=True, slots=True)
class _StandingVerdict:
    """The newest verdict of one reader, or of one AE title, on one score of a study.

    Parameters
    ----------
    names_score
        Whether it is certainly about this score: the reader named it, or the result has no other.
    also
        Labels that other documents of this AE title give the same score: it may stand for several readers.
    """

    study_instance_uid: str
    scanner: str
    assessment: Assessment
    score: ScoreSummary
    names_score: bool
    also: frozenset[int] = frozenset()

    @property
    def label(self) -> int | None:
        """The class that the reader holds for true; None where the verdict does not say."""
        return label_of(self.assessment.verdict, self.score.call) if self.names_score else None

    def after(self, before: _StandingVerdict) -> _StandingVerdict:
        """Which of two of one reader stands: a verdict on an older revision takes the place of none on a newer one."""
        if self.assessment.revision != before.assessment.revision:
            return self if self.assessment.revision > before.assessment.revision else before
        if self.assessment.reader:
            return self
        return replace(self, also=before.also | ({before.label} if before.label is not None else frozenset()))


def standing(said: Iterable[AssessedAnalysis]) -> list[_StandingVerdict]:
    """The newest verdict of each reader on each score, of the newest revision judged; `said` is oldest first."""
    newest: dict[tuple[str, Endpoint, str, str], _StandingVerdict] = {}
    for each in said:
        for score in each.summary.scores:
            about = each.assessment.endpoint
            if about not in (None, score.endpoint):
                continue
            sure = about is not None or len(each.summary.scores) == 1
            one = _StandingVerdict(each.study_instance_uid, each.scanner, each.assessment, score, sure)
            who = (each.study_instance_uid, score.endpoint, each.assessment.reader, each.assessment.calling_ae_title)
            newest[who] = one.after(newest[who]) if who in newest else one
    return list(newest.values())


@dataclass(frozen=True, slots=True)
class ReaderLabel:
    """The class of one study that its readers hold for true; `source` says which verdict on which call it stems from.

    It is what readers think of a score that they have seen: no pathology, and not blinded.

    Parameters
    ----------
    assessments
        What was said, once for each reader or AE title.
    """

    study_instance_uid: str
    endpoint: Endpoint
    label: int
    source: str
    assessments: tuple[Assessment, ...]


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
        found = {label for each in verdicts for label in (each.label, *each.also) if label is not None}
        if len(found) > 1:
            contradicted.append((uid, endpoint))
            continue
        source = "+".join(sorted({_source_of(each) for each in verdicts}))
        labels.append(ReaderLabel(uid, endpoint, found.pop(), source, tuple(each.assessment for each in verdicts)))
    return ReaderLabels(tuple(labels), tuple(contradicted))


def _source_of(each: _StandingVerdict) -> str:
    return f"verdict:{each.assessment.verdict}-with-{each.score.call}"


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
    """The verdicts by scanner, endpoint and score band, in this order.

    Not counted are verdicts on withheld scores, and an agreement or disagreement with a result of several scores of
    which none was named.
    """
    counts: dict[tuple[str, Endpoint, int], Counter[Verdict]] = defaultdict(Counter)
    for each in verdicts:
        verdict = each.assessment.verdict
        if each.score.probability is not None and (each.names_score or verdict.is_rejection):
            band = min(_SCORE_BANDS - 1, int(_SCORE_BANDS * each.score.probability))
            counts[each.scanner, each.score.endpoint, band][verdict] += 1
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
