"""The digest of who a study's patient is: patient ID with issuer, name, birth date and sex, each under the site's key.

64 characters: 4 of the key's fingerprint, and 15 of each part, zeros for one that is empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from dicom_io.encoding.patient import are_two

_FINGERPRINT, _PART = 4, 15
_EMPTY = "0" * _PART


class Likeness(StrEnum):
    """How two digests agree."""

    SAME = "SAME"
    LESS_SAID = "LESS_SAID"  # one patient, of whom one of the two says less
    ANOTHER = "ANOTHER"  # two patients, or nothing shows that they are one
    UNKNOWN = "UNKNOWN"  # made with two keys, or before digests had one


def patient_digest(fingerprint: str, parts: Sequence[str]) -> str:
    """From the digest of each part, "" for one that is empty."""
    return fingerprint[:_FINGERPRINT] + "".join(each[:_PART] or _EMPTY for each in parts)


def likeness(known: str, arrived: str) -> Likeness:
    """Whether both are of one patient."""
    if known == arrived:
        return Likeness.SAME
    if known[:_FINGERPRINT] != arrived[:_FINGERPRINT]:
        return Likeness.UNKNOWN
    return Likeness.ANOTHER if are_two(_parts(known), _parts(arrived)) else Likeness.LESS_SAID


def completed(known: str, arrived: str) -> str:
    """With the parts that it lacks and the other has; both of one patient."""
    parts = zip(_parts(known), _parts(arrived), strict=True)
    return patient_digest(known, [one or other for one, other in parts])


def has_no_id(digest: str) -> bool:
    """Whether the patient ID is empty."""
    return not _parts(digest)[0]


def begins_alike(digest: str) -> tuple[str, str]:
    """Between which two texts all digests lie that the same key made of the same patient ID with issuer."""
    begin = digest[: _FINGERPRINT + _PART]
    return begin, begin + "f" * (3 * _PART)


def party_of(digest: str, sender: str) -> str:
    """Equal for objects that are certainly of one patient: without a patient ID only those of one sender are."""
    return f"{digest} {sender}" if has_no_id(digest) else digest


def is_made_by(digest: str, fingerprint: str) -> bool:
    """Whether the key of this fingerprint made it."""
    return digest[:_FINGERPRINT] == fingerprint[:_FINGERPRINT]


def _parts(digest: str) -> list[str]:
    """The digest of each part, "" for one that is empty."""
    found = (digest[_FINGERPRINT + n * _PART : _FINGERPRINT + (n + 1) * _PART] for n in range(4))
    return ["" if each == _EMPTY else each for each in found]
