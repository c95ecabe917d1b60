"""What stands for one patient outside the hospital: a name, other UIDs, earlier dates; without the key no way back."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydicom import config
from pydicom.uid import UID


@dataclass(frozen=True, slots=True)
class Mask:
    """What one patient becomes; one key, patient and UID always give one pseudonym.

    Parameters
    ----------
    patient
        The name that stands for the patient in the cohort.
    key
        Secret; without it nobody finds the way back.
    """

    patient: str
    key: bytes

    def uid(self, original: str) -> str:
        """The UID that stands for this one; those that PS3.6 lists stay."""
        if not original or UID(original, config.IGNORE).type:  # PS3.6 says what it is
            return original
        return f"2.25.{self.number(f'uid {original}', 16)}"

    @property
    def days(self) -> timedelta:
        """How far the patient's dates move back: one to eleven years."""
        return timedelta(days=365 + self.number(f"days {self.patient}", 8) % 3650)

    def number(self, words: str, size: int) -> int:
        """The number of so many bytes that stands for these words; without the key nobody finds it."""
        return int.from_bytes(hmac.new(self.key, words.encode(), hashlib.sha256).digest()[:size])

    def date(self, original: str) -> str:
        """A date (DA), moved; empty when it is none."""
        try:
            moved = datetime.strptime(original, "%Y%m%d") - self.days
        except (ValueError, OverflowError):
            return ""
        return f"{moved:%Y%m%d}"
