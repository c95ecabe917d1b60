"""Operator actions on a study, for pages and API alike; the audit trail records who did what."""

from __future__ import annotations

import time
from enum import StrEnum

from node.audit import AuditEvent, AuditFields
from node.dashboard.rights import User
from node.dashboard.site import Site
from node.jobs import UNFINISHED
from node.states import FINAL, TRANSITIONS, StudyEvent, StudyState
from node.storage.records import StudyDetail
from node.withdrawal import WithdrawalReason, withdraw, words_untold


class Action(StrEnum):
    """Something that an operator can do to a study."""

    FORCE = "force"
    REPROCESS = "reprocess"
    REDELIVER = "redeliver"
    RETRACT = "retract"
    CANCEL = "cancel"


def possible_actions(detail: StudyDetail) -> list[Action]:
    """The actions that make sense for a study as it is now."""
    state, answered = detail.study.state, bool(detail.objects)
    allowed: dict[Action, bool] = {
        Action.FORCE: state is StudyState.RECEIVING,
        Action.REPROCESS: (state, StudyEvent.REQUEUED) in TRANSITIONS and not detail.study.conflict,
        Action.REDELIVER: answered and state in FINAL and not detail.study.conflict,
        Action.RETRACT: answered and state in FINAL,
        Action.CANCEL: any(job.state in UNFINISHED for job in detail.jobs),
    }
    return [action for action, is_allowed in allowed.items() if is_allowed]


def perform(site: Site, user: User, uid: str, action: Action, reason: WithdrawalReason) -> str:
    """Carry out an action and say what happens next; raises LookupError or ImpossibleTransition, changing nothing."""
    now, operator, untold = time.time(), site.ledger.operator, ""
    match action:
        case Action.FORCE:
            operator.force(uid, now)
        case Action.REPROCESS:
            operator.requeue(uid, now)
        case Action.REDELIVER:
            called = site.ledger.reading.study(uid).study.called_ae_title
            operator.redeliver(uid, site.settings.receivers_of(called), now)
        case Action.RETRACT:
            untold = words_untold(withdraw(site.settings, site.archive, site.ledger, uid, reason))
        case Action.CANCEL:
            operator.cancel(uid, user.name, now)  # in one transaction with its audit entry
            return CONFIRMATIONS[action]
    site.ledger.audit.record(AuditEvent.OPERATED, now, f"{user.name}: {action}", uid, AuditFields(person=user.name))
    return f"{CONFIRMATIONS[action]} {untold}".strip()


CONFIRMATIONS = {
    Action.FORCE: "Declared complete; the analysis is queued.",
    Action.REPROCESS: "Queued: the study is analysed again as its next revision.",
    Action.REDELIVER: "Queued: the same objects are sent again to every destination.",
    Action.RETRACT: "Queued: a rejection note is sent to everybody who got these results.",
    Action.CANCEL: "Cancelled; reprocess or redeliver to take it up again.",
}
