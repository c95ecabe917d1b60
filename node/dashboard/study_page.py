"""The page of one study, gathered from ledger and archive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from dicom_io.errors import NotAnInstance
from dicom_io.identification import StudyIdentification, read_identification
from dicom_io.labels import Labels, read_labels, without_patient
from mome_core.protocol import ProtocolItem
from mome_core.visits import Visit
from node.audit import AuditEvent
from node.dashboard.actions import Action, possible_actions
from node.dashboard.assessing import judged_revision, shown_assessments
from node.dashboard.site import Site
from node.dashboard.study_roles import roles_now
from node.earlier import visits_of_study
from node.jobs import OPEN, JobKind
from node.next_step import NextStep, next_step
from node.series_roles import StudyRoles
from node.states import StudyEvent, StudyState
from node.storage.analysis_queue import analysis_queue
from node.storage.hosts import Hosts
from node.storage.ledger.conflicts import Party
from node.storage.overview import SeriesRow
from node.storage.records import Assessment, AuditRecord, JobRecord, KeptObject, StudyDetail, StudyRecord
from node.summary import AnalysisSummary, SeriesSummary
from sr_templates.dicom.visit_words import visit_rows
from sr_templates.kinds import Kind


@dataclass(frozen=True, slots=True)
class _SeriesDetail:
    """One series with its labels, and the role that the analysis gave it (None before an analysis)."""

    row: SeriesRow
    labels: Labels
    role: SeriesSummary | None


@dataclass(frozen=True, slots=True)
class _ObjectDetail:
    """One result object, and its delivery status by destination."""

    kept: KeptObject
    name: str
    deliveries: dict[str, str]


@dataclass(frozen=True, slots=True)
class _TimelineEntry:
    """One entry of the timeline with its title, and the seconds since the entry before."""

    event: AuditRecord
    title: str
    seconds: float


@dataclass(frozen=True, slots=True)
class _PartyDetail:
    """One party of a conflict, and whom one of its files names; nobody where that may not be seen."""

    party: Party
    who: StudyIdentification


@dataclass(frozen=True, slots=True)
class _StudyPage:
    """The page of one study; `labels` hold patient data and are for this page only."""

    study: StudyRecord
    labels: Labels
    scanner: str
    series: list[_SeriesDetail]
    timeline: list[_TimelineEntry]
    deliveries: list[JobRecord]
    objects: list[_ObjectDetail]
    actions: list[Action]
    summary: AnalysisSummary
    protocol: tuple[ProtocolItem, ...]
    step: NextStep
    hosts: list[str]
    busy: bool
    parties: list[_PartyDetail]
    assessments: list[Assessment]
    may_be_judged: bool
    visits: list[list[str]]

    @property
    def has_picture(self) -> bool:
        """Whether there is a summary page to show."""
        return any(line.kept.kind == Kind.SUMMARY for line in self.objects)

    @property
    def has_map(self) -> bool:
        """Whether there is a saliency map to lay over the DCE."""
        return any(line.kept.kind == Kind.SALIENCY_MAP for line in self.objects)


def study_page(site: Site, number: int, now: float, *, patients: bool) -> _StudyPage:
    """Gather the page, with the patient or without; raises LookupError when there is no such study."""
    uid = site.overview.uid_of(number)
    detail = site.ledger.reading.study(uid)
    summary = detail.summary or AnalysisSummary()
    roles = roles_now(site, detail, now)
    series = _series_lines(site, number, roles)
    step = next_step(detail.study, detail.jobs, analysis_queue(site.ledger.engine, now), site.settings.gather, now)
    hosts = Hosts(site.ledger.engine).of_study(number)
    if waits := hosts.why_it_waits(detail.study, now):
        step = NextStep(waits, is_troubled=True)
    labels = series[0].labels if series else Labels()
    return _StudyPage(
        study=detail.study,
        labels=labels if patients else without_patient(labels),
        scanner=series[0].row.calling_ae_title if series else "",
        series=series,
        timeline=_timeline(site.overview.events(number)),
        deliveries=[job for job in detail.jobs if job.kind is JobKind.DELIVER],
        objects=_object_lines(detail),
        actions=possible_actions(detail),
        summary=summary,
        protocol=roles.protocol,
        step=step,
        hosts=hosts.words(now),
        busy=detail.study.state is StudyState.RECEIVING or any(job.state in OPEN for job in detail.jobs),
        parties=[_party_line(site, each, patients) for each in site.ledger.conflicts.parties(uid)],
        assessments=shown_assessments(site, uid, patients=patients),
        may_be_judged=judged_revision(detail) is not None,
        visits=visit_rows(_visits(site, uid, series, summary)) if patients else [],
    )


def _visits(site: Site, uid: str, series: Sequence[_SeriesDetail], summary: AnalysisSummary) -> tuple[Visit, ...]:
    """The patient's earlier results as this node knows them now, and this one; they are of one patient."""
    if not series or not site.settings.results.priors:
        return ()
    image = site.archive.root / series[0].row.path
    return visits_of_study(site.ledger, site.archive, uid, image, summary)


