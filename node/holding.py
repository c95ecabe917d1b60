"""Holds back this node or a destination, and lets them go on; for command line, pages and API alike."""

from __future__ import annotations

import time

from node.settings import Settings
from node.storage.holds import Hold, HoldKind
from node.storage.ledger.ledger import Ledger


def hold_node(settings: Settings, ledger: Ledger, kind: HoldKind, by: str, why: str) -> None:
    """Pause this node, or drain it."""
    ledger.holds.hold(Hold(kind, settings.node_name, time.time(), by, why))


def resume_node(settings: Settings, ledger: Ledger, by: str) -> None:
    """Let this node work again; raises LookupError when it is neither paused nor draining."""
    ledger.holds.end(HoldKind.PAUSE, settings.node_name, by, time.time())


def hold_destination(settings: Settings, ledger: Ledger, name: str, by: str, why: str) -> None:
    """Send nothing to a destination; raises LookupError for one that is not in the settings."""
    known = settings.result_receivers
    if name not in known:
        raise LookupError(f"no destination {name} in the settings; there are: {', '.join(known) or 'none'}")
    ledger.holds.hold(Hold(HoldKind.DESTINATION, name, time.time(), by, why))


def release_destination(ledger: Ledger, name: str, by: str) -> None:
    """Send to a destination again, in the settings or not; raises LookupError when it is not held."""
    ledger.holds.end(HoldKind.DESTINATION, name, by, time.time())
