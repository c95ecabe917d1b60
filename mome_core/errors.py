"""What can go wrong between a Case and a Result, in words for the person who reads it."""


class MomeError(Exception):
    """Base of every error of this package; `retryable` says whether trying the same again can help."""

    retryable = False


class StudyIneligible(MomeError):
    """The study cannot be analysed, and the message says why in words a radiologist understands.

    It never holds a patient's name, ID, birth date or accession number.
    """


class CheckpointRefused(MomeError):
    """A model bundle is damaged, tampered with, or not of the architecture it claims."""


class NumericsFault(MomeError):
    """A NaN, an infinity or an impossible value; the message names the place."""
