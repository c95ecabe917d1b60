"""Who the node talks to: destinations with their last echo, and callers that were turned away."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from dicom_io.network.service import CALLING_UNKNOWN
from node.dashboard.site import Site
from node.settings import Destination
from node.storage.health import Echo
from node.storage.overview import QueueDepth
from node.watching.echoes import echo_destination

REJECTED = re.compile(
    r"(?P<why>.+?): (?P<calling>.{1,16}?)(?: called (?P<called>.{0,16}?))? (?:at|from) (?P<address>\S+)(?: \(.*)?"
)


@dataclass(frozen=True, slots=True)
class DestinationLine:
    """A destination, how it answered last, and what waits for it."""

    destination: Destination
    echo: Echo | None
    waiting: int
    dead: int


@dataclass(frozen=True, slots=True)
class Rejection:
    """An association that was turned away, and the command that lets its caller in, where one can."""

    at: float
    why: str
    calling: str
    called: str
    address: str
    command: str


def destinations(site: Site) -> list[DestinationLine]:
    """Every destination in the settings."""
    echoes, depths = site.watch.echoes(), site.overview.queues()
    return [
        DestinationLine(
            each, echoes.get(each.name), waiting(depths, each.name, dead=False), waiting(depths, each.name, dead=True)
        )
        for each in site.settings.destinations
    ]


def waiting(depths: list[QueueDepth], name: str, *, dead: bool) -> int:
    """Jobs for a destination that are open, or were given up."""
    return sum(each.jobs for each in depths if each.destination == name and (each.state == "dead") is dead)


def echo_now(site: Site, name: str) -> Echo:
    """C-ECHO a destination and remember how it answered; raises LookupError for one that is not in the settings."""
    for each in site.settings.destinations:
        if each.name == name:
            return echo_destination(site.settings.dicom.ae_title, each, site.watch)
    raise LookupError("no destination of this name in the settings")


def recent_rejections(site: Site) -> list[Rejection]:
    """Who called whom from where and was turned away, newest first."""
    found = []
    for entry in site.overview.rejections():
        told = REJECTED.fullmatch(entry.detail)
        if told is None:
            found.append(Rejection(entry.at, entry.detail, "", "", "", ""))
            continue
        calling, address = told["calling"].strip(), told["address"]
        command = f"mome-node peers allow {shlex.quote(calling)} --address {shlex.quote(address)}"
        command = command if told["why"] == CALLING_UNKNOWN.words else ""
        found.append(Rejection(entry.at, told["why"], calling, told["called"] or "", address, command))
    return found
