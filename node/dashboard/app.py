"""The web application: pages for people, the API for programs, and what both share."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from dicom_io.errors import DicomError
from node.dashboard import api, login, oidc, pages, probes
from node.dashboard.guard import HEADERS, Guard
from node.dashboard.rendering import page
from node.dashboard.rights import Limiter
from node.dashboard.site import Site
from node.errors import NodeError
from node.states import ImpossibleTransition
from node.watching.metrics import Meter
from sr_templates.errors import ObjectsError

STATIC = Path(__file__).parent / "static"


def build_app(site: Site) -> FastAPI:
    """The application for one site."""
    app = FastAPI(
        title="MOME Node",
        version=version("mome-node"),
        description="Research use only. Not a medical device, not for clinical decisions.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.site, app.state.limiter, app.state.logins = site, Limiter(), oidc.Logins()
    app.state.meter = Meter(site.settings, site.archive, site.overview, site.watch)
    app.add_middleware(Guard, settings=site.settings.dashboard)
    app.mount("/static", StaticFiles(directory=STATIC))
    for router in (probes.router, login.router, oidc.router, pages.router, api.router):
        app.include_router(router)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, senseless)
    app.add_exception_handler(LookupError, not_there)
    for kind in (ImpossibleTransition, NodeError, DicomError, ObjectsError):
        app.add_exception_handler(kind, not_now)
    app.add_exception_handler(Exception, defect)
    return app


def answer(request: Request, status: int, words: str, headers: dict[str, str] | None = None) -> Response:
    """An error for whoever asked: a page for a browser, JSON for a program."""
    if request.url.path.startswith("/api") or "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"detail": words}, status, headers)
    if status == 401:
        return page(request, "login.html", status=401, wanted=request.url.path)
    return page(request, "error.html", status=status, words=words)


async def refused(request: Request, error: Exception) -> Response:
    """Rights, and pages that do not exist."""
    if not isinstance(error, HTTPException):
        raise TypeError("only for HTTPException")
    return answer(request, error.status_code, str(error.detail), dict(error.headers or {}))


async def senseless(request: Request, _error: Exception) -> Response:
    """A parameter that cannot be; what was sent is not repeated."""
    return answer(request, 422, "a parameter is missing or has a value that it cannot have")


async def not_there(request: Request, error: Exception) -> Response:
    """No such study, account or object; a missing key is a defect of ours, and stays one."""
    if type(error) is not LookupError:
        raise error
    return answer(request, 404, str(error))


async def not_now(request: Request, error: Exception) -> Response:
    """Ledger, archive, reader or writer refused; their words are ours."""
    return answer(request, 409, str(error))


async def defect(request: Request, _error: Exception) -> Response:
    """A defect of this program: the log tells it, the page only that there was one."""
    told = answer(request, 500, "the program met a defect of its own; the node's log tells more")
    told.headers.update(HEADERS)
    return told
