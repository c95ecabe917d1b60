"""Who may connect to this node, and what for: the settings' callers and networks, and our own destinations."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from dicom_io.network.service import (
    ADDRESS_UNKNOWN,
    CALLED_UNKNOWN,
    CALLING_UNKNOWN,
    CERTIFICATE_OF_ANOTHER,
    AssociationRejection,
    Peer,
)
from node.dicom_settings import DicomSettings, fingerprint
from node.settings_sections import Destination

_THIS_MACHINE = frozenset(("127.0.0.1", "::1"))


class Admission:
    """What the settings say about a peer that connects to us.

    A destination may always call under its own AE title, whoever the callers are: its report on storage commitment
    comes on an association of its own, and so does what we ask it for by C-MOVE. It does not become a sender by that.
    `destinations`: their names by AE title.
    """

    def __init__(
        self, dicom: DicomSettings, destinations: Sequence[Destination], further_ae_titles: Sequence[str] = ()
    ) -> None:
        self.dicom = dicom
        self.ours = frozenset((dicom.ae_title, *further_ae_titles))
        titles = {each.ae_title for each in destinations}
        self.destinations = {
            title: frozenset(each.name for each in destinations if each.ae_title == title) for title in titles
        }
        self.networks = [ipaddress.ip_network(each, strict=False) for each in dicom.networks]

    def refusal(self, peer: Peer) -> AssociationRejection | None:
        """The reason to reject this peer's association, if there is one."""
        if not self.allows_address(peer.address):
            return ADDRESS_UNKNOWN
        if not self._is_caller(peer) and peer.calling_ae_title not in self.destinations:
            return CALLING_UNKNOWN
        if not self._is_proved(peer):
            return CERTIFICATE_OF_ANOTHER
        if self.dicom.check_called_ae_title and peer.called_ae_title not in self.ours:
            return CALLED_UNKNOWN
        return None

    def allows_address(self, address: str) -> bool:
        """Whether the settings let this IP address in."""
        return not self.networks or any(ipaddress.ip_address(address) in network for network in self.networks)

    def allows_connection(self, address: str) -> bool:
        """Whether a connection from there is served: any from this machine itself, whose checks want to be answered."""
        return address in _THIS_MACHINE or self.allows_address(address)

    def may_store(self, peer: Peer, move_originator: str) -> bool:
        """Whether this peer may send instances: any that is a caller, and a destination what we asked it for."""
        return self._is_caller(peer) or move_originator == self.dicom.ae_title

    def _is_proved(self, peer: Peer) -> bool:
        """Whether it showed the certificate of its AE title, where the settings name one."""
        wanted = self.dicom.certificates.get(peer.calling_ae_title)
        if wanted is None:
            return True
        shown = peer.certificate
        return shown is not None and (shown.sha256 == fingerprint(wanted) or wanted.lower() in shown.names)

    def _is_caller(self, peer: Peer) -> bool:
        return not self.dicom.callers or peer.calling_ae_title in self.dicom.callers
