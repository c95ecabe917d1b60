"""The pages. Each is complete without scripts; with them it keeps itself up to date."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from node.dashboard.health import node_health
from node.dashboard.models import models_in_use, report_of_models
from node.dashboard.peers import destination_statuses, echo_now, recent_rejections
from node.dashboard.rendering import page
from node.dashboard.rights import Operator, Viewer
from node.dashboard.searches import RecentSearches
from node.dashboard.site import CurrentSite
from node.dashboard.worklist import WorklistQuery, search_of, worklist_page
from node.states import StudyState
from node.storage.worklist import MOST_COUNTED
from node.watching.drift import SHIFTED

router = APIRouter(include_in_schema=False)
_PAGE_STUDIES = 50
_LONGEST_SEARCH = 200


class _WorklistParameters(BaseModel):
    """What of the worklist is shown; `search` is the name of a search (RecentSearches), never its text."""

    state: StudyState | None = None
    before: Annotated[str, Field(max_length=64)] = ""
    search: Annotated[str, Field(max_length=64)] = ""


@router.get("/")
def worklist(
    request: Request, site: CurrentSite, user: Viewer, wanted: Annotated[_WorklistParameters, Query()]
) -> Response:
    """Every study, or those that a search has found, newest first."""
    searches: RecentSearches = request.app.state.searches
    text = searches.text(user.name, wanted.search) if wanted.search else ""
    query = WorklistQuery(wanted.state, text, user.sees_patients, wanted.before, _PAGE_STUDIES)
    found = worklist_page(site, query)
    site.patient_log.listed(user.name, sum(bool(line.labels.patient_id) for line in found.lines))
    return page(
        request,
        "worklist.html",
        lines=found.lines,
        query=query,
        search=wanted.search,
        following=found.before,
        counts=site.worklist.found(search_of(site, query)) if query.text else site.ledger.reading.counts(),
        most_counted=MOST_COUNTED,
    )


@router.post("/search")
def search(
    request: Request, site: CurrentSite, user: Viewer, text: Annotated[str, Form(max_length=_LONGEST_SEARCH)] = ""
) -> Response:
    """Look for studies; a single one is shown at once. What was sought stands in no address."""
    query = WorklistQuery(text=text.strip(), patients=user.sees_patients, limit=2)
    if not query.text:
        return RedirectResponse("/", 303)
    studies = sum(site.worklist.found(search_of(site, query)).values())
    site.patient_log.searched(user.name, studies)
    if studies == 1:
        (line,) = worklist_page(site, query).lines
        return RedirectResponse(f"/studies/{line.study.id}", 303)
    searches: RecentSearches = request.app.state.searches
    return RedirectResponse(f"/?search={searches.begin(user.name, query.text)}", 303)


@router.get("/problems")
def problems(request: Request, _user: Viewer) -> Response:
    """What is wrong now: the lines on top of every page, for those that are open."""
    return page(request, "problems.html")


@router.get("/peers")
def peers(request: Request, site: CurrentSite, _user: Viewer) -> Response:
    """Destinations, allowed callers, and rejected associations."""
    return page(
        request,
        "peers.html",
        destinations=destination_statuses(site),
        rejections=recent_rejections(site),
        dicom=site.settings.dicom,
    )


@router.post("/peers/{name}/echo")
def echo(site: CurrentSite, name: Annotated[str, Path(max_length=64)], _user: Operator) -> Response:
    """Send a C-ECHO to one destination now."""
    echo_now(site, name)
    return RedirectResponse("/peers", 303)


@router.get("/models")
def models(request: Request, site: CurrentSite, _user: Viewer) -> Response:
    """The active model, the distribution of its scores, drift, and the shadow."""
    now = time.time()
    found, report = models_in_use(site, now), report_of_models(site, now)
    return page(request, "models.html", models=found, report=report, shifted=SHIFTED)


@router.get("/health")
def health(request: Request, site: CurrentSite, _user: Viewer) -> Response:
    """Processes, disk, throughput, alerts."""
    return page(request, "health.html", health=node_health(site, request.app.state.meter, time.time()))
