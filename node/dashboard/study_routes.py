"""The page of one study, what an operator does to it, and what is looked at on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Path, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from mome_core.assessment import MOST_CHARACTERS
from node.audit import AuditEvent, AuditFields
from node.dashboard.actions import CONFIRMATIONS, Action, perform
from node.dashboard.assessing import VerdictRequest, assess, verdict_form
from node.dashboard.preview import Layer, layer_file
from node.dashboard.rendering import page
from node.dashboard.rights import Operator, PatientOperator, PatientViewer, Viewer
from node.dashboard.site import CurrentSite, Site
from node.dashboard.study_page import study_page
from node.hosts import require_results_here
from node.storage.ledger.conflicts import Resolution
from node.storage.records import KeptObject
from node.withdrawal import WithdrawalReason
from sr_templates.build import decode
from sr_templates.drawing.capture import picture_of
from sr_templates.kinds import Kind
from sr_templates.objects.summary import to_png

router = APIRouter(include_in_schema=False)
_Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
_SAID = {"resolve": "Decided; the study goes on.", "assess": "Verdict saved."}


@router.get("/studies/{number}")
def study(
    request: Request,
    site: CurrentSite,
    number: _Number,
    user: Viewer,
    done: Action | Literal["resolve", "assess"] | None = None,
) -> Response:
    """One study; the audit trail records who looked at it."""
    said = CONFIRMATIONS[done] if isinstance(done, Action) else _SAID.get(done or "", "")
    found = study_page(site, number, time.time(), patients=user.sees_patients)
    site.patient_log.looked_at(user.name, found.study.study_instance_uid)
    return page(
        request, "study.html", page=found, said=said, reasons=list(WithdrawalReason), most_characters=MOST_CHARACTERS
    )


@router.post("/studies/{number}/resolve")
def resolve(
    site: CurrentSite,
    number: _Number,
    user: PatientOperator,
    decision: Annotated[Resolution, Form()],
    party: Annotated[str, Form(pattern=r"\d{0,5}")] = "",
) -> Response:
    """Decide whose study it is, then show it."""
    site.ledger.conflicts.resolve(site.overview.uid_of(number), decision, party, user.name, time.time())
    return RedirectResponse(f"/studies/{number}?done=resolve", 303)


@router.post("/studies/{number}/assess")
def judge(
    site: CurrentSite, number: _Number, user: Operator, said: Annotated[VerdictRequest, Depends(verdict_form)]
) -> Response:
    """Keep a reader's verdict, then show the study."""
    assess(site, user, site.overview.uid_of(number), said)
    return RedirectResponse(f"/studies/{number}?done={Action.RETRACT if said.retract else 'assess'}", 303)


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
def summary_picture(site: CurrentSite, number: _Number, user: PatientViewer) -> Response:
    """The summary page as every PACS viewer shows it; it names the patient where `identify` of the results says so."""
    site.patient_log.looked_at(user.name, site.overview.uid_of(number))
    kept = _newest_object(site, number, lambda each: each.kind == Kind.SUMMARY)
    file = site.archive.verified(kept.path, kept.sha256)
    return Response(to_png(picture_of(decode(file.read_bytes()))), media_type="image/png")


@router.get("/studies/{number}/preview/{layer}.nii")
def preview(site: CurrentSite, number: _Number, layer: Layer, user: PatientViewer) -> Response:
    """One volume of the preview as NIfTI."""
    site.patient_log.looked_at(user.name, site.overview.uid_of(number))
    file = layer_file(site, number, layer)
    return FileResponse(file, media_type="application/octet-stream", headers={"Content-Encoding": "gzip"})


@router.get("/studies/{number}/objects/{sop_instance_uid}")
def download(
    site: CurrentSite, number: _Number, sop_instance_uid: Annotated[str, Path(max_length=64)], user: PatientViewer
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
            require_results_here(site.ledger, site.archive, detail.study.study_instance_uid)
            return each
    raise LookupError("this study has no such object")
