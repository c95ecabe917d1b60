"""What goes wrong between this node and the systems around a PACS."""

from __future__ import annotations

from node.errors import NodeError
from node.exit_codes import Exit


class IntegrationError(NodeError):
    """Base of what a system around the PACS does to a message; the words name the system, never a patient."""


class ReceiverUnreachable(IntegrationError):
    """It does not answer, or not in its protocol; what was sent is sent again."""

    retryable = True
    exit_code = Exit.PEER_UNREACHABLE


class ReceiverRefused(IntegrationError):
    """It answered, and did not take the message.

    Parameters
    ----------
    lasting
        Whether the same message will be refused again.
    """

    def __init__(self, words: str, *, lasting: bool) -> None:
        super().__init__(words)
        self.lasting = lasting


class NothingToTell(IntegrationError):
    """A delivery has nothing that a message could be about."""


class LibraryMissing(IntegrationError):
    """A protocol is configured whose library is not installed; the message names the extra that brings it."""
