"""Calls destinations by C-ECHO and remembers how each answered."""

from __future__ import annotations

import time
from collections.abc import Iterable

from dicom_io.errors import PeerUnreachable
from dicom_io.network.scu import echo
from node.settings_sections import Destination
from node.storage.health import Echo, HealthStore


def echo_destination(calling_ae_title: str, destination: Destination, store: HealthStore) -> Echo:
    """C-ECHO a destination and remember how it answered."""
    seconds, reason = None, ""
    try:
        seconds = echo(calling_ae_title, destination)
    except PeerUnreachable as error:
        reason = str(error)
    answered = Echo(destination.name, time.time(), seconds, reason)
    store.echoed(answered)
    return answered


def echo_destinations(calling_ae_title: str, destinations: Iterable[Destination], store: HealthStore) -> None:
    """C-ECHO every destination, one after the other."""
    for each in destinations:
        echo_destination(calling_ae_title, each, store)
