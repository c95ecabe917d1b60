"""The web application: pages for people, the API for programs, and what both share."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from dicom_io.errors import DicomError
from node.dashboard import access_pages, api, login, oidc, pages, probes, queue_routes, stow, study_routes
from node.dashboard.guard import SECURITY_HEADERS, SecurityMiddleware
from node.dashboard.rendering import page
from node.dashboard.rights import LoginRateLimiter, refreshes_itself
from node.dashboard.searches import RecentSearches
from node.dashboard.site import Site
from node.dashboard.stow import ImageReception, Uploads
from node.errors import NodeError
from node.states import ImpossibleTransition
from node.watching.metrics import Meter
from sr_templates.errors import ObjectsError

STATIC = Path(__file__).parent / "static"
_ERROR_TITLES = {
    403: "Not allowed",
    404: "Not found",
    409: "Not possible now",
    422: "Invalid request",
    500: "Internal error",
    502: "Identity provider error",
}


def build_app(site: Site, reception: ImageReception | None = None) -> FastAPI:
    """The application for one site; `reception` keeps images that come by STOW-RS, None: none are taken."""
    app = FastAPI(
        title="MOME Node",
        version=version("mome-node"),
        description="Research use only. Not a medical device, not for clinical decisions.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.site, app.state.limiter, app.state.logins = site, LoginRateLimiter(), oidc.PendingLogins()
    app.state.searches = RecentSearches()
    app.state.meter = Meter(site.settings, site.archive, site.overview, site.watch)
    app.add_middleware(SecurityMiddleware, settings=site.settings.dashboard)
    app.mount("/static", StaticFiles(directory=STATIC))
    for router in (probes.router, login.router, oidc.router, pages.router, queue_routes.router):
        app.include_router(router)
    for router in (study_routes.router, access_pages.router, api.router):
        app.include_router(router)
    if reception is not None:
        app.state.uploads = Uploads(reception, site.settings)
        app.include_router(stow.router)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(LookupError, _not_found)
    for kind in (ImpossibleTransition, NodeError, DicomError, ObjectsError):
        app.add_exception_handler(kind, _conflict)
    app.add_exception_handler(Exception, _internal_error)
    return app


def _error_response(request: Request, status: int, words: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error as a page for a browser, as JSON for a program."""
    if status == 401 and refreshes_itself(request):  # nobody is at it, or somebody logged out: the patient disappears
        return Response(status_code=401, headers={"HX-Redirect": "/login"})
    if request.url.path.startswith("/api") or "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"detail": words}, status, headers)
    if status == 401:
        return page(request, "login.html", status=401, wanted=request.url.path)
    return page(request, "error.html", status=status, title=_ERROR_TITLES.get(status, "Not possible"), words=words)


async def _http_error(request: Request, error: Exception) -> Response:
    """Answer a request without the rights it needs, or for an address that does not exist."""
    if not isinstance(error, HTTPException):
        raise TypeError("only for HTTPException")
    return _error_response(request, error.status_code, str(error.detail), error.headers)


async def _validation_error(request: Request, _error: Exception) -> Response:
    """Answer 422 to an invalid parameter; what was sent is not repeated."""
    return _error_response(request, 422, "a parameter is missing or has an invalid value")


async def _not_found(request: Request, error: Exception) -> Response:
    """Answer 404 for a study, account or object that does not exist; a KeyError is our own defect and stays one."""
    if type(error) is not LookupError:
        raise error
    return _error_response(request, 404, str(error))


async def _conflict(request: Request, error: Exception) -> Response:
    """Answer 409 when ledger, archive, reader or writer refuse; their messages hold no patient data."""
    return _error_response(request, 409, str(error))


async def _internal_error(request: Request, _error: Exception) -> Response:
    """Answer 500 for a defect of this program; details are in the log only."""
    response = _error_response(request, 500, "internal error: see the node's log for details")
    response.headers.update(SECURITY_HEADERS)
    return response
