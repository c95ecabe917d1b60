"""Listens on a port and serves an association per connection; idle connections cannot lock other peers out."""

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

from dicom_io.network.association import AcceptedAssociation
from dicom_io.network.service import (
    ADDRESS_HAS_TOO_MANY,
    ADDRESS_UNKNOWN,
    ALL_SLOTS_TAKEN,
    CALLER_HAS_TOO_MANY,
    AssociationRejection,
    Peer,
    ServiceClassProvider,
)
from dicom_io.network.upper_layer import PduLimits, PduStream

log = logging.getLogger(__name__)
_MOST_UNTOLD = 100
_TELL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class AcceptorLimits:
    """How many connections and associations may be open at once.

    Parameters
    ----------
    associations
        Associations in total.
    per_ae_title
        Associations of one calling AE title.
    per_address
        Associations of one IP address, whatever it calls itself.
    pending
        Connections on which no association was accepted yet; of the address that has most of them, the oldest is
        dropped for a new one.
    """

    associations: int = 64
    per_ae_title: int = 32
    per_address: int = 32
    pending: int = 40
    pdu: PduLimits = field(default_factory=PduLimits)


class Acceptor:
    """A DICOM server on one socket: a thread for each connection, all of them bounded."""

    def __init__(
        self,
        address: tuple[str, int],
        contexts: Sequence[PresentationContext],
        service: ServiceClassProvider,
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
        self.pending: OrderedDict[socket.socket, str] = OrderedDict()  # without an association yet, oldest first
        self.turned_away: set[str] = set()  # addresses of which the service has not been told yet
        self.associations: dict[socket.socket, AcceptedAssociation] = {}
        self.stopping = threading.Event()
        self.listener = socket.create_server(address, backlog=128)

    @property
    def port(self) -> int:
        """The port that was bound; useful when port 0 was requested."""
        return int(self.listener.getsockname()[1])

    def serve_forever(self) -> None:
        """Accept connections until `stop` is called."""
        threading.Thread(target=self.tell_turned_away, name="turned-away", daemon=True).start()
        while not self.stopping.is_set():
            try:
                connection, address = self.listener.accept()
            except OSError:
                if self.stopping.is_set():
                    return
                self.drop_oldest_pending()  # most likely no file descriptor is free
                time.sleep(0.05)
                continue
            if not self.service.allows(str(address[0])):  # it costs us no thread, and no byte of it is read
                connection.close()
                self.note_turned_away(str(address[0]))
                continue
            try:
                self.start(connection, str(address[0]))
            except (OSError, RuntimeError):  # it is gone already, or no thread can be started
                connection.close()

    def note_turned_away(self, address: str) -> None:
        """Have the service told, soon and by another thread: a flood of one address is told twice a second."""
        with self.lock:
            if len(self.turned_away) < _MOST_UNTOLD:
                self.turned_away.add(address)

    def tell_turned_away(self) -> None:
        """Tell the service who was turned away, until `stop` is called."""
        while not self.stopping.wait(_TELL_SECONDS):
            with self.lock:
                addresses, self.turned_away = self.turned_away, set()
            for each in sorted(addresses):
                self.service.rejected(Peer("", "", each), ADDRESS_UNKNOWN)

    def start(self, connection: socket.socket, address: str) -> None:
        """Give a new connection its thread, dropping a pending one when there are too many."""
        if self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self.lock:
            self.pending[connection] = address
            crowded = len(self.pending) > self.limits.pending
        if crowded:
            self.drop_oldest_pending()
        name = f"association-{connection.fileno()}"
        threading.Thread(target=self.serve_connection, args=(connection, address), name=name, daemon=True).start()

    def drop_oldest_pending(self) -> None:
        """Of the address with most connections without an association, close the one that has waited longest."""
        with self.lock:
            crowd = Counter(self.pending.values()).most_common(1)
            oldest = next((each for each, address in self.pending.items() if address == crowd[0][0]), None)
            if oldest is not None:
                del self.pending[oldest]
        if oldest is not None:
            _wake_reader(oldest)

    def serve_connection(self, connection: socket.socket, address: str) -> None:
        """Serve one connection until it ends, and free its slot at once."""
        try:
            stream = PduStream(connection, self.limits.pdu)
            association = AcceptedAssociation(stream, address, self.contexts, self.service)
            association.run(lambda peer: self.admit(connection, association, peer))
        except OSError as error:
            self.service.ended(None, address, f"no connection: {error.strerror or type(error).__name__}")
        except Exception:  # a defect that some bytes have found ends this association and no other
            log.exception("an association ended by a defect of this program", extra={"address": address})
        finally:
            with self.lock:
                self.pending.pop(connection, None)
                self.associations.pop(connection, None)
            connection.close()

    def admit(
        self, connection: socket.socket, association: AcceptedAssociation, peer: Peer
    ) -> AssociationRejection | None:
        """Register the peer's association, or give the reason to reject it."""
        rejection = self.service.admit(peer)
        with self.lock:
            self.pending.pop(connection, None)
            rejection = rejection or self.limit_reached(peer)
            if rejection is None:
                self.associations[connection] = association
        if rejection is not None:
            self.service.rejected(peer, rejection)
        return rejection

    def limit_reached(self, peer: Peer) -> AssociationRejection | None:
        """The limit that one more association would exceed; call it with the lock held."""
        peers = [each.peer for each in self.associations.values() if each.peer]
        if len(self.associations) >= self.limits.associations:
            return ALL_SLOTS_TAKEN
        if sum(each.address == peer.address for each in peers) >= self.limits.per_address:
            return ADDRESS_HAS_TOO_MANY
        talking = sum(each.calling_ae_title == peer.calling_ae_title for each in peers)
        return CALLER_HAS_TOO_MANY if talking >= self.limits.per_ae_title else None

    def stop(self, grace_seconds: float = 10.0) -> None:
        """Accept no new peers, give instances in flight some seconds to finish, then end every association."""
        self.stopping.set()
        _wake_reader(self.listener)
        self.listener.close()
        deadline = time.monotonic() + grace_seconds
        while time.monotonic() < deadline:
            with self.lock:
                idle = [each for each, association in self.associations.items() if association.idle]
                busy = len(self.associations) - len(idle)
            for connection in idle:
                _wake_reader(connection)
            if not busy:
                break
            time.sleep(0.02)
        with self.lock:
            rest = [*self.pending, *self.associations]
        for connection in rest:
            _wake_reader(connection)


def _wake_reader(connection: socket.socket) -> None:
    """Wake the thread that reads from this socket, which then closes it."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
