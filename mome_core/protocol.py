"""What a breast MRI protocol consists of, and how much of it a study holds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ProtocolPart(StrEnum):
    """What the reader looks for in a study; without the first two there is no analysis."""

    PRE_CONTRAST = "PRE_CONTRAST"
    POST_CONTRAST = "POST_CONTRAST"
    T2 = "T2"
    DWI = "DWI"


class PartState(StrEnum):
    """How much of a part is there."""

    COMPLETE = "COMPLETE"
    INCOMPLETE = "INCOMPLETE"  # images are there, but slices are missing or they form no volume
    MISSING = "MISSING"
    UNKNOWN = "UNKNOWN"  # a volume is there, and nothing tells whether it is this part


@dataclass(frozen=True, slots=True)
class FoundVolume:
    """One volume as far as it is there.

    Parameters
    ----------
    series_number
        As the scanner counts; None where it does not.
    slices, expected
        How many slices it has, and how many the fullest volume of its measurement has.
    """

    series_number: int | None
    slices: int
    expected: int

    @property
    def is_complete(self) -> bool:
        """Whether no slice is missing."""
        return self.slices >= self.expected


@dataclass(frozen=True, slots=True)
class ProtocolItem:
    """One part of the protocol, and what the study holds of it; `why` is empty where the volumes say it all."""

    part: ProtocolPart
    state: PartState
    volumes: tuple[FoundVolume, ...] = ()
    why: str = ""
