"""The pages. Each is whole without scripts; with them it keeps itself up to date."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from node.audit import AuditEvent
from node.dashboard.actions import SAID, Action, act
from node.dashboard.health import capacity
from node.dashboard.models import models_in_use, watched
from node.dashboard.peers import destinations, echo_now, recent_rejections
from node.dashboard.preview import Layer, layer_file
from node.dashboard.rendering import page
from node.dashboard.rights import Caller, may_act, may_give_access, may_look, site_of
from node.dashboard.study_page import study_page
from node.jobs import OPEN, JobState
from node.states import StudyState
from node.storage.accounts import AccessRefused, Role
from node.storage.records import KeptObject
from node.watching.drift import MOVED
from node.withdrawal import Reason
from sr_templates.build import decode
from sr_templates.drawing.capture import picture_of
from sr_templates.objects.summary import to_png

router = APIRouter(include_in_schema=False)
PAGE_STUDIES = 50
Looker = Annotated[Caller, Depends(may_look)]
Actor = Annotated[Caller, Depends(may_act)]
Admin = Annotated[Caller, Depends(may_give_access)]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("/")
def worklist(
    request: Request,
    _caller: Looker,
    state: StudyState | None = None,
    before: Annotated[str, Query(max_length=64)] = "",
    find: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """Every study, newest first."""
    site = site_of(request)
    if find.strip():
        return RedirectResponse(f"/studies/{found_number(request, find.strip())}", 303)
    studies = site.overview.worklist([state] if state else (), before=place(before), limit=PAGE_STUDIES + 1)
    last = studies[PAGE_STUDIES - 1] if len(studies) > PAGE_STUDIES else None
    return page(
        request,
        "worklist.html",
        studies=studies[:PAGE_STUDIES],
        state=state,
        before=before,
        following=f"{last.last_received_at!r}-{last.id}" if last else "",
        counts=site.ledger.reading.counts(),
        gather=site.settings.gather,
    )


def found_number(request: Request, sought: str) -> int:
    """The study that someone looks for, by our number or by its UID."""
    if sought.isascii() and sought.isdigit() and len(sought) < 10:
        return int(sought)
    return site_of(request).overview.number_of(sought)


def place(before: str) -> tuple[float, int] | None:
    """Where a page of the worklist begins; None for its top, and for a place that is none."""
    at, _, number = before.rpartition("-")
    try:
        return float(at), int(number)
    except ValueError:
        return None


@router.get("/studies/{number}")
def study(request: Request, number: Number, _caller: Looker, done: Action | None = None) -> Response:
    """One study."""
    shown = study_page(site_of(request), number, time.time())
    return page(request, "study.html", page=shown, said=SAID[done] if done else "", reasons=list(Reason))


@router.post("/studies/{number}/{action}")
def operate(
    request: Request, number: Number, action: Action, caller: Actor, reason: Annotated[Reason, Form()] = Reason.QUALITY
) -> Response:
    """Act on a study, then show it."""
    site = site_of(request)
    act(site, caller, site.overview.uid_of(number), action, reason)
    return RedirectResponse(f"/studies/{number}?done={action}", 303)


@router.get("/studies/{number}/summary.png")
def summary_picture(request: Request, number: Number, _caller: Looker) -> Response:
    """The page for a busy reader, as every PACS viewer shows it."""
    site = site_of(request)
    kept = newest_object(request, number, lambda each: each.kind == "summary")
    file = site.archive.verified(kept.path, kept.sha256)
    return Response(to_png(picture_of(decode(file.read_bytes()))), media_type="image/png")


@router.get("/studies/{number}/preview/{layer}.nii")
def preview(request: Request, number: Number, layer: Layer, _caller: Looker) -> Response:
    """One volume of the preview as NIfTI."""
    return FileResponse(layer_file(site_of(request), number, layer), media_type="application/octet-stream")


@router.get("/studies/{number}/objects/{sop_instance_uid}")
def download(
    request: Request, number: Number, sop_instance_uid: Annotated[str, Path(max_length=64)], caller: Looker
) -> Response:
    """One result object as a DICOM file; the audit trail says who took it."""
    site = site_of(request)
    kept = newest_object(request, number, lambda each: each.sop_instance_uid == sop_instance_uid)
    file = site.archive.verified(kept.path, kept.sha256)
    site.ledger.audit.record(
        AuditEvent.DOWNLOADED, time.time(), f"{caller.name}: {kept.kind}", site.overview.uid_of(number)
    )
    return FileResponse(file, media_type="application/dicom", filename=f"study-{number}-{kept.kind}.dcm")


def newest_object(request: Request, number: int, wanted: Callable[[KeptObject], bool]) -> KeptObject:
    """The result object of a study's newest revision that is wanted."""
    site = site_of(request)
    detail = site.ledger.reading.study(site.overview.uid_of(number))
    for each in detail.objects:
        if wanted(each):
            return each
    raise LookupError("this study has no such object")


