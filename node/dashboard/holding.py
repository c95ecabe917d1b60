"""What an operator holds back and lets go on: this node, a destination; for pages and API alike."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from node.dashboard.rights import User
from node.dashboard.site import Site
from node.holding import hold_destination, hold_node, release_destination, resume_node
from node.storage.holds import Hold, HoldKind


class NodeVerb(StrEnum):
    """What an operator can do to this node."""

    PAUSE = "pause"
    RESUME = "resume"
    DRAIN = "drain"


class DestinationVerb(StrEnum):
    """What an operator can do to a destination."""

    HOLD = "hold"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class _DestinationHold:
    """One that results go to, and since when nothing is sent to it."""

    name: str
    hold: Hold | None


def operate_node(site: Site, user: User, verb: NodeVerb, why: str) -> None:
    """Pause, resume or drain this node; raises LookupError where there is nothing to resume."""
    if verb is NodeVerb.RESUME:
        resume_node(site.settings, site.ledger, user.name)
    else:
        kind = HoldKind.DRAIN if verb is NodeVerb.DRAIN else HoldKind.PAUSE
        hold_node(site.settings, site.ledger, kind, user.name, why)


def operate_destination(site: Site, user: User, name: str, verb: DestinationVerb, why: str) -> None:
    """Hold or release a destination; raises LookupError for one that is not in the settings, or not held."""
    if verb is DestinationVerb.RELEASE:
        release_destination(site.ledger, name, user.name)
    else:
        hold_destination(site.settings, site.ledger, name, user.name, why)


def destination_holds(site: Site) -> list[_DestinationHold]:
    """All that results go to by the settings, held or not, and any other that is held."""
    held = {each.subject: each for each in site.ledger.holds.current() if each.kind is HoldKind.DESTINATION}
    names = dict.fromkeys([*site.settings.result_receivers, *held])
    return [_DestinationHold(name, held.get(name)) for name in names]
