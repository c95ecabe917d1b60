"""Who vouches for a model bundle: Ed25519 signatures (RFC 8032), and the keys that a site trusts.

BUNDLE/signature.json   a public key, and what it has signed: the digests of manifest (which names the weights) and card

Digests alone prove that a bundle is whole, not who made it: whoever changes weights can compute them anew.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from mome_core.errors import CheckpointRefused
from node.errors import NodeError, NotReady, SettingsError
from node.model_settings import ModelSettings
from node.models import CARD, SIGNATURE, find_bundle, manifest_of, shipped_digests
from node.secret_files import create_private
from node.settings import Settings

_FORMAT = "mome-node model signature 1"


class Vouching(StrEnum):
    """Why a bundle may answer, or why not."""

    SHIPPED = "shipped"
    TRUSTED = "trusted"
    STRANGER = "stranger"
    UNSIGNED = "unsigned"


@dataclass(frozen=True, slots=True)
class BundleTrust:
    """What is known of a bundle's maker.

    Parameters
    ----------
    signer
        Name of the trusted key, or the public key of a stranger; empty where nobody signed.
    """

    vouching: Vouching
    signer: str = ""

    @classmethod
    def of(cls, bundle: Path, digest: str, trusted_keys: Mapping[str, str]) -> Self:
        """Of a bundle's folder and the digest of its manifest as read; CheckpointRefused for another's signature."""
        key = _signing_key(bundle, digest)
        if not key:
            return cls(Vouching.SHIPPED if digest in shipped_digests() else Vouching.UNSIGNED)
        names = [name for name, each in trusted_keys.items() if each == key]
        return cls(Vouching.TRUSTED, names[0]) if names else cls(Vouching.STRANGER, key)

    def __str__(self) -> str:
        return {
            Vouching.SHIPPED: "shipped with this program",
            Vouching.TRUSTED: f"signed by {self.signer}",
            Vouching.STRANGER: f"signed by a key that model.trusted_keys does not name: {self.signer}",
            Vouching.UNSIGNED: "not signed",
        }[self.vouching]


def require_trusted(bundle: Path, digest: str, model: ModelSettings) -> BundleTrust:
    """Who vouches for the bundle with this digest; NotReady where that is nobody whom this site trusts.

    A bundle without signature may answer where the settings say so, one that a stranger signed never.
    """
    trust = BundleTrust.of(bundle, digest, model.trusted_keys)
    if trust.vouching is Vouching.STRANGER:
        raise NotReady(f"{bundle} is {trust}; if that is its maker's key, add it there")
    if trust.vouching is Vouching.UNSIGNED and not model.allow_unsigned:
        raise NotReady(
            f"{bundle} is not signed, so anybody may have made it: sign it (mome-node model sign), "
            "or set model.allow_unsigned = true"
        )
    return trust


def require_bundles(settings: Settings) -> None:
    """Raises SettingsError with the key of every bundle of the settings that is not there, or may not answer."""
    named = [("model.path", settings.model.path), *(("model.further", each) for each in settings.model.further)]
    for number, entity in enumerate(settings.ae_titles):
        named += [(f"ae_titles.{number}.models", each) for each in entity.models]
    mistakes = []
    for key, name in named:
        try:
            bundle = find_bundle(name)
            require_trusted(bundle, manifest_of(bundle).digest, settings.model)
        except (NotReady, CheckpointRefused) as error:
            mistakes.append(f"{key}: {error}")
    if mistakes:
        raise SettingsError("\n".join(mistakes))


def make_key(path: Path) -> str:
    """Make a key pair in a new file that only its owner may read (PEM, PKCS #8); gives the public key.

    Raises NodeError when there is a file.
    """
    key = Ed25519PrivateKey.generate()
    try:
        create_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    except FileExistsError:
        raise NodeError(f"{path} is there already; a key that signed bundles is not replaced") from None
    return _public_text(key.public_key())


def sign(bundle: Path, key_file: Path, password: str | None = None) -> str:
    """Sign a bundle as it is now; gives the public key. Raises NodeError for a file that holds no Ed25519 key."""
    key = _private_key(key_file, password)
    public = _public_text(key.public_key())
    signature = key.sign(_signed_text(bundle, manifest_of(bundle).digest))
    content = {"format": _FORMAT, "key": public, "signature": base64.b64encode(signature).decode()}
    (bundle / SIGNATURE).write_text(json.dumps(content, indent=2))
    return public


def is_encrypted(key_file: Path) -> bool:
    """Whether a password is needed to sign with this key."""
    try:
        return b"ENCRYPTED" in key_file.read_bytes()
    except OSError as error:
        raise NodeError(f"{key_file} cannot be read: {error.strerror}") from None


def _public_text(key: Ed25519PublicKey) -> str:
    """The key as settings and signatures name it: base64 of its SubjectPublicKeyInfo, as `openssl pkey -pubout`."""
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def _private_key(path: Path, password: str | None) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password.encode() if password else None)
    except OSError as error:
        raise NodeError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise NodeError(f"{path} is not a private key in PEM, or its password is another") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise NodeError(f"{path} is not an Ed25519 key; make one: mome-node model key {path.with_name('site-key.pem')}")
    return key


def _signing_key(bundle: Path, manifest_sha256: str) -> str:
    """The public key that signed the bundle; empty when none did, CheckpointRefused when the signature is another's."""
    path = bundle / SIGNATURE
    if not path.exists():
        return ""
    try:
        content = json.loads(path.read_bytes())
        text, signature = str(content["key"]), base64.b64decode(content["signature"], validate=True)
        key = load_der_public_key(base64.b64decode(text, validate=True))
        if content["format"] != _FORMAT or not isinstance(key, Ed25519PublicKey):
            raise ValueError(_FORMAT)
        key.verify(signature, _signed_text(bundle, manifest_sha256))
    except InvalidSignature:
        raise CheckpointRefused(f"{path} does not fit: manifest or model card were changed after signing") from None
    except (OSError, ValueError, KeyError, TypeError, UnsupportedAlgorithm):
        raise CheckpointRefused(f"{path} is no signature of a model bundle") from None
    return text


def _signed_text(bundle: Path, manifest_sha256: str) -> bytes:
    """What is signed: the digests of all that a bundle holds beside weights, and its manifest names those."""
    card = bundle / CARD
    card_sha256 = hashlib.sha256(card.read_bytes() if card.is_file() else b"").hexdigest()
    return f"{_FORMAT}\nmanifest {manifest_sha256}\ncard {card_sha256}\n".encode()