def _party_line(site: Site, party: Party, patients: bool) -> _PartyDetail:
    """A party with the patient that its first file names."""
    who = StudyIdentification("")
    if patients and party.path:
        with suppress(NotAnInstance):
            who = read_identification(site.archive.root / party.path)
    return _PartyDetail(party, who)


def _series_lines(site: Site, number: int, found: StudyRoles) -> list[_SeriesDetail]:
    """Each series with its labels and its role, as the scanner counts them."""
    roles = {each.series_instance_uid: each for each in found.series}
    lines = []
    for row in site.overview.series(number):
        labels = read_labels(site.archive.root / row.path)
        lines.append(_SeriesDetail(row, labels, roles.get(row.series_instance_uid)))
    return sorted(lines, key=_series_number)


def _series_number(line: _SeriesDetail) -> tuple[int, str]:
    text = line.labels.series_number
    return int(text) if text.isdecimal() and len(text) < 10 else 0, line.row.series_instance_uid


def _timeline(events: Sequence[AuditRecord]) -> list[_TimelineEntry]:
    """What happened to the study, each with the seconds since the entry before."""
    before = [events[0], *events] if events else []
    return [_TimelineEntry(each, title_of(each), each.at - last.at) for each, last in zip(events, before, strict=False)]


def _object_lines(detail: StudyDetail) -> list[_ObjectDetail]:
    """The objects of the newest revision, several of a kind numbered, with the delivery status of each."""
    totals, seen, lines = Counter(each.kind for each in detail.objects), Counter[str](), []
    for each in detail.objects:
        seen[each.kind] += 1
        name = f"{each.kind} {seen[each.kind]}" if totals[each.kind] > 1 else each.kind
        lines.append(_ObjectDetail(each, name, _delivery_status(each, detail)))
    return lines


def _delivery_status(kept: KeptObject, detail: StudyDetail) -> dict[str, str]:
    """Whether each destination has stored or committed one object."""
    status = {}
    for job in detail.jobs:
        for receipt in job.receipts:
            if job.revision == detail.study.revision and receipt.sop_instance_uid == kept.sop_instance_uid:
                stored = "stored" if receipt.kept else f"refused ({receipt.status:04X})"
                status[job.destination] = "committed" if receipt.committed_at else stored
    return status


_TITLES: dict[str, str] = {
    AuditEvent.RECEIVED: "Instances received",
    AuditEvent.SENT: "Objects sent",
    AuditEvent.CONFLICT: "Conflict found",
    AuditEvent.INTEGRITY_LOST: "Stored file changed",
    AuditEvent.OPERATED: "Operator",
    AuditEvent.DOWNLOADED: "Downloaded",
    AuditEvent.ASSESSED: "Reader's verdict",
    StudyEvent.SETTLED: "Complete",
    StudyEvent.CLAIMED: "Analysis started",
    StudyEvent.ATTEMPT_LOST: "Attempt failed",
    StudyEvent.GIVEN_BACK: "Analysis waits again",
    StudyEvent.CANCELLED: "Cancelled",
    StudyEvent.OBJECTS_KEPT: "Result objects written",
    StudyEvent.FOUND_INELIGIBLE: "Not analysed",
    StudyEvent.ALL_DELIVERED: "Delivered",
    StudyEvent.GAVE_UP: "Failed",
    StudyEvent.REQUEUED: "Reprocess",
    StudyEvent.REDELIVERED: "Redeliver",
    StudyEvent.INSTANCE_STORED: "Late instance: next revision",
}


def title_of(event: AuditRecord) -> str:
    """The title of an event; its code in words where there is none."""
    return _TITLES.get(event.event, event.event.replace("_", " ").capitalize())
