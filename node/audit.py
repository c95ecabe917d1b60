"""The audit trail: what happened to studies and to the node, each entry chained to the one before by its digest.

A changed, removed, added or swapped entry breaks the chain from there on. Entries name no patient: a study by its
number, a peer by AE title and address. Studies' transitions are entries too, made in the same transaction.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from enum import StrEnum
from typing import Literal, Self

from node.errors import NodeError
from node.reasons import StableCode
from node.states import StudyEvent, StudyState


class AuditEvent(StrEnum):
    """What is audited beside the transitions of studies."""

    STARTED = "STARTED"  # the node's processes begin
    LISTENING = "LISTENING"  # the listener accepts associations
    STOPPED = "STOPPED"  # the listener, or the whole node, ends
    RECEIVED = "RECEIVED"  # instances of one study, by one association
    SENT = "SENT"  # result objects to one destination
    REJECTED = "REJECTED"  # an association was rejected
    CONFLICT = "CONFLICT"  # an instance contradicts what is stored
    FORGED_REPORT = "FORGED_REPORT"  # a storage commitment report that belongs to no open transaction
    INTEGRITY_LOST = "INTEGRITY_LOST"  # a file is gone, unreadable, or not what was stored
    RECOVERED = "RECOVERED"  # rows were made anew from the archive
    DELETED = "DELETED"  # an old study left ledger and archive
    LOGGED_IN = "LOGGED_IN"  # a person began a session
    LOGGED_OUT = "LOGGED_OUT"  # a person ended a session
    LOGIN_REFUSED = "LOGIN_REFUSED"  # wrong name or password, or a person without access
    REFUSED = "REFUSED"  # a person or program asked for what it may not, or a program's key is wrong
    ACCESS_CHANGED = "ACCESS_CHANGED"  # an account was made, changed or removed
    OPERATED = "OPERATED"  # a person asked for an action on a study, the queue or a destination
    SEARCHED = "SEARCHED"  # a person looked for patients, or at a list that names them
    ACCESSED = "ACCESSED"  # a person looked at one patient's study
    DOWNLOADED = "DOWNLOADED"  # a person took a result object away
    ASSESSED = "ASSESSED"  # a reader said what the result is worth, here or by a document
    MODEL_DECIDED = "MODEL_DECIDED"  # a model was promoted, rolled back or shadowed, or its cases were locked


class AuditBroken(NodeError):
    """The audit trail was changed after it was written; the message names the first entry that does not fit."""


@dataclass(frozen=True, slots=True)
class AuditFields:
    """The facts of an entry for programs; each is empty where it does not apply.

    Parameters
    ----------
    peer
        Name of a destination in the settings.
    calling_ae_title, called_ae_title, address
        Of an association or, the address alone, of a browser.
    person
        Name of the account that acted.
    count
        Instances or objects; of an alert, how many alerts this entry stands for.
    reason
        Code of what the words of the entry explain.
    """

    peer: str = ""
    calling_ae_title: str = ""
    called_ae_title: str = ""
    address: str = ""
    person: str = ""
    count: int = 0
    reason: StableCode | None = None


_DIGEST = re.compile(r"[0-9a-f]{64}")
NO_FIELDS = AuditFields()
WORDS_ONLY, WITH_FIELDS = 1, 2
"""What the digest of an entry covers: until schema 0006 its words and states, since then its fields too."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry as it is chained.

    Parameters
    ----------
    at
        Seconds since 1970, UTC.
    study_id
        Our own number, None for the node itself.
    version
        WITH_FIELDS; WORDS_ONLY for an entry of an old ledger, whose fields were read from its words.
    """

    at: float
    study_id: int | None
    event: AuditEvent | StudyEvent
    from_state: StudyState | Literal[""]
    to_state: StudyState | Literal[""]
    revision: int
    detail: str
    fields: AuditFields = NO_FIELDS
    version: int = WITH_FIELDS


def chained(previous: str, entry: AuditEntry) -> str:
    """The digest of an entry, given that of the entry before (the first: an empty text)."""
    at, *rest, fields, version = astuple(entry)
    content = [previous, float(at), *rest]
    if version != WORDS_ONLY:
        content += [version, *fields]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AuditHead:
    """How far a trail went: what follows can be added to it, and nothing up to there can be changed.

    Parameters
    ----------
    digest
        Of the newest entry, hexadecimal; empty where there is none.
    """

    entries: int
    digest: str

    def __str__(self) -> str:
        return f"{self.entries}:{self.digest}"

    @classmethod
    def of(cls, text: str) -> Self:
        """Read what `str` gives; ValueError for something else."""
        entries, _, digest = text.partition(":")
        if not (entries.isdecimal() and _DIGEST.fullmatch(digest)):
            raise ValueError(f"{text!r} is no head of an audit trail; it reads like 91:{64 * 'a'}")
        return cls(int(entries), digest)


def verify(
    entries: Iterable[tuple[int, AuditEntry, str]], head: AuditHead, noted: Iterable[AuditHead] = ()
) -> AuditHead:
    """Check (number, entry, digest) of the whole trail against its head, and heads that were noted earlier.

    Raises AuditBroken with the number of the first entry that does not fit.
    """
    expected: defaultdict[int, set[str]] = defaultdict(set)
    for each in noted:
        expected[each.entries].add(each.digest)
    digest, seen = "", 0
    for number, entry, stored in entries:
        digest = chained(digest, entry)
        if digest != stored:
            raise AuditBroken(f"the audit trail was changed: entry {number} does not follow from the one before it")
        seen += 1
        if expected.pop(seen, {digest}) != {digest}:
            raise AuditBroken(f"the audit trail was rewritten: its first {seen} entries are not those that were noted")
    if (seen, digest) != (head.entries, head.digest):
        raise AuditBroken(f"the audit trail was changed: {head.entries} entries were written, {seen} are there")
    if expected:
        raise AuditBroken(f"the audit trail was cut: {max(expected)} entries were noted, {seen} are there")
    return head
