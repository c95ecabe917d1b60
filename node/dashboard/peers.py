"""DICOM peers: destinations with their last C-ECHO, and rejected associations."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from dicom_io.network.service import CALLING_UNKNOWN
from node.dashboard.site import Site
from node.jobs import JobState
from node.settings_sections import Destination
from node.storage.health import Echo
from node.storage.overview import QueueDepth
from node.watching.echoes import echo_destination

REJECTED = re.compile(
    r"(?P<why>.+?): (?P<calling>.{1,16}?)(?: called (?P<called>.{0,16}?))? (?:at|from) (?P<address>\S+)(?: \(.*)?"
)


@dataclass(frozen=True, slots=True)
class DestinationStatus:
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


def destination_statuses(site: Site) -> list[DestinationStatus]:
    """Every destination in the settings."""
    echoes, depths = site.watch.echoes(), site.overview.queues()
    return [
        DestinationStatus(
            destination=each,
            echo=echoes.get(each.name),
            waiting=_jobs_for(depths, each.name, dead=False),
            dead=_jobs_for(depths, each.name, dead=True),
        )
        for each in site.settings.destinations
    ]


def _jobs_for(depths: list[QueueDepth], name: str, *, dead: bool) -> int:
    """How many jobs for a destination are open, or have failed for good."""
    return sum(each.jobs for each in depths if each.destination == name and (each.state == JobState.DEAD) is dead)


def echo_now(site: Site, name: str) -> Echo:
    """C-ECHO a destination and store the result; raises LookupError for one that is not in the settings."""
    for each in site.settings.destinations:
        if each.name == name:
            return echo_destination(site.settings.dicom.ae_title, each, site.watch)
    raise LookupError("no destination of this name in the settings")


def recent_rejections(site: Site) -> list[RejectedAssociation]:
    """Rejected associations, newest first."""
    found = []
    for entry in site.overview.rejections():
        told = REJECTED.fullmatch(entry.detail)
        if told is None:
            found.append(RejectedAssociation(entry.at, entry.detail, "", "", "", ""))
            continue
        calling, address = told["calling"].strip(), told["address"]
        command = f"mome-node peers allow {shlex.quote(calling)} --address {shlex.quote(address)}"
        command = command if told["why"] == CALLING_UNKNOWN.words else ""
        found.append(RejectedAssociation(entry.at, told["why"], calling, told["called"] or "", address, command))
    return found
