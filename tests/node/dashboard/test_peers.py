"""Peers of the node: destinations, and callers that were rejected."""

from __future__ import annotations

from hostile_site import HOSTILE
from node.audit import AuditEvent, AuditFields
from node.dashboard.peers import recent_rejections
from node.dashboard.site import Site
from node.reasons import ReasonCode


def test_a_command_for_a_hostile_ae_title_is_one_shell_word(site: Site) -> None:
    (rejection,) = recent_rejections(site)
    assert rejection.calling == HOSTILE[:16]
    assert rejection.called == "MOMENODE"
    assert rejection.command == f"mome-node peers allow '{HOSTILE[:16]}' --address 10.0.0.9"


def test_a_destination_that_sends_images_is_let_in_by_the_command_beside_it(site: Site) -> None:
    fields = AuditFields(calling_ae_title="PACS", address="10.0.0.5", reason=ReasonCode.NOT_A_CALLER)
    site.ledger.audit.record(AuditEvent.REJECTED, 1e10, "instance refused", fields=fields)
    rejection = recent_rejections(site)[0]
    assert rejection.why == "this destination may report to us, and sends images without being a caller"
    assert rejection.command == "mome-node peers allow PACS --address 10.0.0.5"
