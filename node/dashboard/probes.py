"""What machines ask: is it alive, can it work, and the numbers for Prometheus."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from node.dashboard.rights import Caller, may_look, site_of
from node.watching.metrics import Health, exposition

router = APIRouter()


@router.get("/healthz", include_in_schema=False)
def healthz() -> Response:
    """This process answers."""
    return PlainTextResponse("ok")


@router.get("/readyz", include_in_schema=False)
def readyz(request: Request) -> Response:
    """Ledger, disk and every process work; 503 with the names of those that do not."""
    site = site_of(request)
    failing = Health(site.settings, site.archive, site.overview, site.watch).failing()
    return JSONResponse({"ready": not failing, "failing": failing}, 503 if failing else 200)


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request, _caller: Annotated[Caller, Depends(may_look)]) -> Response:
    """Prometheus exposition; scrape it with the API key of a viewer."""
    text, content_type = exposition(request.app.state.meter)
    return Response(text, media_type=content_type)
