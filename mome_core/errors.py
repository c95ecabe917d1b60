"""What can go wrong between a Case and a Result, in words for the person who reads it."""

from __future__ import annotations

from enum import StrEnum


class MomeError(Exception):
    """Base of every error of this package; `retryable` says whether another attempt can help."""

    retryable = False


class Ineligibility(StrEnum):
    """Why a study cannot be analysed: the stable code beside the sentence, for counting and filtering."""

    NO_MR_IMAGE = "NO_MR_IMAGE"
    SEVERAL_STUDIES = "SEVERAL_STUDIES"
    SEVERAL_PATIENTS = "SEVERAL_PATIENTS"
    NO_DYNAMIC = "NO_DYNAMIC"
    NO_INPUT = "NO_INPUT"
    PHASE_ORDER_UNKNOWN = "PHASE_ORDER_UNKNOWN"
    PHASE_MISSING = "PHASE_MISSING"
    PRE_CONTRAST_MISSING = "PRE_CONTRAST_MISSING"
    PRE_CONTRAST_UNPROVEN = "PRE_CONTRAST_UNPROVEN"
    POST_CONTRAST_MISSING = "POST_CONTRAST_MISSING"
    NAME_CONTRADICTS_TAGS = "NAME_CONTRADICTS_TAGS"
    UNREADABLE = "UNREADABLE"
    NO_BREAST = "NO_BREAST"


class StudyIneligible(MomeError):
    """The study cannot be analysed; the message says why in words a radiologist understands, `code` for programs.

    It never holds a patient's name, ID, birth date or accession number.
    """

    def __init__(self, words: str, code: Ineligibility) -> None:
        super().__init__(words)
        self.code = code

    def __reduce__(self) -> tuple[type[StudyIneligible], tuple[str, Ineligibility]]:
        return type(self), (str(self), self.code)  # it comes back whole from a process of a pool


class CheckpointRefused(MomeError):
    """A model bundle is damaged, tampered with, or not of the architecture it claims."""


class NumericsFault(MomeError):
    """A NaN, an infinity or an impossible value; the message names the place."""
