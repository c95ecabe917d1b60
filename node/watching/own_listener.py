"""The listener of this node, seen from this machine: as a peer, and whether its port is free or ours."""

from __future__ import annotations

import errno
import socket
import time

from dicom_io.network.remote import RemoteAE
from node.dicom_settings import DicomSettings
from node.errors import NotReady
from node.settings import Settings
from node.storage.health import HealthStore
from node.storage.ledger.ledger import Ledger

_CONNECT_SECONDS = 2.0


def own_listener(here: DicomSettings) -> RemoteAE:
    """The listener of this node as a peer."""
    return RemoteAE(
        "this node",
        here.ae_title,
        here.address_from_here,
        here.port,
        tls=bool(here.certificate),
        authorities=here.certificate,
        check_name=False,
        certificate=here.certificate,
        key=here.key,
    )


def is_listening(settings: Settings) -> bool:
    """Whether this node listens; raises NotReady when another program has its port."""
    here = settings.dicom
    try:
        socket.create_connection((here.address_from_here, here.port), timeout=_CONNECT_SECONDS).close()
    except OSError:
        return False
    beat = HealthStore(Ledger(settings.database_url).engine).listener(settings.node_name)
    if beat is not None and beat.is_alive(time.time()) and beat.listening_since is not None:
        return True
    raise NotReady(f"another program listens on {here.host} port {here.port}; stop it, or change dicom.port")


def check_port(settings: Settings) -> str:
    """Whether the DICOM port is free for the listener, or the listener has it; raises NotReady with what to do."""
    here = settings.dicom
    where = f"{here.host} port {here.port}"
    if is_listening(settings):
        return f"this node listens on {where}"
    try:
        socket.create_server((here.host, here.port)).close()
    except OSError as error:
        hints = {
            errno.EACCES: "ports below 1024 need a privilege: see the comment in deploy/systemd/mome-node.service",
            errno.EADDRNOTAVAIL: 'dicom.host must be an address of this machine, or "0.0.0.0"',
        }
        hint = hints.get(error.errno or 0, "check dicom.host and dicom.port")
        raise NotReady(f"cannot listen on {where}: {error.strerror}; {hint}") from None
    return f"{where} is free"
