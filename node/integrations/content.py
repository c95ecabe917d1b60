"""What other systems are told of one analysis: always preliminary, with the identifiers of its report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dicom_io.identification import StudyIdentification, read_identification, with_order
from mome_core.results import Endpoint, QualityFlag
from node.integrations.errors import NothingToTell
from node.jobs import Job
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger
from node.storage.records import KeptObject
from node.summary import AnalysisSummary, ScoreSummary
from sr_templates.dicom.score_words import call_words
from sr_templates.dicom.text import percent
from sr_templates.kinds import Kind

_RESEARCH_USE = "Research use only, not for diagnosis"


class ReportCode(Protocol):
    """A coded word of the report."""

    @property
    def value(self) -> str:
        """Code value."""

    @property
    def scheme_designator(self) -> str:
        """Coding scheme designator."""

    @property
    def meaning(self) -> str:
        """Code meaning."""


@dataclass(frozen=True, slots=True)
class PreliminaryResult:
    """One revision's analysis with the identifiers that its report carries.

    Parameters
    ----------
    analyzed_at
        Seconds since 1970, UTC.
    withdrawn
        Whether the operator took the result back: nothing of it may be read as valid.
    earlier
        Endpoints that an earlier revision scored.
    """

    identification: StudyIdentification
    report: KeptObject
    revision: int
    analyzed_at: float
    summary: AnalysisSummary
    withdrawn: bool
    earlier: frozenset[Endpoint] = frozenset()

    @property
    def scores(self) -> tuple[ScoreSummary, ...]:
        """What the model answered; nothing once it is withdrawn."""
        return () if self.withdrawn else self.summary.scores

    @property
    def no_longer_told(self) -> tuple[Endpoint, ...]:
        """Endpoints that others may have been told of and that have no score now."""
        before = self.earlier | ({each.endpoint for each in self.summary.scores} if self.withdrawn else set())
        return tuple(each for each in Endpoint if each in before - {score.endpoint for score in self.scores})

    @property
    def flags(self) -> tuple[QualityFlag, ...]:
        """Doubts about the input."""
        return () if self.withdrawn else self.summary.flags

    @property
    def conclusion(self) -> str:
        """The result in one sentence."""
        if self.withdrawn:
            return f"The AI result of this study was withdrawn. {_RESEARCH_USE}."
        if not self.scores:
            return f"Preliminary AI result: not analysed, {self.summary.reason or 'no score'}. {_RESEARCH_USE}."
        told = "; ".join(_score_words(each) for each in self.scores)
        return f"Preliminary AI result: {told}. {_RESEARCH_USE}."


def _score_words(score: ScoreSummary) -> str:
    """One score in words."""
    why = f" ({score.withheld_reason.words})" if score.withheld_reason else ""
    if score.probability is None:
        return f"{score.endpoint.words}: score withheld{why}"
    return f"{score.endpoint.words} {percent(score.probability)}, {call_words(score.call, score.threshold)}{why}"


def preliminary_result(job: Job, ledger: Ledger, archive: Archive) -> PreliminaryResult:
    """What a delivery job tells; raises NothingToTell when the revision has no report, IntegrityLost."""
    objects = ledger.deliveries.objects_of(job)
    report = next((each for each in objects if each.kind == Kind.REPORT), None)
    analysis = ledger.reading.analysis(job.study_id, job.revision)
    if report is None or analysis is None:
        raise NothingToTell("this revision has no report that a message could be about")
    identification = read_identification(archive.verified(report.path, report.sha256))
    if not identification.patient_id:
        raise NothingToTell("the images carry no patient ID, so nobody could file a message about them")
    image = _first_image(job, ledger, archive)
    return PreliminaryResult(
        identification=with_order(identification, image) if image else identification,
        report=report,
        revision=job.revision,
        analyzed_at=analysis.finished_at,
        summary=analysis.summary,
        withdrawn=any(each.kind == Kind.REJECTION for each in objects),
        earlier=frozenset(_earlier_endpoints(job, ledger)),
    )


def _earlier_endpoints(job: Job, ledger: Ledger) -> Iterator[Endpoint]:
    """What earlier revisions of the study scored."""
    for revision in range(1, job.revision):
        analysis = ledger.reading.analysis(job.study_id, revision)
        for score in analysis.summary.scores if analysis else ():
            yield score.endpoint


def _first_image(job: Job, ledger: Ledger, archive: Archive) -> Path | None:
    """A source image of the study; None when none is left on this host."""
    for _, sha256, path in ledger.reading.instances(job.study_instance_uid, archive.uuid):
        return archive.verified(path, sha256)
    return None
