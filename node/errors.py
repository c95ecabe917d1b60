"""What can go wrong in the node, each with the exit code that a script sees."""

from __future__ import annotations

from node.exits import Exit


class NodeError(Exception):
    """Base of every error of this package; `retryable` says whether trying the same again can help."""

    retryable = False
    exit_code = Exit.FAILURE


class SettingsError(NodeError):
    """The configuration is wrong; the message names file, key and rule, one line for each mistake."""

    exit_code = Exit.CONFIGURATION


class NotReady(NodeError):
    """The node lacks something that it needs to work: a model, a database, disk."""

    exit_code = Exit.NOT_READY
