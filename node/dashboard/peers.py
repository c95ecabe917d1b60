"""DICOM peers: destinations with their last C-ECHO, and rejected associations."""

from __future__ import annotations

from dataclasses import dataclass

from node.dashboard.site import Site
from node.jobs import JobState
from node.reasons import REJECTION_CODES, ReasonCode, StableCode
from node.remedies import command_to_allow
from node.settings_sections import Destination
from node.storage.health import Echo
from node.storage.overview import QueueDepth
from node.watching.echoes import echo_destination

_REASONS: dict[StableCode | None, str] = {
    **{code: rejection.words for rejection, code in REJECTION_CODES.items()},
    ReasonCode.NOT_A_CALLER: "this destination may report to us, and sends images without being a caller",
}


@dataclass(frozen=True, slots=True)
class _DestinationStatus:
    """A destination, its last C-ECHO, and how many jobs wait for it or have failed."""

    destination: Destination
    echo: Echo | None
    waiting: int
    dead: int


@dataclass(frozen=True, slots=True)
class RejectedAssociation:
    """A rejected association, and the command that allows its caller, where one can."""

    at: float
    why: str
    calling: str
    called: str
    address: str
    command: str


def destination_statuses(site: Site) -> list[_DestinationStatus]:
    """Every destination in the settings."""
    echoes, depths = site.watch.echoes(), site.overview.queues()
    return [
        _DestinationStatus(
            destination=each,
            echo=echoes.get(each.name),
            waiting=_jobs_for(depths, each.name, dead=False),
            dead=_jobs_for(depths, each.name, dead=True),
        )
        for each in site.settings.destinations
    ]


def _jobs_for(depths: list[QueueDepth], name: str, *, dead: bool) -> int:
    """How many jobs for a destination are open, or have failed for good."""
    return sum(each.jobs for each in depths if each.destination == name and (each.state is JobState.DEAD) is dead)


def echo_now(site: Site, name: str) -> Echo:
    """C-ECHO a destination and store the result; raises LookupError for one that is not in the settings."""
    for each in site.settings.destinations:
        if each.name == name:
            return echo_destination(site.settings.dicom.ae_title, each, site.watch)
    raise LookupError("no destination of this name in the settings")


def recent_rejections(site: Site) -> list[RejectedAssociation]:
    """Rejected associations, newest first."""
    return [
        RejectedAssociation(
            at=entry.at,
            why=_REASONS.get(entry.fields.reason, entry.detail),
            calling=entry.fields.calling_ae_title,
            called=entry.fields.called_ae_title,
            address=entry.fields.address,
            command=command_to_allow(entry.fields),
        )
        for entry in site.overview.rejections()
    ]
