"""Who vouches for a bundle: who has signed it, whom the site trusts, and what lies under a signature."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from safetensors.torch import load, save

from mome_core.errors import CheckpointRefused
from mome_core.model.bundle_files import manifest_digest
from mome_core.model.checkpoint import load_checkpoint
from node.analysis import open_context
from node.errors import NodeError, NotReady, SettingsError
from node.model_settings import ModelSettings
from node.model_trust import BundleTrust, Vouching, is_encrypted, make_key, require_bundles, require_trusted, sign
from node.models import Registry, find_bundle, manifest_of, open_decisions
from node.promotion import begin_shadow, roll_back
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.decisions import Act


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The demo as somebody else's: a manifest that did not come with this program."""
    place = tmp_path / "theirs"
    shutil.copytree(find_bundle("demo"), place)
    seal(place, statement="Made elsewhere.")
    return place


def seal(bundle: Path, **changes: object) -> None:
    """Change a manifest and compute its digests anew, as anybody can."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    weights = (bundle / "model.safetensors").read_bytes()
    manifest |= changes | {"weights": manifest["weights"] | {"sha256": hashlib.sha256(weights).hexdigest()}}
    manifest["manifest_sha256"] = manifest_digest(manifest)
    (bundle / "manifest.json").write_text(json.dumps(manifest))


def trust(bundle: Path, **keys: str) -> BundleTrust:
    return BundleTrust.of(bundle, manifest_of(bundle).digest, keys)


def required(bundle: Path, **settings: object) -> BundleTrust:
    return require_trusted(bundle, manifest_of(bundle).digest, ModelSettings(**settings))  # type: ignore[arg-type]


def test_a_shipped_bundle_answers_under_any_folder(tmp_path: Path) -> None:
    shutil.copytree(find_bundle("demo"), tmp_path / "copy")
    assert required(find_bundle("demo")).vouching is required(tmp_path / "copy").vouching is Vouching.SHIPPED


def test_nobody_vouches_for_a_bundle_until_it_is_signed(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(NotReady, match=r"not signed.*mome-node model sign.*model\.allow_unsigned"):
        required(bundle)
    assert required(bundle, allow_unsigned=True).vouching is Vouching.UNSIGNED
    key = make_key(tmp_path / "site.pem")
    assert sign(bundle, tmp_path / "site.pem") == key
    assert str(required(bundle, trusted_keys={"our physicist": key})) == "signed by our physicist"


def test_a_strangers_signature_is_worse_than_none(bundle: Path, tmp_path: Path) -> None:
    make_key(tmp_path / "stranger.pem")
    sign(bundle, tmp_path / "stranger.pem")
    with pytest.raises(NotReady, match=r"signed by a key that model\.trusted_keys does not name"):
        required(bundle, trusted_keys={"us": make_key(tmp_path / "us.pem")}, allow_unsigned=True)


@pytest.mark.parametrize("part", ["manifest.json", "MODEL_CARD.md", "model.safetensors"])
def test_nothing_of_a_signed_bundle_can_be_changed(bundle: Path, tmp_path: Path, part: str) -> None:
    key = make_key(tmp_path / "site.pem")
    sign(bundle, tmp_path / "site.pem")
    if part == "model.safetensors":
        tensors = load((bundle / part).read_bytes())
        (bundle / part).write_bytes(
            save({name: -tensor if "head" in name else tensor for name, tensor in tensors.items()})
        )
    elif part == "MODEL_CARD.md":
        (bundle / part).write_text("Approved for clinical use.")
    seal(bundle, **({"statement": "Knows everything."} if part == "manifest.json" else {}))
    load_checkpoint(bundle)  # the digests fit again
    with pytest.raises(CheckpointRefused, match="changed after signing"):
        required(bundle, trusted_keys={"us": key}, allow_unsigned=True)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format": "mome-node model signature 1", "key": "AAAA", "signature": ""}']
)
def test_what_is_no_signature_is_said_to_be_none(bundle: Path, text: str) -> None:
    (bundle / "signature.json").write_text(text)
    with pytest.raises(CheckpointRefused, match="no signature of a model bundle"):
        trust(bundle)


def test_a_private_key_is_for_its_owner_and_is_never_replaced(tmp_path: Path) -> None:
    make_key(tmp_path / "site.pem")
    assert (tmp_path / "site.pem").stat().st_mode & 0o777 == 0o600
    with pytest.raises(NodeError, match="is not replaced"):
        make_key(tmp_path / "site.pem")


def test_keys_of_other_programs_sign_too_with_their_password(bundle: Path, tmp_path: Path) -> None:
    sealed = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open")
    )
    (tmp_path / "sealed.pem").write_bytes(sealed)
    assert is_encrypted(tmp_path / "sealed.pem")
    with pytest.raises(NodeError, match="password"):
        sign(bundle, tmp_path / "sealed.pem", "wrong")
    key = sign(bundle, tmp_path / "sealed.pem", "open")
    assert trust(bundle, us=key) == BundleTrust(Vouching.TRUSTED, "us")


def test_keys_that_do_not_sign_are_named(bundle: Path, tmp_path: Path) -> None:
    other = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "other.pem").write_bytes(other)
    (tmp_path / "text.pem").write_text("no key")
    with pytest.raises(NodeError, match="is not an Ed25519 key"):
        sign(bundle, tmp_path / "other.pem")
    with pytest.raises(NodeError, match="not a private key in PEM"):
        sign(bundle, tmp_path / "text.pem")
    with pytest.raises(NodeError, match="cannot be read"):
        sign(bundle, tmp_path / "none.pem")


def test_a_node_loads_no_bundle_that_nobody_vouches_for(bundle: Path, tmp_path: Path) -> None:
    settings = Settings(storage={"root": tmp_path / "root"}, model={"path": str(bundle)})
    with pytest.raises(NotReady, match="not signed"):
        open_context(settings, [bundle])
    with pytest.raises(SettingsError, match=r"model\.path: .* not signed"):
        require_bundles(settings)


def test_a_strangers_signature_on_a_kept_bundle_gives_way_to_ours(bundle: Path, tmp_path: Path) -> None:
    make_key(tmp_path / "stranger.pem")
    sign(bundle, tmp_path / "stranger.pem")
    registry = Registry(tmp_path / "root")
    digest = registry.add(bundle)
    key = make_key(tmp_path / "site.pem")
    sign(bundle, tmp_path / "site.pem")
    registry.add(bundle)
    assert trust(registry.bundle(digest), us=key).vouching is Vouching.TRUSTED


def test_a_shadow_that_nobody_vouches_for_is_not_kept(bundle: Path, tmp_path: Path) -> None:
    settings = Settings(storage={"root": tmp_path / "root"})
    Archive(settings.storage.root)
    with pytest.raises(NotReady, match="not signed"):
        begin_shadow(settings, str(bundle), by="anna", now=1.0)
    assert Registry(settings.storage.root).digests() == []


def test_the_way_back_leads_to_no_model_that_nobody_vouches_for(bundle: Path, tmp_path: Path) -> None:
    settings = Settings(storage={"root": tmp_path / "root"})
    Archive(settings.storage.root)
    registry, book = Registry(settings.storage.root), open_decisions(settings)
    old, new = registry.add(bundle), registry.add(find_bundle("demo"))
    book.decide(Act.PROMOTED, new, "anna", {"before": old}, 1.0)
    with pytest.raises(NotReady, match="not signed"):
        roll_back(settings, by="anna", now=2.0)


def test_a_bundle_that_is_kept_gets_its_signature_later(bundle: Path, tmp_path: Path) -> None:
    registry = Registry(tmp_path / "root")
    digest = registry.add(bundle)
    key = make_key(tmp_path / "site.pem")
    sign(bundle, tmp_path / "site.pem")
    assert registry.add(bundle) == digest
    assert trust(registry.bundle(digest), us=key).vouching is Vouching.TRUSTED
