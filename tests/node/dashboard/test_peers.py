"""Peers of the node: destinations, and callers that were rejected."""

from __future__ import annotations

from hostile_site import HOSTILE
from node.dashboard.peers import recent_rejections
from node.dashboard.site import Site


def test_a_command_for_a_hostile_ae_title_is_one_shell_word(site: Site) -> None:
    (rejection,) = recent_rejections(site)
    assert rejection.calling == HOSTILE[:16]
    assert rejection.called == "MOMENODE"
    assert rejection.command == f"mome-node peers allow '{HOSTILE[:16]}' --address 10.0.0.9"
