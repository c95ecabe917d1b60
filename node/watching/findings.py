"""What was examined and how well it is: one record for the doctor and for alerts (the idea of django.core.checks)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FindingLevel(StrEnum):
    """How well it is. UNKNOWN: it could not be examined here."""

    OK = "ok"
    ADVICE = "advice"
    FAILED = "FAILED"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was examined, how well it is, and what to do about it.

    Parameters
    ----------
    id
        stable: a program may rely on it, whatever the message says
    name
        title of the line that shows it
    subject
        which destination, process or calling AE title; empty where there is only one
    """

    id: str
    name: str
    level: FindingLevel
    message: str
    hint: str = ""
    subject: str = ""
