"""Liveness, readiness, and metrics for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from node.dashboard.rights import Viewer
from node.dashboard.site import CurrentSite
from node.watching.metrics import exposition
from node.watching.readiness import Readiness

router = APIRouter()


@router.get("/healthz", include_in_schema=False)
def healthz() -> Response:
    """This process answers."""
    return PlainTextResponse("ok")


@router.get("/readyz", include_in_schema=False)
def readyz(site: CurrentSite) -> Response:
    """Ledger, disk and every process work; 503 with the names of those that do not."""
    failing = Readiness(site.settings, site.watch).failing()
    return JSONResponse({"ready": not failing, "failing": failing}, 503 if failing else 200)


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request, _user: Viewer) -> Response:
    """Prometheus exposition; scrape it with the API key of a viewer."""
    text, content_type = exposition(request.app.state.meter)
    return Response(text, media_type=content_type)
