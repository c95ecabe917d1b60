"""The files of a model bundle: verified by their digests when they are read, all or none when they are written.

BUNDLE/model.safetensors   the tensors
BUNDLE/manifest.json       architecture, recipe, estimators with their calibrations, identity, provenance
BUNDLE/MODEL_CARD.md       for people
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from mome_core.errors import CheckpointRefused

FORMAT = "mome-node model bundle 1"
WEIGHTS, MANIFEST, CARD = FILES = ("model.safetensors", "manifest.json", "MODEL_CARD.md")


def read_manifest(bundle: Path) -> dict[str, Any]:
    """The manifest, whole and unchanged since it was written."""
    path = bundle / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
    except OSError as error:
        raise CheckpointRefused(f"{bundle} is not a model bundle: cannot read {MANIFEST} ({error.strerror})") from error
    except ValueError as error:
        raise CheckpointRefused(f"{path} is not JSON: the bundle is damaged") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise CheckpointRefused(f"{path} does not start with format '{FORMAT}': made by another program or version")
    if manifest.get("manifest_sha256") != manifest_digest(manifest):
        raise CheckpointRefused(
            f"{path} was changed after it was written; export the model again instead of editing it"
        )
    return manifest


def read_weights(bundle: Path, manifest: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors as float32, read from the very bytes whose digest was verified."""
    path = bundle / WEIGHTS
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointRefused(f"{bundle} has no readable {WEIGHTS} ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != manifest["weights"]["sha256"]:
        raise CheckpointRefused(
            f"{path} is not the file that the manifest names: its SHA-256 differs (damaged, truncated or replaced)"
        )
    try:
        tensors = safetensors.torch.load(content)
    except SafetensorError as error:
        raise CheckpointRefused(f"{path} is not a safetensors file: {error}") from error
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of the manifest without this entry itself, keys sorted."""
    content = {key: value for key, value in manifest.items() if key != "manifest_sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def short_card(manifest: Mapping[str, Any]) -> str:
    """A model card from what the manifest knows."""
    estimators = "\n".join(f"- {each['augmentation']}, mean of {each['pooling']}" for each in manifest["estimators"])
    provenance = "\n".join(f"- {key}: {value}" for key, value in manifest["provenance"].items()) or "- not stated"
    return (
        f"# {manifest['name']} {manifest['version']}\n\nRESEARCH USE ONLY - not for clinical use.\n\n"
        f"{manifest['statement']}\n\n## Estimators\n\n{estimators}\n\n## Provenance\n\n{provenance}\n\n"
        f"## Weights\n\n{manifest['weights']['parameters']:,} parameters, {manifest['weights']['dtype']}, "
        f"SHA-256 `{manifest['weights']['sha256']}`.\n"
    )


def write_directory(directory: Path, files: Mapping[str, bytes]) -> None:
    """The files under this name, all or none: written beside it and renamed."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}-") as beside:
        fresh = Path(beside) / "new"
        fresh.mkdir()
        for name, content in files.items():
            (fresh / name).write_bytes(content)
        if directory.exists():
            shutil.move(directory, Path(beside) / "old")
        fresh.rename(directory)
