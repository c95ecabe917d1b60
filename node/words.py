"""What command line and pages say alike: states, times, what a protocol lacks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from mome_core.protocol import FoundVolume, PartState, ProtocolItem, ProtocolPart
from node.jobs import JobKind, JobState
from node.reasons import ReasonCode
from node.states import StudyState
from node.storage.accounts import Credential, TokenKind
from node.storage.holds import Hold, HoldKind
from node.storage.ledger.conflicts import Party

STATE_WORDS = {
    StudyState.RECEIVING: "Receiving",
    StudyState.STABLE: "Waiting for analysis",
    StudyState.ANALYZING: "Analysing",
    StudyState.ANALYZED: "Delivering",
    StudyState.DELIVERED: "Delivered",
    StudyState.FAILED: "Failed",
    StudyState.INELIGIBLE: "Not analysed",
    StudyState.CANCELLED: "Cancelled",
}
JOB_KIND_WORDS = {JobKind.ANALYZE: "Analysis", JobKind.DELIVER: "Delivery"}
JOB_STATE_WORDS = {
    JobState.WAITING: "waiting",
    JobState.RUNNING: "running",
    JobState.COMMITTING: "waiting for commitment",
    JobState.DONE: "done",
    JobState.DEAD: "failed",
    JobState.CANCELLED: "cancelled",
}
PART_WORDS = {
    ProtocolPart.PRE_CONTRAST: "Pre-contrast phase",
    ProtocolPart.POST_CONTRAST: "Post-contrast phases",
    ProtocolPart.T2: "T2-weighted",
    ProtocolPart.DWI: "Diffusion-weighted",
}
PART_STATE_WORDS = {
    PartState.COMPLETE: "present",
    PartState.INCOMPLETE: "incomplete",
    PartState.MISSING: "missing",
    PartState.UNKNOWN: "not known",
}


_HOLD_WORDS = {
    HoldKind.PAUSE: "{subject} is paused: it begins no analysis and no delivery",
    HoldKind.DRAIN: "{subject} is being drained: it begins nothing new and rejects associations for now",
    HoldKind.DESTINATION: "Deliveries to {subject} are held back",
}


_PARTY_WORDS = {
    None: "the study as it is",
    ReasonCode.TWO_PATIENTS: "another patient",
    ReasonCode.FOREIGN_OBJECT: "another patient",
    ReasonCode.TWO_VERSIONS: "second versions of instances",
}


def party_words(party: Party) -> str:
    """Who stands in a conflict, what they sent, and who sent it; no patient is named."""
    counts = ((party.images, "image"), (party.documents, "document"))
    sent = ", ".join(f"{n} {what}{'' if n == 1 else 's'}" for n, what in counts if n) or "nothing"
    senders = f" from {', '.join(party.senders)}" if party.senders else ""
    return f"{_PARTY_WORDS.get(party.reason, 'set aside by an earlier version')}: {sent}{senders}"


def hold_words(hold: Hold) -> str:
    """What is held back, by whom and why; since when is said where clocks are shown."""
    what = _HOLD_WORDS[hold.kind].format(subject=hold.subject)
    return f"{what} (by {hold.by}: {hold.why})" if hold.why else f"{what} (by {hold.by})"


def local_time(seconds: float) -> str:
    """A moment (seconds since 1970) in the node's local time, with its zone."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def duration(seconds: float) -> str:
    """A length of time in its two largest units."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def protocol_words(item: ProtocolItem) -> str:
    """What a study holds of one part of the protocol, and what is missing of it."""
    if item.state is PartState.MISSING:
        return "no such series"
    if item.state is PartState.UNKNOWN:
        return f"{_whole_words(item.volumes)}; nothing tells whether it is before contrast"
    whole = [each for each in item.volumes if each.is_complete]
    cut = _cut_words(item)
    return "; ".join(part for part in (_whole_words(whole), *cut, item.why) if part)


def lacking_words(protocol: Sequence[ProtocolItem]) -> str:
    """Which parts of the dynamic are not whole, in one line; empty when they are."""
    dynamic = (ProtocolPart.PRE_CONTRAST, ProtocolPart.POST_CONTRAST)
    lacking = [each for each in protocol if each.part in dynamic and each.state is not PartState.COMPLETE]
    return "; ".join(f"{PART_WORDS[each.part].lower()}: {_lack(each)}" for each in lacking)


def _lack(item: ProtocolItem) -> str:
    return "; ".join(_cut_words(item)) or PART_STATE_WORDS[item.state]


def _whole_words(volumes: Sequence[FoundVolume]) -> str:
    """Complete volumes in one phrase; empty for none."""
    if not volumes:
        return ""
    slices = f"{volumes[0].slices} slices"
    counted = slices if len(volumes) == 1 else f"{len(volumes)} volumes of {slices}"
    return f"{counted} ({_series_words(volumes)})"


def _cut_words(item: ProtocolItem) -> list[str]:
    """One phrase for each volume that lacks slices."""
    kind = "phase {}" if item.part is ProtocolPart.POST_CONTRAST else "volume {}"
    return [
        f"{kind.format(index)} ({_series_words([each])}): {each.slices} of {each.expected} slices"
        for index, each in enumerate(item.volumes, 1)
        if not each.is_complete
    ]


def _series_words(volumes: Sequence[FoundVolume]) -> str:
    """The numbers of the series, neighbours as a range."""
    numbers = sorted({each.series_number for each in volumes if each.series_number is not None})
    if not numbers:
        return "series without a number"
    if len(numbers) > 2 and all(b - a == 1 for a, b in pairwise(numbers)):
        return f"series {numbers[0]} to {numbers[-1]}"
    return "series " + ", ".join(map(str, numbers))


_CREDENTIAL_WORDS = {
    TokenKind.SESSION: "session",
    TokenKind.INVITATION: "one-time token",
    TokenKind.KEY: "API key",
}


def credential_words(credential: Credential) -> str:
    """A secret that an account holds, with its times."""
    used = f"used {local_time(credential.used_at)}" if credential.used_at else "not used yet"
    ends = f"until {local_time(credential.expires_at)}" if credential.expires_at else "without end"
    return f"{_CREDENTIAL_WORDS[credential.kind]} since {local_time(credential.created_at)}, {ends}, {used}"
