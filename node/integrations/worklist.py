"""Worklist servers (UPS-RS) of the settings, and whether they answer."""

from __future__ import annotations

from dicom_io.errors import PeerUnreachable
from dicom_io.network.ups import UpsClient, WorkitemRefused, WorkitemState
from node.errors import SettingsError
from node.integration_settings import UpsWorklist
from node.integrations.connection import tls_context
from node.integrations.errors import ReceiverUnreachable


def worklist_client(worklist: UpsWorklist, ae_title: str) -> UpsClient:
    """A client of this server with the certificates and the token of now; ReceiverUnreachable for unusable files."""
    try:
        return UpsClient(worklist.name, worklist.url, ae_title, tls_context(worklist), worklist.token)
    except SettingsError as error:
        raise ReceiverUnreachable(f"{worklist.name}: {error}") from None


def probe(worklist: UpsWorklist, ae_title: str) -> str:
    """Search for what is scheduled; raises ReceiverUnreachable."""
    try:
        worklist_client(worklist, ae_title).search(WorkitemState.SCHEDULED, worklist.match, 1)
    except (PeerUnreachable, WorkitemRefused) as error:
        raise ReceiverUnreachable(str(error)) from None
    return "answers a search for workitems"