@router.get("/queues")
def queues(request: Request, _caller: Looker) -> Response:
    """What waits, what runs, what was given up."""
    overview = site_of(request).overview
    return page(
        request,
        "queues.html",
        depths=overview.queues(),
        open_jobs=overview.jobs(OPEN, 100),
        dead_jobs=overview.jobs([JobState.DEAD], 100),
    )


@router.get("/peers")
def peers(request: Request, _caller: Looker) -> Response:
    """Destinations, callers, and who was turned away."""
    site = site_of(request)
    return page(
        request,
        "peers.html",
        destinations=destinations(site),
        rejections=recent_rejections(site),
        dicom=site.settings.dicom,
    )


@router.post("/peers/{name}/echo")
def echo(request: Request, name: Annotated[str, Path(max_length=64)], _caller: Actor) -> Response:
    """C-ECHO one destination now."""
    echo_now(site_of(request), name)
    return RedirectResponse("/peers", 303)


@router.get("/models")
def models(request: Request, _caller: Looker) -> Response:
    """Which model answers, and how its answers spread."""
    site, now = site_of(request), time.time()
    return page(request, "models.html", models=models_in_use(site, now), watch=watched(site, now), moved=MOVED)


@router.get("/health")
def health(request: Request, _caller: Looker) -> Response:
    """Processes, disk, throughput, alerts."""
    return page(request, "health.html", capacity=capacity(site_of(request), request.app.state.meter, time.time()))


@router.get("/access")
def access(request: Request, _caller: Admin) -> Response:
    """Accounts."""
    return page(request, "access.html", accounts=site_of(request).access.accounts(), issued="", holder="", words="")


@router.post("/access")
def give_access(
    request: Request,
    caller: Admin,
    name: Annotated[str, Form(max_length=64)],
    role: Annotated[Role, Form()],
    kind: Annotated[str, Form(pattern="^(invitation|key)$")],
) -> Response:
    """A new invitation or API key, shown once."""
    site, now = site_of(request), time.time()
    try:
        issue = site.access.invite if kind == "invitation" else site.access.new_key
        issued = issue(name.strip(), role, now)
    except AccessRefused as refusal:
        accounts = site.access.accounts()
        return page(request, "access.html", status=400, accounts=accounts, issued="", holder="", words=str(refusal))
    site.ledger.audit.record(AuditEvent.ACCESS_CHANGED, now, f"{caller.name}: {kind} for {name.strip()} as {role}")
    return page(request, "access.html", accounts=site.access.accounts(), issued=issued, holder=name.strip(), words=kind)


@router.post("/access/{name}/remove")
def take_access(request: Request, caller: Admin, name: Annotated[str, Path(max_length=64)]) -> Response:
    """Delete an account and all that proves it."""
    site = site_of(request)
    if name == caller.name:
        return page(
            request,
            "access.html",
            status=400,
            accounts=site.access.accounts(),
            issued="",
            holder="",
            words="you cannot remove yourself; another admin can",
        )
    site.access.remove(name)
    site.ledger.audit.record(AuditEvent.ACCESS_CHANGED, time.time(), f"{caller.name}: removed {name}")
    return RedirectResponse("/access", 303)
