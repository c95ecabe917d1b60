"""Who has access: accounts, invitations, API keys, and the right to see patients."""

from __future__ import annotations

import time
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from node.audit import AuditEvent, AuditFields
from node.dashboard.rendering import page
from node.dashboard.rights import Admin
from node.dashboard.site import CurrentSite, Site
from node.storage.accounts import KEY_DAYS, AccessRefused, AccountRole, end_of_key

router = APIRouter(include_in_schema=False)


class _AccessForm(BaseModel):
    """Who gets access, as what, and whether by an invitation (a person) or an API key (a program, for so many days)."""

    name: Annotated[str, Field(max_length=64)]
    role: AccountRole
    kind: Literal["invitation", "key"]
    patients: bool = False
    days: Annotated[int, Field(ge=0, le=3650)] = KEY_DAYS


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
        if kind == "invitation":
            issued = site.access.invite(holder, form.role, now, patients=form.patients)
        else:
            end = end_of_key(form.days, now)
            issued = site.access.new_key(holder, form.role, now, patients=form.patients, until=end)
    except AccessRefused as refusal:
        return _access_page(request, site, status=400, words=str(refusal))
    sees = ", who may see patients" if form.patients else ""
    words, fields = f"{user.name}: {kind} for {holder} as {form.role}{sees}", AuditFields(person=user.name)
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


@router.post("/access/{name}/logout")
def log_out_everywhere(
    request: Request, site: CurrentSite, user: Admin, name: Annotated[str, Path(max_length=64)]
) -> Response:
    """End every session of a person."""
    site.access.end_sessions(name)
    words, fields = f"{user.name}: ended the sessions of {name}", AuditFields(person=user.name)
    site.ledger.audit.record(AuditEvent.ACCESS_CHANGED, time.time(), words, fields=fields)
    return RedirectResponse("/access", 303)


def _access_page(
    request: Request, site: Site, *, status: int = 200, issued: str = "", holder: str = "", words: str = ""
) -> Response:
    """The page of accounts; `issued` is the new secret of `holder`, `words` its kind or why there is none."""
    accounts = site.access.accounts(time.time(), idle_seconds=site.settings.dashboard.idle_seconds)
    known = {"accounts": accounts, "issued": issued, "holder": holder, "words": words, "key_days": KEY_DAYS}
    return page(request, "access.html", status=status, **known)
