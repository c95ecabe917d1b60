"""A reader's verdict on a result, given on the page of the study or by a program; and how it is shown again."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import Form
from pydantic import BaseModel, BeforeValidator, Field

from mome_core.assessment import MOST_CHARACTERS, Verdict
from mome_core.results import Endpoint
from node.dashboard.actions import Action, perform
from node.dashboard.rights import User
from node.dashboard.site import Site
from node.states import ImpossibleTransition
from node.storage.records import Assessment, StudyDetail
from node.withdrawal import WithdrawalReason


def _with_line_feeds(text: object) -> object:
    """Forms send CRLF for a line break that the browser counted once."""
    return text.replace("\r\n", "\n") if isinstance(text, str) else text


_LineFeeds = BeforeValidator(_with_line_feeds)


class VerdictRequest(BaseModel):
    """What a reader says of the newest result of a study.

    revision : of the result that the reader has seen; refused where there is a newer one
    endpoint : which score it is about; none: the result as a whole
    retract : withdraw the result, where the verdict is wrong-side or not-usable
    reason : of that withdrawal
    """

    verdict: Verdict
    revision: int
    endpoint: Endpoint | None = None
    comment: Annotated[str, _LineFeeds, Field(max_length=MOST_CHARACTERS)] = ""
    retract: bool = False
    reason: WithdrawalReason = WithdrawalReason.SAFETY


def verdict_form(
    *,
    verdict: Annotated[Verdict, Form()],
    revision: Annotated[int, Form()],
    endpoint: Annotated[Endpoint | Literal[""], Form()] = "",
    comment: Annotated[str, _LineFeeds, Form(max_length=MOST_CHARACTERS)] = "",
    retract: Annotated[bool, Form()] = False,
    reason: Annotated[WithdrawalReason, Form()] = WithdrawalReason.SAFETY,
) -> VerdictRequest:
    """The same from a form of a page."""
    return VerdictRequest(
        verdict=verdict,
        revision=revision,
        endpoint=endpoint or None,
        comment=comment,
        retract=retract,
        reason=reason,
    )


def assess(site: Site, user: User, uid: str, said: VerdictRequest) -> str:
    """Keep the verdict, and withdraw the result where the reader asks for that; says what was done.

    Raises LookupError without a result (or, to withdraw, where nobody got it) and ImpossibleTransition for a verdict
    on another revision than the newest, or one that withdraws nothing; then nothing is kept.
    """
    detail = site.ledger.reading.study(uid)
    revision = judged_revision(detail)
    if revision is None:
        raise LookupError("this study has no result that could be judged")
    if said.revision != revision:
        raise ImpossibleTransition(f"the newest result is that of revision {revision}: look at it first")
    scores = detail.summary.scores if detail.summary else ()
    if said.endpoint is not None and said.endpoint not in [each.endpoint for each in scores]:
        raise LookupError("this result has no score for that endpoint")
    if said.retract and not said.verdict.is_rejection:
        raise ImpossibleTransition("a result is withdrawn when its side is wrong or it is not usable")
    done = perform(site, user, uid, Action.RETRACT, said.reason) if said.retract else ""
    comment = site.search_key.seal(said.comment.strip()) if said.comment.strip() else ""
    assessment = Assessment(revision, time.time(), said.verdict, said.endpoint, user.name, comment=comment)
    site.ledger.assessments.assess(uid, assessment)
    return f"Verdict saved. {done}".strip()


def judged_revision(detail: StudyDetail) -> int | None:
    """The revision of the result that a reader sees; None while there is none, or none with a score."""
    return detail.study.revision if detail.objects and detail.summary and detail.summary.scores else None


def shown_assessments(site: Site, uid: str, *, patients: bool) -> list[Assessment]:
    """What was said of a study, newest first, with the comments in clear for who may see patients, else without."""
    return [
        replace(each, comment=site.search_key.unseal(each.comment) if patients and each.comment else "")
        for each in site.ledger.assessments.of_study(uid)
    ]
