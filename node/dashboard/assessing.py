"""A reader's verdict on a result, given on the page of the study or by a program; and how it is shown again."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Annotated

from fastapi import Form
from pydantic import BaseModel, Field

from mome_core.assessment import Verdict
from mome_core.results import Endpoint
from node.dashboard.actions import Action, perform
from node.dashboard.rights import User
from node.dashboard.site import Site
from node.states import ImpossibleTransition
from node.storage.records import Assessment, StudyDetail
from node.withdrawal import WithdrawalReason

_MOST_CHARACTERS = 1000  # as the field of the page says
_REASONS = {Verdict.WRONG_SIDE: WithdrawalReason.SAFETY, Verdict.NOT_USABLE: WithdrawalReason.QUALITY}


class VerdictRequest(BaseModel):
    """What a reader says of the newest result of a study.

    endpoint : which score it is about; none: the result as a whole
    retract : withdraw the result, where the verdict is wrong-side or not-usable
    """

    verdict: Verdict
    endpoint: Endpoint | None = None
    comment: Annotated[str, Field(max_length=_MOST_CHARACTERS)] = ""
    retract: bool = False


def verdict_form(
    verdict: Annotated[Verdict, Form()],
    endpoint: Annotated[str, Form(pattern="[a-z_]{0,32}")] = "",
    comment: Annotated[str, Form(max_length=_MOST_CHARACTERS)] = "",
    retract: Annotated[bool, Form()] = False,
) -> VerdictRequest:
    """The same from a form of a page."""
    about = Endpoint(endpoint) if endpoint in set(Endpoint) else None
    return VerdictRequest(verdict=verdict, endpoint=about, comment=comment, retract=retract)


def assess(site: Site, user: User, uid: str, said: VerdictRequest) -> str:
    """Keep the verdict, and withdraw the result where the reader asks for that; says what was done.

    Raises LookupError without a result (or, to withdraw, where nobody got it) and ImpossibleTransition for a verdict
    that withdraws nothing; then nothing is kept.
    """
    detail = site.ledger.reading.study(uid)
    revision = judged_revision(detail)
    if revision is None:
        raise LookupError("this study has no result that could be judged")
    scores = detail.summary.scores if detail.summary else ()
    if said.endpoint is not None and said.endpoint not in [each.endpoint for each in scores]:
        raise LookupError("this result has no score for that endpoint")
    if said.retract and not said.verdict.is_rejection:
        raise ImpossibleTransition("a result is withdrawn when its side is wrong or it is not usable")
    done = perform(site, user, uid, Action.RETRACT, _REASONS[said.verdict]) if said.retract else ""
    comment = site.search_key.seal(said.comment.strip()) if said.comment.strip() else ""
    assessment = Assessment(revision, time.time(), said.verdict, said.endpoint, user.name, comment=comment)
    site.ledger.assessments.assess(uid, assessment)
    return f"Verdict saved. {done}".strip()


def judged_revision(detail: StudyDetail) -> int | None:
    """The revision of the result that a reader sees; None while there is none."""
    return detail.study.revision if detail.objects and detail.summary is not None else None


def shown_assessments(site: Site, uid: str, *, patients: bool) -> list[Assessment]:
    """What was said of a study, newest first, with the comments in clear for who may see patients, else without."""
    return [
        replace(each, comment=site.search_key.unseal(each.comment) if patients and each.comment else "")
        for each in site.ledger.assessments.of_study(uid)
    ]
