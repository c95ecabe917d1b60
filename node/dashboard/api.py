"""The REST API: what the pages show and do, as JSON, under the same rights. GET /api/openapi.json describes it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field

from node.dashboard.actions import Action, perform, possible_actions
from node.dashboard.assessing import VerdictRequest, assess, shown_assessments
from node.dashboard.health import NodeHealth, node_health
from node.dashboard.holding import DestinationVerb, NodeVerb, operate_destination, operate_node
from node.dashboard.models import ModelInUse, models_in_use
from node.dashboard.peers import RejectedAssociation, destination_statuses, echo_now, recent_rejections
from node.dashboard.queues import QueueReport, queue_report
from node.dashboard.rights import Operator, User, Viewer
from node.dashboard.site import CurrentSite, Site
from node.dashboard.worklist import WorklistLine, WorklistQuery, worklist_page
from node.jobs import Priority
from node.states import StudyState
from node.storage.health import Echo
from node.storage.records import Assessment, AuditRecord, JobRecord, KeptObject, StudyRecord
from node.summary import AnalysisSummary, ScoreSummary
from node.watching.problems import Problem, current_problems
from node.withdrawal import WithdrawalReason


class ErrorAnswer(BaseModel):
    """Why a request was refused."""

    detail: str


_Responses = dict[int | str, dict[str, Any]]  # as FastAPI wants them


def _responses(descriptions: Mapping[int, str]) -> _Responses:
    """Errors of a route for its description, by HTTP status."""
    return {status: {"model": ErrorAnswer, "description": words} for status, words in descriptions.items()}


_ALWAYS = _responses(
    {
        400: "the request is not valid HTTP",
        401: "not authenticated: send Authorization: Bearer KEY",
        403: "your role does not allow this",
        422: "a parameter is missing or has an invalid value",
    }
)
_NOT_FOUND = _responses({404: "no such study, object or destination"})
_CONFLICT = _responses({409: "not possible in its present state"})
router = APIRouter(prefix="/api", responses=_ALWAYS)
_Why = Annotated[str, Query(max_length=200, description="reason, for pages and audit trail")]
_Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="number of the study on this node")]


class WorklistEntry(BaseModel):
    """One study of the worklist. Times: seconds since 1970, UTC.

    Text of the header is as the scanner wrote it; the patient is empty without the right to see patients, and beyond
    what the site shows in lists. `next`: what happens next, or why nothing does; `next_at`: when.
    """

    id: int
    study_instance_uid: str
    state: StudyState
    revision: int
    instances: int
    first_received_at: float
    last_received_at: float
    state_since: float
    conflict: bool
    reason: str
    scanner: str
    study_date: str
    study_description: str
    patient_id: str
    patient_name: str
    scores: tuple[ScoreSummary, ...]
    next: str
    next_at: float | None
    priority: Priority


class Studies(BaseModel):
    """Studies, newest first; `before` is the cursor of the page of older ones, empty at the end."""

    studies: list[WorklistEntry]
    before: str


class SearchRequest(BaseModel):
    """What studies are sought by: accession number, patient ID, name, date, UID or part of it, number, scanner."""

    text: Annotated[str, Field(max_length=200)]
    state: StudyState | None = None
    before: Annotated[str, Field(max_length=64)] = ""
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class NoSummary(BaseModel):
    """The summary of a study that was never analysed."""


class StudyAnswer(BaseModel):
    """One study as the ledger knows it, and what an operator can do to it.

    `assessments`: what readers said of it, newest first; without comments for who may not see patients.
    """

    study: StudyRecord
    jobs: tuple[JobRecord, ...]
    objects: tuple[KeptObject, ...]
    timeline: tuple[AuditRecord, ...]
    summary: AnalysisSummary | NoSummary
    possible: list[Action]
    assessments: list[Assessment]


class ActionAnswer(BaseModel):
    """What happens next, in words."""

    said: str


class DestinationAnswer(BaseModel):
    """A destination, its last C-ECHO, and how many jobs wait for it or have failed for good."""

    name: str
    echo: Echo | None
    waiting: int
    dead: int


class PeersAnswer(BaseModel):
    """Destinations, and rejected associations, newest first."""

    destinations: list[DestinationAnswer]
    rejections: list[RejectedAssociation]


class ModelsAnswer(BaseModel):
    """The active model first, then others that were active in the last month."""

    model_config = ConfigDict(protected_namespaces=())

    models: list[ModelInUse]


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request, _user: Viewer) -> Mapping[str, Any]:
    """The OpenAPI description of this API."""
    app = request.app
    described = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    described["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    described["security"] = [{"key": []}]
    return described


@router.get("/studies")
def studies(
    site: CurrentSite,
    user: Viewer,
    state: StudyState | None = None,
    before: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Studies:
    """The worklist."""
    found = _studies(site, WorklistQuery(state, "", user.sees_patients, before, limit))
    site.patient_log.listed(user.name, sum(bool(each.patient_id) for each in found.studies))
    return found


@router.post("/search")
def search(site: CurrentSite, user: Viewer, wanted: SearchRequest) -> Studies:
    """Studies that fit every word of a text; patients are sought only with the right to see them."""
    text = wanted.text.strip()
    found = _studies(site, WorklistQuery(wanted.state, text, user.sees_patients, wanted.before, wanted.limit))
    site.patient_log.searched(user.name, len(found.studies))
    return found


def _studies(site: Site, query: WorklistQuery) -> Studies:
    found = worklist_page(site, query)
    return Studies(studies=[_worklist_entry(line) for line in found.lines], before=found.before)


def _worklist_entry(line: WorklistLine) -> WorklistEntry:
    study = line.study
    return WorklistEntry(
        id=study.id,
        study_instance_uid=study.study_instance_uid,
        state=study.state,
        revision=study.revision,
        instances=study.instances,
        first_received_at=study.first_received_at,
        last_received_at=study.last_received_at,
        state_since=study.state_since,
        conflict=study.conflict,
        reason=study.reason,
        scanner=line.scanner,
        study_date=line.labels.study_date,
        study_description=line.labels.study_description,
        patient_id=line.labels.patient_id,
        patient_name=line.labels.patient_name,
        scores=line.summary.scores,
        next=line.step.words,
        next_at=line.step.until,
        priority=study.priority,
    )


@router.get("/studies/{number}", responses=_NOT_FOUND)
def study(site: CurrentSite, number: _Number, user: Viewer) -> StudyAnswer:
    """One study, found by its number on this node."""
    return _study_answer(site, user, site.overview.uid_of(number))


@router.get("/uids/{study_instance_uid}", responses=_NOT_FOUND)
def study_by_uid(
    site: CurrentSite, study_instance_uid: Annotated[str, Path(max_length=64)], user: Viewer
) -> StudyAnswer:
    """One study, found by its Study Instance UID."""
    return _study_answer(site, user, study_instance_uid)


def _study_answer(site: Site, user: User, uid: str) -> StudyAnswer:
    """Everything that the ledger knows of a study; the audit trail records who looked at it."""
    detail = site.ledger.reading.study(uid)
    site.patient_log.looked_at(user.name, uid)
    return StudyAnswer(
        study=detail.study,
        jobs=detail.jobs,
        objects=detail.objects,
        timeline=detail.timeline,
        summary=detail.summary or NoSummary(),
        possible=possible_actions(detail),
        assessments=shown_assessments(site, uid, patients=user.sees_patients),
    )


@router.post("/studies/{number}/priority", responses=_NOT_FOUND)
def prioritise(site: CurrentSite, number: _Number, user: Operator, priority: Priority) -> ActionAnswer:
    """Set how urgent a study is: STAT overtakes all that wait."""
    site.ledger.operator.prioritise(site.overview.uid_of(number), priority, user.name, time.time())
    return ActionAnswer(said=f"priority {priority}")


@router.post("/studies/{number}/assess", responses=_NOT_FOUND | _CONFLICT)
def judge(site: CurrentSite, number: _Number, user: Operator, said: VerdictRequest) -> ActionAnswer:
    """Keep what a reader says of the newest result; `retract` withdraws one of a wrong side, or not usable."""
    return ActionAnswer(said=assess(site, user, site.overview.uid_of(number), said))


@router.post("/studies/{number}/{action}", responses=_NOT_FOUND | _CONFLICT)
def operate(
    site: CurrentSite,
    number: _Number,
    action: Action,
    user: Operator,
    reason: WithdrawalReason = WithdrawalReason.QUALITY,
) -> ActionAnswer:
    """Force, reprocess, redeliver, retract or cancel; `reason` is for retract."""
    return ActionAnswer(said=perform(site, user, site.overview.uid_of(number), action, reason))


@router.get("/queues")
def queues(site: CurrentSite, _user: Viewer) -> QueueReport:
    """Depth and age of the queues, open jobs, and failed jobs."""
    return queue_report(site)


@router.post("/node/{verb}", responses=_NOT_FOUND)
def operate_this_node(site: CurrentSite, verb: NodeVerb, user: Operator, why: _Why = "") -> ActionAnswer:
    """Pause (begin nothing), drain (and reject associations) or resume this node."""
    operate_node(site, user, verb, why)
    return ActionAnswer(said=f"{site.settings.node_name}: {verb}")


@router.post("/destinations/{name}/{verb}", responses=_NOT_FOUND)
def operate_on_destination(
    site: CurrentSite,
    name: Annotated[str, Path(max_length=64)],
    verb: DestinationVerb,
    user: Operator,
    why: _Why = "",
) -> ActionAnswer:
    """Hold back what goes to a destination, or release it."""
    operate_destination(site, user, name, verb, why)
    return ActionAnswer(said=f"{name}: {verb}")


@router.get("/problems")
def problems(site: CurrentSite, _user: Viewer) -> list[Problem]:
    """What is wrong now, what holds up most studies first: since when, how many wait, what mends it."""
    return current_problems(site.overview, site.watch)


@router.get("/peers")
def peers(site: CurrentSite, _user: Viewer) -> PeersAnswer:
    """Destinations with their last C-ECHO, and rejected associations."""
    destinations = [
        DestinationAnswer(name=each.destination.name, echo=each.echo, waiting=each.waiting, dead=each.dead)
        for each in destination_statuses(site)
    ]
    return PeersAnswer(destinations=destinations, rejections=recent_rejections(site))


@router.post("/peers/{name}/echo", responses=_NOT_FOUND)
def echo(site: CurrentSite, name: Annotated[str, Path(max_length=64)], _user: Operator) -> Echo:
    """Send a C-ECHO to one destination now."""
    return echo_now(site, name)


@router.get("/models")
def models(site: CurrentSite, _user: Viewer) -> ModelsAnswer:
    """The active model, and the distribution of its scores."""
    return ModelsAnswer(models=models_in_use(site, time.time()))


@router.get("/health")
def health(request: Request, site: CurrentSite, _user: Viewer) -> NodeHealth:
    """Processes, disk, throughput, alerts."""
    return node_health(site, request.app.state.meter, time.time())
