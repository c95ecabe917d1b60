"""The key under which patients are found and shown, so that what serves the search holds no text of a patient.

Whoever has these columns without the key learns neither names nor numbers, and cannot try them out. Two columns beside
them are not under it: see `node.storage.schema`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from enum import StrEnum
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dicom_io.encoding.patient import PatientIdentity
from node.patient_digest import patient_digest
from node.secret_files import kept_secret

_NONCE_BYTES = 12
SEARCH_KEY = "search.key"
"""Its file in the storage root, where the settings name no other."""


class TermKind(StrEnum):
    """What a word of a search may be."""

    NAME = "name"
    PATIENT_ID = "patient id"
    ACCESSION_NUMBER = "accession number"
    STUDY_DATE = "study date"
    SCANNER = "scanner"


class SearchKey:
    """Digests of what people search for (HMAC-SHA-256), and the seal (AES-256-GCM) of what lists show."""

    def __init__(self, secret: str) -> None:
        self._digests = _derived(secret, "terms")
        self._patients = _derived(secret, "patients")
        self._cipher = AESGCM(_derived(secret, "labels"))
        self.fingerprint = _derived(secret, "fingerprint").hex()[:12]

    @classmethod
    def open(cls, file: Path) -> Self:
        """The key of this file, which is made when it is missing; raises SettingsError when others may read it."""
        return cls(kept_secret(file))

    def digest(self, kind: TermKind, term: str) -> int:
        """What the ledger keeps of a term: 64 bits, as a signed integer."""
        whole = hmac.digest(self._digests, f"{kind}\0{term}".encode(), "sha256")
        return int.from_bytes(whole[:8], "big", signed=True)

    def patient(self, identity: PatientIdentity) -> str:
        """What the ledger keeps of who a study's patient is: a digest of each part, for node.patient_digest."""
        parts = identity.parts
        digests = (hmac.digest(self._patients, f"{n}\0{each}".encode(), "sha256") for n, each in enumerate(parts))
        return patient_digest(self.fingerprint, [(d.hex() if p else "") for d, p in zip(digests, parts, strict=True)])

    def seal(self, text: str) -> str:
        """The text for the ledger; twice the same text is not twice the same."""
        nonce = os.urandom(_NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, text.encode(), None)).decode("ascii")

    def unseal(self, sealed: str) -> str:
        """The text that was sealed; empty for one that another key sealed."""
        try:
            content = base64.b64decode(sealed, validate=True)
            return self._cipher.decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], None).decode()
        except (InvalidTag, ValueError, binascii.Error):
            return ""


def _derived(secret: str, purpose: str) -> bytes:
    """A key of its own for each purpose; the secret is random, so one round is enough (RFC 5869, expand)."""
    return hmac.digest(bytes.fromhex(secret), f"mome-node search: {purpose}".encode() + b"\1", hashlib.sha256)
