"""Group commit: instances that finish at the same time share one sync of the folders and one database commit."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from dicom_io.encoding.part10 import InstanceFile, ReceivedInstance
from dicom_io.network.dimse import OUT_OF_RESOURCES
from dicom_io.network.service import InstanceRefused, Peer
from node.crashpoints import crash_point
from node.storage.archive import Archive
from node.storage.database import LedgerUnavailable
from node.storage.ledger.ledger import Ledger
from node.storage.records import StoredInstance, StoreOutcome

log = logging.getLogger(__name__)
_LARGEST_GROUP = 64
_LONGEST_WAIT_S = 0.005  # for instances that are arriving; an image takes two to four milliseconds
FRESH_S = 0.01  # an instance that began to arrive longer ago comes slowly: nobody waits for it


class _PendingInstance:
    """An instance that is synced and waits for its name and row; its thread sleeps until it is woken."""

    def __init__(self, received: ReceivedInstance, peer: Peer) -> None:
        self.received = received
        self.peer = peer
        self.done = False
        self.verdict: StoreOutcome | None = None
        self.asleep = threading.Lock()
        self.asleep.acquire()

    def sleep(self) -> None:
        """Until this one is done, or has to commit what waits."""
        self.asleep.acquire()

    def wake(self) -> None:
        """Let the thread go on; once."""
        self.asleep.release()


class GroupCommit:
    """Names files and writes rows. Who finds nobody at it does so for all that have come meanwhile: group commit.

    Whose file is synced already waits a moment for those that are arriving: with four associations a commit then
    serves several instances, and one association never waits. Nobody is woken before there is something to do.
    """

    def __init__(self, archive: Archive, ledger: Ledger) -> None:
        self.archive = archive
        self.ledger = ledger
        self.arriving: dict[InstanceFile, float] = {}  # since when
        self.waiting: list[_PendingInstance] = []
        self.busy = False
        self.lock = threading.Lock()
        self.all_came = threading.Condition(self.lock)

    def expect(self, file: InstanceFile) -> None:
        """An instance begins to arrive; `store` or `forget` follows."""
        with self.lock:
            self.arriving[file] = time.monotonic()

    def forget(self, file: InstanceFile) -> None:
        """It will not be stored."""
        with self.lock:
            self._arrived(file)

    def _arrived(self, file: InstanceFile) -> None:
        self.arriving.pop(file, None)
        if not self.worth_waiting():
            self.all_came.notify()

    def worth_waiting(self) -> bool:
        """Whether an instance is arriving that will soon be here."""
        return any(since > time.monotonic() - FRESH_S for since in self.arriving.values())

    def store(self, file: InstanceFile, peer: Peer) -> tuple[ReceivedInstance, StoreOutcome]:
        """Returns when file and row are durable.

        Raises NotAnInstance, OSError when the file cannot be kept, InstanceRefused when the row cannot.
        """
        received = file.finish()
        crash_point("store.synced")
        pending = _PendingInstance(received, peer)
        if self.join(file, pending):
            pending.sleep()
        if not pending.done:
            self.commit(self.next_group())
        if pending.verdict is None:
            raise InstanceRefused(OUT_OF_RESOURCES, "the instance could not be stored")
        return received, pending.verdict

    def join(self, file: InstanceFile, pending: _PendingInstance) -> bool:
        """Those that wait, with this one; True when another is at the commit."""
        with self.lock:
            self._arrived(file)
            self.waiting.append(pending)
            was_busy, self.busy = self.busy, True
            return was_busy

    def next_group(self) -> list[_PendingInstance]:
        """Those that wait, oldest first: the one whose turn it is, and who came meanwhile."""
        with self.lock:
            self.all_came.wait_for(lambda: not self.worth_waiting(), _LONGEST_WAIT_S)
            group, self.waiting = self.waiting[:_LARGEST_GROUP], self.waiting[_LARGEST_GROUP:]
            return group

    def _remove_repeated(self, again: Sequence[StoredInstance]) -> None:
        """Remove the files of what came before, where rows name others of the same content and these are there."""
        try:
            for each, named in zip(again, self.ledger.receiving.paths_of(again), strict=True):
                if each.path not in named and any((self.archive.root / path).is_file() for path in named):
                    self.archive.remove([each.path])
        except (OSError, LedgerUnavailable) as error:
            log.warning("files of repeated instances are left: %s", type(error).__name__, extra={"count": len(again)})

    def commit(self, group: Sequence[_PendingInstance]) -> None:
        """One sync and one transaction for all of them; then it is the turn of the oldest that waits."""
        try:
            stored = self.archive.keep_received([(each.received, each.peer) for each in group])
            verdicts = self.ledger.receiving.instances_stored(stored, time.time())
            crash_point("store.row_committed")
            for each, verdict in zip(group, verdicts, strict=True):
                each.verdict = verdict
            again = [each for each, verdict in zip(stored, verdicts, strict=True) if verdict is not StoreOutcome.STORED]
            if again:
                self._remove_repeated(again)
        except (OSError, LedgerUnavailable) as error:
            log.error("instances refused: %s", type(error).__name__, extra={"count": len(group)})
        except Exception:  # a defect refuses these instances, it must not end reception
            log.exception("instances refused", extra={"count": len(group)})
        finally:
            with self.lock:
                next_in_turn = self.waiting[:1]
                self.busy = bool(next_in_turn)
            for each in group:
                each.done = True
            for each in [*group, *next_in_turn]:
                each.wake()
