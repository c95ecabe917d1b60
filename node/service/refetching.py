"""Goes on with the studies of a host that has died: fetches their images from a PACS, and has them analysed here."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from dicom_io.errors import PeerUnreachable
from node.errors import NodeError
from node.jobs import RetryPolicy
from node.service.retrieval import NotAllSent, retrieve
from node.settings import Settings
from node.settings_sections import Destination
from node.storage.archive import Archive
from node.storage.hosts import Hosts, NodeHost
from node.storage.ledger.ledger import Ledger
from node.storage.ledger.refetches import HostsByLife, OwedStudy

log = logging.getLogger(__name__)
_LEASE_SECONDS = 120.0
_EXTEND_SECONDS = 10.0
_DOWN_SECONDS = 15.0  # until a PACS that does not answer is asked again
_BLIND_SECONDS = 10.0  # after so long without a look nothing is known of anybody's heartbeat
_NOBODY = HostsByLife(frozenset(), frozenset())


@dataclass(slots=True)
class _HeartbeatWatch:
    """Which hosts have died: those whose newest heartbeat has stood still for so long while we looked.

    Only our own monotonic clock counts: a host whose clock is wrong is not taken for dead, nor are all when the
    database was away, or this machine stood still.
    """

    seconds: float
    seen: dict[int, tuple[float | None, float]] = field(default_factory=dict)
    looked_at: float | None = None

    def look(self, hosts: Sequence[NodeHost], monotonic: float) -> HostsByLife:
        """Compare with the last look; a host that was stopped as planned is neither dead nor alive."""
        if self.looked_at is None or monotonic - self.looked_at > _BLIND_SECONDS:
            self.seen.clear()
        self.looked_at = monotonic
        dead, alive = set[str](), set[str]()
        for each in hosts:
            beat, since = self.seen.get(each.id, (None, monotonic))
            if beat != each.heard_at:
                since = monotonic
            self.seen[each.id] = (each.heard_at, since)
            if each.heard_at is not None:
                (dead if monotonic - since >= self.seconds else alive).add(each.archive)
        return HostsByLife(frozenset(dead - alive), frozenset(alive))


@dataclass(frozen=True, slots=True)
class _Pause:
    """Until when a PACS is left alone (monotonic), and why."""

    until: float
    words: str


@contextmanager
def _kept_claim(ledger: Ledger, study: OwedStudy) -> Iterator[None]:
    """No other node begins while this one asks, however long the PACS says nothing."""
    ended = threading.Event()

    def extend() -> None:
        while not ended.wait(_EXTEND_SECONDS):
            try:
                if not ledger.refetches.extend(study, time.time() + _LEASE_SECONDS):
                    return
            except (NodeError, OSError):  # the database is away: the claim may end, and nothing is written then
                log.warning("a claim could not be extended", extra={"study": study.id})

    thread = threading.Thread(target=extend, name="claim", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class Refetcher:
    """Fetches, one after the other, the studies that nobody can go on with because a host has died."""

    def __init__(self, settings: Settings, ledger: Ledger, archive: Archive) -> None:
        self.settings, self.ledger, self.archive = settings, ledger, archive
        self.hosts, self.watch = Hosts(ledger.engine), _HeartbeatWatch(settings.hosts.refetch_seconds)
        self.by_life, self.retry, self.rng = _NOBODY, RetryPolicy(first_seconds=3.0), random.Random()
        self.looking, self.paused = threading.Lock(), dict[str, _Pause]()

    def look(self) -> None:
        """Look at the heartbeats of all hosts."""
        with self.looking:
            self.by_life = self.watch.look(self.hosts.known(), time.monotonic())

    def run(self) -> int:
        """Fetch what is owed now; gives how many studies were gone on with."""
        done = 0
        while self.by_life.dead and self.ledger.holds.of_node(self.settings.node_name) is None:
            hosts = self.others()
            study = self.next_claimed(hosts)
            if study is None:
                break
            done += self.go_on(study, hosts)
        return done

    def others(self) -> HostsByLife:
        """The hosts as they were when last looked at; this one is alive."""
        ours = frozenset((self.archive.uuid,))
        return HostsByLife(self.by_life.dead - ours, self.by_life.alive | ours)

    def next_claimed(self, hosts: HostsByLife) -> OwedStudy | None:
        """The first study that is owed and that no other node is fetching."""
        now, limit = time.time(), self.settings.hosts.refetch_attempts
        for each in self.ledger.refetches.owed(hosts, limit, now) if hosts.dead else ():
            claimed = self.ledger.refetches.claim(each, self.settings.node_name, now, now + _LEASE_SECONDS)
            if claimed is not None:
                return claimed
        return None

    def go_on(self, study: OwedStudy, hosts: HostsByLife) -> bool:
        """Fetch one study; whether a host that is alive has all of it now, and works on it.

        Of one that was arriving everything is fetched that the PACS has, until it has nothing new: more may be on its
        way there. Of one that was complete only what the ledger lists and is not here.
        """
        refetches = self.ledger.refetches
        missing = refetches.missing(study.id, self.archive.uuid, hosts.alive)
        sent, told, asked = 0, "", True
        if missing or study.is_arriving:
            sent, told, asked = self.ask(study, None if study.is_arriving else missing, hosts)
            missing = refetches.missing(study.id, self.archive.uuid, hosts.alive)
        now = time.time()
        if missing or told:
            self.wait(study, sum(map(len, missing.values())), told, asked=asked)
            return False
        if study.is_arriving and sent != study.sent:
            words = f"a PACS has sent {sent} instances, and is asked once more before it counts as complete"
            pause = self.settings.gather.quiet_seconds
            refetches.try_again(study, words, now + pause, attempts=study.attempts, sent=sent)
            return False
        self.look()  # the fetching may have taken long, and the host may be back
        if not refetches.fetched(study, self.others().dead, now):
            return False
        log.info("fetched a study of a host that has died", extra={"study": study.id, "instances": sent})
        return True

    def ask(self, study: OwedStudy, missing: dict[str, list[str]] | None, hosts: HostsByLife) -> tuple[int, str, bool]:
        """Ask one PACS after the other; how many instances came, what is wrong, and whether one was really asked."""
        told, asked = [], False
        for peer in self.settings.refetch_peers:
            pause = self.paused.get(peer.name)
            if pause is not None and time.monotonic() < pause.until:
                told.append(pause.words)
                continue
            try:
                sent = self.retrieve(study, peer, missing)
            except NotAllSent as error:
                told.append(str(error))
            except PeerUnreachable as error:
                told.append(str(error))
                if not error.established:
                    self.pause(peer, str(error))
                    continue
            else:
                if not self.ledger.refetches.missing(study.id, self.archive.uuid, hosts.alive):
                    return sent, "", True
                told.append(f"{peer.name} has sent {sent} instances")
            asked = True
        return 0, "; ".join(told), asked

    def pause(self, peer: Destination, words: str) -> None:
        """Ask this PACS for no study for a while: it gives us no association."""
        self.paused[peer.name] = _Pause(time.monotonic() + _DOWN_SECONDS, words)
        log.warning("a PACS to fetch from does not answer", extra={"destination": peer.name})

    def retrieve(self, study: OwedStudy, peer: Destination, missing: dict[str, list[str]] | None) -> int:
        """Have it sent by one PACS; while that goes on, no other node begins."""
        with _kept_claim(self.ledger, study):
            return retrieve(self.settings, self.ledger, peer, study.study_instance_uid, instances=missing)

    def wait(self, study: OwedStudy, missing: int, told: str, *, asked: bool) -> None:
        """Say what is missing, and when it is asked for again; a PACS that does not answer is asked indefinitely."""
        limit, now = self.settings.hosts.refetch_attempts, time.time()
        attempts = study.attempts + asked
        pause = self.retry.pause(attempts, self.rng) if asked else self.pause_left()
        words = f"fetched in vain, {missing} images are missing (attempt {attempts} of {limit}): {told}"
        if asked:
            log.warning(
                "a study of a host that has died could not be fetched", extra={"study": study.id, "missing": missing}
            )
        self.ledger.refetches.try_again(study, words, now + pause, attempts=attempts)

    def pause_left(self) -> float:
        """Seconds until a PACS that did not answer is asked again."""
        until = min((each.until for each in self.paused.values()), default=0.0)
        return max(0.0, until - time.monotonic())
