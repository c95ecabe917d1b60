"""Exit codes, the same for every command."""

from enum import IntEnum


class Exit(IntEnum):
    """What a script learns from `$?`."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    CONFIGURATION = 3
    PEER_UNREACHABLE = 4
    NOT_READY = 5
