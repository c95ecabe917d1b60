"""The REST API: what the pages show and do, as JSON, under the same rights. GET /api/openapi.json describes it."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from node.dashboard.actions import Action, act, possible
from node.dashboard.health import capacity
from node.dashboard.models import models_in_use
from node.dashboard.pages import place
from node.dashboard.peers import destinations, echo_now, recent_rejections
from node.dashboard.rights import Caller, may_act, may_look, site_of
from node.jobs import OPEN, JobState
from node.states import StudyState
from node.storage.records import StudyDetail
from node.withdrawal import Reason


class Refusal(BaseModel):
    """Why not."""

    detail: str


def refusals(**words: str) -> dict[int | str, dict[str, Any]]:
    """Descriptions of refusals by their status, e.g. refusals(_404="...")."""
    return {int(status[1:]): {"model": Refusal, "description": told} for status, told in words.items()}


ALWAYS = refusals(
    _400="the request is not HTTP as we read it",
    _401="nothing proves who you are: send Authorization: Bearer KEY",
    _403="your role is not enough",
    _422="a parameter is missing or has a value that it cannot have",
)
NOT_FOUND = refusals(_404="there is no such thing")
CONFLICT = refusals(_409="this cannot be done to it now")
router = APIRouter(prefix="/api", responses=ALWAYS)
Looker = Annotated[Caller, Depends(may_look)]
Actor = Annotated[Caller, Depends(may_act)]
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="our number of the study")]


class Study(BaseModel):
    """One line of the worklist. Times: seconds since 1970, UTC."""

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
    """Studies, newest first; `before` leads to the next ones, empty at the end."""

    studies: list[Study]
    before: str


class Said(BaseModel):
    """What happens next."""

    said: str


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request, _caller: Looker) -> dict[str, Any]:
    """The description of this API."""
    app = request.app
    described = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    described["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    described["security"] = [{"key": []}]
    return described


@router.get("/studies")
def studies(
    request: Request,
    _caller: Looker,
    state: StudyState | None = None,
    before: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Worklist:
    """The worklist."""
    found = site_of(request).overview.worklist([state] if state else (), before=place(before), limit=limit)
    following = f"{found[-1].last_received_at!r}-{found[-1].id}" if len(found) == limit else ""
    return Worklist(studies=[Study(**asdict(each)) for each in found], before=following)


@router.get("/studies/{number}", responses=NOT_FOUND)
def study(request: Request, number: Number, _caller: Looker) -> dict[str, Any]:
    """Everything that the ledger knows of one study, and what may be done to it."""
    site = site_of(request)
    detail = site.ledger.reading.study(site.overview.uid_of(number))
    return study_answer(detail)


@router.get("/uids/{study_instance_uid}", responses=NOT_FOUND)
def study_by_uid(
    request: Request, study_instance_uid: Annotated[str, Path(max_length=64)], _caller: Looker
) -> dict[str, Any]:
    """The same, found by Study Instance UID."""
    detail = site_of(request).ledger.reading.study(study_instance_uid)
    return study_answer(detail)


def study_answer(detail: StudyDetail) -> dict[str, Any]:
    """One study as JSON, with what may be done to it; the summary is empty before the first analysis."""
    summary = detail.summary.to_json() if detail.summary else {}
    return {**asdict(detail), "summary": summary, "possible": possible(detail)}


@router.post("/studies/{number}/{action}", responses=NOT_FOUND | CONFLICT)
def operate(request: Request, number: Number, action: Action, caller: Actor, reason: Reason = Reason.QUALITY) -> Said:
    """Force, reprocess, redeliver or retract; `reason` is for retract."""
    site = site_of(request)
    return Said(said=act(site, caller, site.overview.uid_of(number), action, reason))


@router.get("/queues")
def queues(request: Request, _caller: Looker) -> dict[str, Any]:
    """Depth and age of the queues, and the dead letters."""
    overview = site_of(request).overview
    return {
        "depths": [asdict(each) for each in overview.queues()],
        "open": [asdict(each) for each in overview.jobs(OPEN)],
        "dead": [asdict(each) for each in overview.jobs([JobState.DEAD])],
    }


@router.get("/peers")
def peers(request: Request, _caller: Looker) -> dict[str, Any]:
    """Destinations with their last echo, and callers that were turned away."""
    site = site_of(request)
    lines = [
        {"name": each.destination.name, "echo": asdict(each.echo) if each.echo else None, "waiting": each.waiting}
        | {"dead": each.dead}
        for each in destinations(site)
    ]
    return {"destinations": lines, "rejections": [asdict(each) for each in recent_rejections(site)]}


@router.post("/peers/{name}/echo", responses=NOT_FOUND)
def echo(request: Request, name: Annotated[str, Path(max_length=64)], _caller: Actor) -> dict[str, Any]:
    """C-ECHO one destination now."""
    return asdict(echo_now(site_of(request), name))


@router.get("/models")
def models(request: Request, _caller: Looker) -> dict[str, Any]:
    """The model that answers, and the spread of its answers."""
    return {"models": [asdict(each) for each in models_in_use(site_of(request), time.time())]}


@router.get("/health")
def health(request: Request, _caller: Looker) -> dict[str, Any]:
    """Processes, disk, throughput, alerts."""
    return asdict(capacity(site_of(request), request.app.state.meter, time.time()))
