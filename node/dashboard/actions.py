"""Operator actions on a study, for pages and API alike; the audit trail records who did what."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum

from node.audit import AuditEvent, AuditFields
from node.dashboard.rights import User
from node.dashboard.site import Site
from node.jobs import UNFINISHED
from node.states import FINAL, TRANSITIONS, StudyEvent, StudyState
from node.storage.records import StudyDetail
from node.withdrawal import WithdrawalReason, withdraw


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
        Action.REPROCESS: (state, StudyEvent.REQUEUED) in TRANSITIONS,
        Action.REDELIVER: answered and state in FINAL,
        Action.RETRACT: answered and state in FINAL,
        Action.CANCEL: any(job.state in UNFINISHED for job in detail.jobs),
    }
    return [action for action, is_allowed in allowed.items() if is_allowed]


def perform(site: Site, user: User, uid: str, action: Action, reason: WithdrawalReason) -> str:
    """Carry out an action and say what happens next; raises LookupError or ImpossibleTransition, changing nothing."""
    now = time.time()
    destinations = site.settings.receivers_of(site.ledger.reading.study(uid).study.called_ae_title)
    verbs: dict[Action, Callable[[], None]] = {
        Action.FORCE: lambda: site.ledger.operator.force(uid, now),
        Action.REPROCESS: lambda: site.ledger.operator.requeue(uid, now),
        Action.REDELIVER: lambda: site.ledger.operator.redeliver(uid, destinations, now),
        Action.RETRACT: lambda: withdraw(site.settings, site.archive, site.ledger, uid, reason),
    }
    if action is Action.CANCEL:
        site.ledger.operator.cancel(uid, user.name, now)
        return CONFIRMATIONS[action]
    verbs[action]()
    site.ledger.audit.record(AuditEvent.OPERATED, now, f"{user.name}: {action}", uid, AuditFields(person=user.name))
    return CONFIRMATIONS[action]


CONFIRMATIONS = {
    Action.FORCE: "Declared complete; the analysis is queued.",
    Action.REPROCESS: "Queued: the study is analysed again as its next revision.",
    Action.REDELIVER: "Queued: the same objects are sent again to every destination.",
    Action.RETRACT: "Queued: a rejection note is sent to every destination.",
    Action.CANCEL: "Cancelled; reprocess or redeliver to take it up again.",
}
