"""What can go wrong in the node, each with the exit code that a script sees."""

from __future__ import annotations

from node.exit_codes import Exit


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


_OURS = ("node", "dicom_io", "mome_core", "sr_templates")


def words_of(error: BaseException) -> str:
    """What may be said of an error in logs, ledger and PACS: our own messages, of any other only its kind.

    A library's message may repeat the value that it stumbled over, and that may be a patient's name.
    """
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if type(error).__module__.split(".")[0] in _OURS:
        return str(error)
    return type(error).__name__
