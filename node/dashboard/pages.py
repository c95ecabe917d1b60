"""The pages. Each is complete without scripts; with them it keeps itself up to date."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import FileResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from node.audit import AuditEvent, AuditFields
from node.dashboard.actions import CONFIRMATIONS, Action, perform
from node.dashboard.health import node_health
from node.dashboard.models import models_in_use, report_of_models
from node.dashboard.peers import destination_statuses, echo_now, recent_rejections
from node.dashboard.preview import Layer, layer_file
from node.dashboard.queues import queue_report
from node.dashboard.rendering import page
from node.dashboard.rights import Admin, Operator, Viewer
from node.dashboard.site import CurrentSite, Site
from node.dashboard.study_page import study_page
from node.dashboard.worklist import find_study, worklist_page
from node.states import StudyState
from node.storage.accounts import AccessRefused, AccountRole
from node.storage.records import KeptObject
from node.watching.drift import SHIFTED
from node.withdrawal import WithdrawalReason
from sr_templates.build import decode
from sr_templates.drawing.capture import picture_of
from sr_templates.kinds import Kind
from sr_templates.objects.summary import to_png

router = APIRouter(include_in_schema=False)
_PAGE_STUDIES = 50
_Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("/")
def worklist(
    request: Request,
    site: CurrentSite,
    _user: Viewer,
    state: StudyState | None = None,
    before: Annotated[str, Query(max_length=64)] = "",
    find: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """Every study, newest first."""
    if sought := find.strip():
        return RedirectResponse(f"/studies/{find_study(site, sought)}", 303)
    found = worklist_page(site, state, before, _PAGE_STUDIES)
    return page(
        request,
        "worklist.html",
        studies=found.studies,
        state=state,
        before=before,
        following=found.before,
        counts=site.ledger.reading.counts(),
        gather=site.settings.gather,
    )


@router.get("/studies/{number}")
def study(request: Request, site: CurrentSite, number: _Number, _user: Viewer, done: Action | None = None) -> Response:
    """One study."""
    said = CONFIRMATIONS[done] if done else ""
    return page(
        request, "study.html", page=study_page(site, number, time.time()), said=said, reasons=list(WithdrawalReason)
    )


@router.post("/studies/{number}/{action}")
def operate(
    site: CurrentSite,
    number: _Number,
    action: Action,
    user: Operator,
    reason: Annotated[WithdrawalReason, Form()] = WithdrawalReason.QUALITY,
) -> Response:
    """Act on a study, then show it."""
    perform(site, user, site.overview.uid_of(number), action, reason)
    return RedirectResponse(f"/studies/{number}?done={action}", 303)


@router.get("/studies/{number}/summary.png")
def summary_picture(site: CurrentSite, number: _Number, _user: Viewer) -> Response:
    """The summary page as every PACS viewer shows it."""
    kept = _newest_object(site, number, lambda each: each.kind == Kind.SUMMARY)
    file = site.archive.verified(kept.path, kept.sha256)
    return Response(to_png(picture_of(decode(file.read_bytes()))), media_type="image/png")


@router.get("/studies/{number}/preview/{layer}.nii")
def preview(site: CurrentSite, number: _Number, layer: Layer, _user: Viewer) -> Response:
    """One volume of the preview as NIfTI."""
    return FileResponse(layer_file(site, number, layer), media_type="application/octet-stream")


@router.get("/studies/{number}/objects/{sop_instance_uid}")
def download(
    site: CurrentSite, number: _Number, sop_instance_uid: Annotated[str, Path(max_length=64)], user: Viewer
) -> Response:
    """One result object as a DICOM file; the audit trail records who downloaded it."""
    kept = _newest_object(site, number, lambda each: each.sop_instance_uid == sop_instance_uid)
    file = site.archive.verified(kept.path, kept.sha256)
    uid, fields = site.overview.uid_of(number), AuditFields(person=user.name)
    site.ledger.audit.record(AuditEvent.DOWNLOADED, time.time(), f"{user.name}: {kept.kind}", uid, fields)
    return FileResponse(file, media_type="application/dicom", filename=f"study-{number}-{kept.kind}.dcm")


def _newest_object(site: Site, number: int, wanted: Callable[[KeptObject], bool]) -> KeptObject:
    """The first wanted result object of a study's newest revision; raises LookupError when there is none."""
    detail = site.ledger.reading.study(site.overview.uid_of(number))
    for each in detail.objects:
        if wanted(each):
            return each
    raise LookupError("this study has no such object")


@router.get("/queues")
def queues(request: Request, site: CurrentSite, _user: Viewer) -> Response:
    """Waiting, running and failed jobs."""
    return page(request, "queues.html", queues=queue_report(site))


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


class _AccessForm(BaseModel):
    """Who gets access, as what, and whether by an invitation (a person) or an API key (a program)."""

    name: Annotated[str, Field(max_length=64)]
    role: AccountRole
    kind: Literal["invitation", "key"]


@router.get("/access")
def access(request: Request, site: CurrentSite, _user: Admin) -> Response:
    """Accounts."""
    return _access_page(request, site)


@router.post("/access")
def give_access(
    request: Request,
    site: CurrentSite,
    user: Admin,
    form: Annotated[_AccessForm, Form()],
) -> Response:
    """A new invitation or API key, shown once."""
    holder, kind, now = form.name.strip(), form.kind, time.time()
    try:
        issue = site.access.invite if kind == "invitation" else site.access.new_key
        issued = issue(holder, form.role, now)
    except AccessRefused as refusal:
        return _access_page(request, site, status=400, words=str(refusal))
    words, fields = f"{user.name}: {kind} for {holder} as {form.role}", AuditFields(person=user.name)
    site.ledger.audit.record(AuditEvent.ACCESS_CHANGED, now, words, fields=fields)
    return _access_page(request, site, issued=issued, holder=holder, words=kind)


@router.post("/access/{name}/remove")
def remove_access(
    request: Request, site: CurrentSite, user: Admin, name: Annotated[str, Path(max_length=64)]
) -> Response:
    """Delete an account with its password, sessions and keys."""
    if name == user.name:
        return _access_page(request, site, status=400, words="you cannot remove yourself; another admin can")
    site.access.remove(name)
    words, fields = f"{user.name}: removed {name}", AuditFields(person=user.name)
    site.ledger.audit.record(AuditEvent.ACCESS_CHANGED, time.time(), words, fields=fields)
    return RedirectResponse("/access", 303)


def _access_page(
    request: Request, site: Site, *, status: int = 200, issued: str = "", holder: str = "", words: str = ""
) -> Response:
    """The page of accounts; `issued` is the new secret of `holder`, `words` its kind or why there is none."""
    accounts = site.access.accounts()
    return page(request, "access.html", status=status, accounts=accounts, issued=issued, holder=holder, words=words)
