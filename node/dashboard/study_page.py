"""Everything that the page of one study shows, gathered from ledger and archive."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from dicom_io.labels import Labels, read_labels
from node.dashboard import formatting as words
from node.dashboard.actions import Action, possible
from node.dashboard.site import Site
from node.jobs import OPEN
from node.states import StudyState
from node.storage.overview import SeriesRow
from node.storage.records import AuditRecord, JobRecord, KeptObject, StudyDetail, StudyRecord
from node.summary import AnalysisSummary, SeriesSummary


@dataclass(frozen=True, slots=True)
class SeriesLine:
    """One series: what the scanner calls it, and the role that the analysis gave it; None before an analysis."""

    row: SeriesRow
    labels: Labels
    role: SeriesSummary | None


@dataclass(frozen=True, slots=True)
class ObjectLine:
    """One result object with what each destination answered for it, by destination."""

    kept: KeptObject
    name: str
    answers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the timeline."""

    event: AuditRecord
    title: str


@dataclass(frozen=True, slots=True)
class StudyPage:
    """The page of one study; `labels` hold patient data and are for this page only."""

    study: StudyRecord
    labels: Labels
    series: list[SeriesLine]
    timeline: list[Step]
    deliveries: list[JobRecord]
    objects: list[ObjectLine]
    actions: list[Action]
    summary: AnalysisSummary
    waits: str
    until: float | None
    busy: bool

    @property
    def has_picture(self) -> bool:
        """Whether there is a summary page to show."""
        return any(line.kept.kind == "summary" for line in self.objects)

    @property
    def has_map(self) -> bool:
        """Whether there is a saliency map to lay over the DCE."""
        return any(line.kept.kind == "saliency-map" for line in self.objects)


def study_page(site: Site, number: int, now: float) -> StudyPage:
    """Gather the page; raises LookupError when there is no such study."""
    uid = site.overview.uid_of(number)
    detail = site.ledger.reading.study(uid)
    summary = detail.summary or AnalysisSummary()
    series = series_lines(site, number, summary)
    waits, until = what_it_waits_for(site, detail)
    return StudyPage(
        study=detail.study,
        labels=series[0].labels if series else Labels(),
        series=series,
        timeline=[Step(each, title_of(each)) for each in site.overview.events(number)],
        deliveries=[job for job in detail.jobs if job.kind == "deliver"],
        objects=object_lines(detail),
        actions=possible(detail),
        summary=summary,
        waits=waits,
        until=until,
        busy=detail.study.state is StudyState.RECEIVING or any(job.state in OPEN for job in detail.jobs),
    )


def series_lines(site: Site, number: int, summary: AnalysisSummary) -> list[SeriesLine]:
    """Each series with its labels, and its role once the study was analysed."""
    roles = {each.series_instance_uid: each for each in summary.series}
    lines = []
    for row in site.overview.series(number):
        labels = read_labels(site.archive.root / row.path)
        lines.append(SeriesLine(row, labels, roles.get(row.series_instance_uid)))
    return lines


def object_lines(detail: StudyDetail) -> list[ObjectLine]:
    """The objects of the newest revision, several of a kind numbered, with the newest answers to each."""
    totals, seen, lines = Counter(each.kind for each in detail.objects), Counter[str](), []
    for each in detail.objects:
        seen[each.kind] += 1
        name = f"{each.kind} {seen[each.kind]}" if totals[each.kind] > 1 else each.kind
        lines.append(ObjectLine(each, name, answers_for(each, detail)))
    return lines


def answers_for(kept: KeptObject, detail: StudyDetail) -> dict[str, str]:
    """What each destination said of one object."""
    answers = {}
    for job in detail.jobs:
        for receipt in job.receipts:
            if job.revision == detail.study.revision and receipt.sop_instance_uid == kept.sop_instance_uid:
                words_ = "stored" if receipt.kept else f"refused ({receipt.status:04X})"
                answers[job.destination] = "committed" if receipt.committed_at else words_
    return answers


def what_it_waits_for(site: Site, detail: StudyDetail) -> tuple[str, float | None]:
    """In words, with the moment at which it happens if nothing else does."""
    study = detail.study
    if study.state is StudyState.RECEIVING:
        lacks = f"{study.awaits}; " if study.awaits else ""
        at = site.settings.gather.complete_at(study.state_since, study.last_received_at, study.missing)
        return f"{lacks}complete when no instance comes until", at
    for job in detail.jobs:
        if job.state in {"waiting", "committing"} and job.attempts:
            words_ = "awaits storage commitment until" if job.state == "committing" else "tried again"
            return f"{job.destination or 'the analysis'}: {words_}", job.not_before
    return "", None


TITLES = {
    "RECEIVED": "Instances received",
    "SENT": "Objects sent",
    "CONFLICT": "Conflict found",
    "INTEGRITY_LOST": "A stored file has changed",
    "OPERATED": "Operator",
    "DOWNLOADED": "Downloaded",
    "SETTLED": "Complete",
    "CLAIMED": "Analysis begun",
    "ATTEMPT_LOST": "Attempt lost",
    "OBJECTS_KEPT": "Result objects written",
    "FOUND_INELIGIBLE": "Cannot be analysed",
    "ALL_DELIVERED": "Delivered",
    "GAVE_UP": "Given up",
    "REQUEUED": "Reprocess",
    "REDELIVERED": "Redeliver",
    "INSTANCE_STORED": "Late instance: next revision",
}


def title_of(event: AuditRecord) -> str:
    """An event in words."""
    return TITLES.get(event.event, words.endpoint(event.event.lower()))
