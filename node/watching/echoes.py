"""Calls destinations by the service that takes results and remembers how each answered."""

from __future__ import annotations

import time
from collections.abc import Iterable

from dicom_io.errors import PeerUnreachable
from node.remedies import reason_for
from node.settings_sections import Destination
from node.storage.health import Echo, HealthStore
from node.watching.destinations import reach


def echo_destination(calling_ae_title: str, destination: Destination, store: HealthStore) -> Echo:
    """Call a destination and remember how it answered, and what to change when it did not."""
    seconds, reason = None, ""
    try:
        seconds = reach(calling_ae_title, destination)
    except PeerUnreachable as error:
        reason = reason_for(error, destination, calling_ae_title).words
    answered = Echo(destination.name, time.time(), seconds, reason)
    store.echoed(answered)
    return answered


def echo_destinations(calling_ae_title: str, destinations: Iterable[Destination], store: HealthStore) -> None:
    """Call every destination, one after the other."""
    for each in destinations:
        echo_destination(calling_ae_title, each, store)
