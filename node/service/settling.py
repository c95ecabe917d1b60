"""Declares studies complete: by their content, after a quiet period, or at the deadline."""

from __future__ import annotations

import logging
import time

from node.crashpoints import crash_point
from node.errors import NodeError
from node.jobs import NodePart
from node.settings_sections import GatherSettings
from node.storage.ledger.ledger import Ledger

log = logging.getLogger(__name__)
_PAUSE_SECONDS = 2.0  # a study is compared with earlier ones in the pauses between its images
_JUMP_SECONDS = 5.0
_FOREVER_SECONDS = 1e9


class QuietPeriod:
    """Since when silence may be counted. The wall clock only names moments; when it jumps, counting begins anew.

    So it does when this machine stood still: what was sent meanwhile waits in the listener's sockets.
    """

    def __init__(self, wall: float, monotonic: float) -> None:
        self.wall = wall
        self.monotonic = self.sweep_ended_at = monotonic
        self.since = self.steady_since = wall - _FOREVER_SECONDS

    def update(self, wall: float, monotonic: float) -> None:
        """Compare the clocks, and the time since the last sweep ended with the second that it should be."""
        jump, pause = (wall - self.wall) - (monotonic - self.monotonic), monotonic - self.sweep_ended_at
        self.wall, self.monotonic = wall, monotonic
        if abs(jump) > _JUMP_SECONDS:
            log.warning("the clock jumped; silence is counted anew", extra={"seconds": round(jump)})
            self.since = self.steady_since = wall
        elif pause > _JUMP_SECONDS:
            log.warning("this machine stood still; silence is counted anew", extra={"seconds": round(pause)})
            self.since = wall

    def saw_nothing(self) -> None:
        """The ledger did not answer: what was sent meanwhile may not have reached us, or not the ledger."""
        self.since = self.wall

    def sweep_ended(self, monotonic: float) -> None:
        """A sweep has ended; however long it took, nothing stood still."""
        self.sweep_ended_at = monotonic

    def quiet_for(self, seconds: float) -> float | None:
        """The moment so many seconds ago, or None while silence has not been counted for so long."""
        return self.wall - seconds if self.wall - self.since >= seconds else None

    def steady_for(self, seconds: float) -> float | None:
        """The moment so many seconds ago, or None while the clock has not been steady for so long."""
        return self.wall - seconds if self.wall - self.steady_since >= seconds else None


def settle_studies(
    gather: GatherSettings, node_name: str, ledger: Ledger, quiet: QuietPeriod, archive: str = ""
) -> int:
    """Declare complete what is; gives how many studies.

    Parameters
    ----------
    archive
        UUID of this node's storage root; empty where no other host is on the ledger.
    """
    now = time.time()
    quiet.update(now, time.monotonic())
    try:
        settled = ledger.gathering.settle_by_content(now - _PAUSE_SECONDS, now, gather.learned_from)
        settled += _settle_silent(gather, NodePart(node_name, archive=archive), ledger, quiet, now)
    except NodeError:
        quiet.update(time.time(), time.monotonic())
        quiet.saw_nothing()
        raise
    finally:
        quiet.sweep_ended(time.monotonic())
    if settled:
        crash_point("gather.marked")
        log.info("studies complete", extra={"count": settled})
    return settled


def _settle_silent(gather: GatherSettings, us: NodePart, ledger: Ledger, quiet: QuietPeriod, now: float) -> int:
    """Those without a new instance for the quiet period, and those past the deadline."""
    settled = 0
    quiet_since, opened_before = quiet.quiet_for(gather.quiet_seconds), quiet.steady_for(gather.deadline_seconds)
    extended_quiet_since = quiet.quiet_for(gather.quiet_seconds * gather.patience)
    if quiet_since is not None:
        extended_quiet_since = now - _FOREVER_SECONDS if extended_quiet_since is None else extended_quiet_since
        settled += ledger.gathering.settle(
            quiet_since, now, extended_quiet_since=extended_quiet_since, node_name=us.node, archive=us.archive
        )
    if opened_before is not None:
        settled += ledger.gathering.settle_overdue(opened_before, now, node_name=us.node, archive=us.archive)
    return settled
