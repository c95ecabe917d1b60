"""The REST API: what the pages show and do, as JSON, under the same rights. GET /api/openapi.json describes it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict

from node.dashboard.actions import Action, perform, possible_actions
from node.dashboard.health import NodeHealth, node_health
from node.dashboard.models import ModelInUse, models_in_use
from node.dashboard.peers import RejectedAssociation, destination_statuses, echo_now, recent_rejections
from node.dashboard.queues import QueueReport, queue_report
from node.dashboard.rights import Operator, Viewer
from node.dashboard.site import CurrentSite
from node.dashboard.worklist import worklist_page
from node.states import StudyState
from node.storage.health import Echo
from node.storage.records import AuditRecord, JobRecord, KeptObject, StudyDetail, StudyRecord
from node.summary import AnalysisSummary
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
_Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="number of the study on this node")]


class WorklistEntry(BaseModel):
    """One study of the worklist. Times: seconds since 1970, UTC."""

    model_config = ConfigDict(from_attributes=True)

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


class Worklist(BaseModel):
    """Studies, newest first; `before` is the cursor of the page of older ones, empty at the end."""

    studies: list[WorklistEntry]
    before: str


class NoSummary(BaseModel):
    """The summary of a study that was never analysed."""


class StudyAnswer(BaseModel):
    """One study as the ledger knows it, and what an operator can do to it."""

    study: StudyRecord
    jobs: tuple[JobRecord, ...]
    objects: tuple[KeptObject, ...]
    timeline: tuple[AuditRecord, ...]
    summary: AnalysisSummary | NoSummary
    possible: list[Action]


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
    _user: Viewer,
    state: StudyState | None = None,
    before: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Worklist:
    """The worklist."""
    found = worklist_page(site, state, before, limit)
    return Worklist(studies=[WorklistEntry.model_validate(each) for each in found.studies], before=found.before)


@router.get("/studies/{number}", responses=_NOT_FOUND)
def study(site: CurrentSite, number: _Number, _user: Viewer) -> StudyAnswer:
    """One study, found by its number on this node."""
    return _study_answer(site.ledger.reading.study(site.overview.uid_of(number)))


@router.get("/uids/{study_instance_uid}", responses=_NOT_FOUND)
def study_by_uid(
    site: CurrentSite, study_instance_uid: Annotated[str, Path(max_length=64)], _user: Viewer
) -> StudyAnswer:
    """One study, found by its Study Instance UID."""
    return _study_answer(site.ledger.reading.study(study_instance_uid))


def _study_answer(detail: StudyDetail) -> StudyAnswer:
    """Everything that the ledger knows of a study."""
    return StudyAnswer(
        study=detail.study,
        jobs=detail.jobs,
        objects=detail.objects,
        timeline=detail.timeline,
        summary=detail.summary or NoSummary(),
        possible=possible_actions(detail),
    )


@router.post("/studies/{number}/{action}", responses=_NOT_FOUND | _CONFLICT)
def operate(
    site: CurrentSite,
    number: _Number,
    action: Action,
    user: Operator,
    reason: WithdrawalReason = WithdrawalReason.QUALITY,
) -> ActionAnswer:
    """Force, reprocess, redeliver or retract; `reason` is for retract."""
    return ActionAnswer(said=perform(site, user, site.overview.uid_of(number), action, reason))


@router.get("/queues")
def queues(site: CurrentSite, _user: Viewer) -> QueueReport:
    """Depth and age of the queues, open jobs, and failed jobs."""
    return queue_report(site)


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
