"""Listens on a port and runs an association for each connection; strangers can neither wait us out nor fill us up."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from pynetdicom.presentation import PresentationContext

from dicom_io.network.association import ALL_SLOTS_TAKEN, CALLER_HAS_TOO_MANY, Association, Peer, Rejection, Service
from dicom_io.network.upper_layer import PduStream, WireLimits

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AcceptorLimits:
    """How many may talk to us at once.

    associations : in all. per_ae_title : with one calling AE title.
    strangers : connections that have not yet been accepted; the oldest is dropped for a new one.
    """

    associations: int = 64
    per_ae_title: int = 32
    strangers: int = 40
    wire: WireLimits = field(default_factory=WireLimits)


class Acceptor:
    """A DICOM server on one socket: a thread for each connection, all of them bounded."""

    def __init__(
        self,
        address: tuple[str, int],
        contexts: Sequence[PresentationContext],
        service: Service,
        *,
        limits: AcceptorLimits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Bind and listen at once, so that a port in use is an OSError here."""
        self.contexts = contexts
        self.service = service
        self.limits = limits or AcceptorLimits()
        self.tls = tls
        self.lock = threading.Lock()
        self.strangers: OrderedDict[socket.socket, Association | None] = OrderedDict()
        self.associations: dict[socket.socket, Association] = {}
        self.stopping = threading.Event()
        self.listener = socket.create_server(address, backlog=128)

    @property
    def port(self) -> int:
        """The port that was bound (of interest when 0 was asked for)."""
        return int(self.listener.getsockname()[1])

    def serve_forever(self) -> None:
        """Accept connections until `stop` is called."""
        while not self.stopping.is_set():
            try:
                connection, address = self.listener.accept()
            except OSError:
                if self.stopping.is_set():
                    return
                self.drop_oldest_stranger()  # most likely no file descriptor is free
                time.sleep(0.05)
                continue
            try:
                self.begin(connection, str(address[0]))
            except (OSError, RuntimeError):  # it is gone already, or no thread can be started
                connection.close()

    def begin(self, connection: socket.socket, address: str) -> None:
        """Give a new connection its thread, dropping the oldest stranger when there are too many."""
        if self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self.lock:
            self.strangers[connection] = None
            crowded = len(self.strangers) > self.limits.strangers
        if crowded:
            self.drop_oldest_stranger()
        name = f"association-{connection.fileno()}"
        threading.Thread(target=self.run, args=(connection, address), name=name, daemon=True).start()

    def drop_oldest_stranger(self) -> None:
        """Close the connection that has waited longest without becoming an association."""
        with self.lock:
            oldest = next(iter(self.strangers), None)
            if oldest is not None:
                del self.strangers[oldest]
        if oldest is not None:
            shut(oldest)

    def run(self, connection: socket.socket, address: str) -> None:
        """One connection from its first byte to its last; its slot is free the moment it ends."""
        try:
            association = Association(PduStream(connection, self.limits.wire), address, self.contexts, self.service)
            association.run(lambda peer: self.admit(connection, association, peer))
        except OSError as error:
            self.service.ended(None, address, f"no connection: {error.strerror or type(error).__name__}")
        except Exception:  # a defect that some bytes have found ends this association and no other
            log.exception("an association ended by a defect of this program", extra={"address": address})
        finally:
            with self.lock:
                self.strangers.pop(connection, None)
                self.associations.pop(connection, None)
            connection.close()

    def admit(self, connection: socket.socket, association: Association, peer: Peer) -> Rejection | None:
        """Count the peer in, or say why not."""
        rejection = self.service.admit(peer)
        with self.lock:
            self.strangers.pop(connection, None)
            rejection = rejection or self.limit_reached(peer)
            if rejection is None:
                self.associations[connection] = association
        if rejection is not None:
            self.service.rejected(peer, rejection)
        return rejection

    def limit_reached(self, peer: Peer) -> Rejection | None:
        """The limit that one association more would break; the lock is held."""
        if len(self.associations) >= self.limits.associations:
            return ALL_SLOTS_TAKEN
        talking = Counter(each.peer.calling_ae_title for each in self.associations.values() if each.peer)
        return CALLER_HAS_TOO_MANY if talking[peer.calling_ae_title] >= self.limits.per_ae_title else None

    def stop(self, grace_seconds: float = 10.0) -> None:
        """Accept nobody new, let instances in flight finish for a while, then end every association."""
        self.stopping.set()
        shut(self.listener)
        self.listener.close()
        deadline = time.monotonic() + grace_seconds
        while time.monotonic() < deadline:
            with self.lock:
                idle = [each for each, association in self.associations.items() if association.idle]
                busy = len(self.associations) - len(idle)
            for connection in idle:
                shut(connection)
            if not busy:
                break
            time.sleep(0.02)
        with self.lock:
            rest = [*self.strangers, *self.associations]
        for connection in rest:
            shut(connection)


def shut(connection: socket.socket) -> None:
    """Wake the thread that reads from this socket; it closes it."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
