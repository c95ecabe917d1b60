"""`mome-node model ...`: bring published weights in, look at a bundle, verify it, and run it on arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from mome_core.case import Modality
from mome_core.inference import answer_arrays
from mome_core.model.bundle_files import read_manifest
from mome_core.model.checkpoint import Description, load_checkpoint, load_either, save_checkpoint
from mome_core.model.estimators import estimators_of
from mome_core.model.published import BEIT3_KIND, import_published
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint
from mome_core.training.calibration_card import calibration_card
from mome_core.training.exposure import ExposureRecord
from node.cli.options import Config
from node.model_trust import BundleTrust, is_encrypted, make_key
from node.model_trust import sign as sign_bundle
from node.settings import load_settings

_Bundle = Annotated[Path, typer.Argument(help="Directory of a model bundle.", show_default=False)]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def import_(
    file: Annotated[Path, typer.Argument(help="model.th, or BEiT-3 (.pth, .safetensors).", show_default=False)],
    *,
    out: Annotated[Path, typer.Option(help="Directory of the new bundle.", show_default=False)],
    sizes: Annotated[str, typer.Option(help="Volume sizes, e.g. dce=64x64x32,t2=64x64x16,dwi=64x32x16.")] = "",
    heads: Annotated[int | None, typer.Option(help="Attention heads.", show_default="width / 64")] = None,
    endpoint: Annotated[str, typer.Option(help="What the file's head answers.")] = "malignancy",
    name: Annotated[str, typer.Option(help="Name of the model.", show_default="the file's name")] = "",
    as_json: _AsJson = False,
) -> None:
    """Turn published weights into a bundle: a training checkpoint of the MOME authors, or BEiT-3.

    BEiT-3 is read in Microsoft's names, with or without the language branch, and in timm's
    (timm/beit3_base_patch16_224.*: model.safetensors).

    Every tensor of the file is used, or listed as ignored with the reason, or the file is refused by its name.

    Example: mome-node model import model.th --out models/mome
    """
    imported = import_published(file, _recipe_of(sizes), heads=heads, endpoint=Endpoint(endpoint))
    provenance: dict[str, object] = {"kind": imported.kind, "file": file.name, "file_sha256": imported.sha256}
    if imported.kind == BEIT3_KIND:  # it knows no patient; whom MOME's authors trained on, their file does not say
        provenance["exposure"] = ExposureRecord().to_json()
    description = Description(name or file.stem, imported.sha256[:12], imported.statement, provenance)
    identity = save_checkpoint(out, imported.network, imported.recipe, description)
    payload = {
        "bundle": str(out),
        "kind": imported.kind,
        "sha256": identity.sha256,
        "statement": identity.statement,
        "used": list(imported.used),
        "ignored": dict(imported.ignored),
    }
    if as_json:
        typer.echo(json.dumps(payload, indent=2))
        return
    typer.echo(f"{imported.kind} -> {out}  (SHA-256 {identity.sha256})")
    typer.echo(identity.statement)
    typer.echo(f"{len(imported.used)} tensors used")
    for reason in sorted(set(imported.ignored.values())):
        typer.echo(f"{list(imported.ignored.values()).count(reason)} ignored: {reason}")


def run(
    bundle: _Bundle,
    arrays: Annotated[Path, typer.Argument(help="NPZ file with any of dce, t2, dwi.", show_default=False)],
    as_json: _AsJson = False,
) -> None:
    """Print logits and probabilities of arrays that are padded already: (channels, axis 0, axis 1, slices).

    No augmentation and no preprocessing: the way to verify that an installation computes what another one does.

    Example: mome-node model run models/mome arrays.npz --json
    """
    checkpoint = load_checkpoint(bundle)
    answers = answer_arrays(checkpoint, _read_arrays(arrays))
    if as_json:
        endpoints = {a.endpoint.value: {"logits": list(a.logits), "probability": a.probability} for a in answers}
        typer.echo(json.dumps({"model": checkpoint.identity.sha256, "endpoints": endpoints}, indent=2))
        return
    typer.echo(f"{checkpoint.identity.name} {checkpoint.identity.version} - research use only")
    for a in answers:
        logits = "  ".join(f"{logit:.6g}" for logit in a.logits)
        typer.echo(f"{a.endpoint}: probability {a.probability:.6f}  (logits {logits})")


def show(bundle: _Bundle, as_json: _AsJson = False) -> None:
    """Show what a bundle says of itself: identity, calibrations, architecture, recipe, provenance.

    Example: mome-node model show models/mome
    """
    manifest = read_manifest(bundle)
    if as_json:
        typer.echo(json.dumps(manifest, indent=2))
        return
    for title in ("name", "version", "statement"):
        typer.echo(f"{title}: {manifest[title]}")
    for each in estimators_of(manifest):
        typer.echo(calibration_card(each))
    for title in ("weights", "architecture", "recipe", "provenance"):
        typer.echo(f"{title}:")
        for key, value in manifest[title].items():
            typer.echo(f"  {key}: {_exposure_words(value) if key == 'exposure' else json.dumps(value)}")


def _exposure_words(values: Mapping[str, Any]) -> str:
    """Whom a model was trained and chosen on, in numbers instead of digests."""
    sides = [
        f"digests of {len(each['training']['patients'])} names of patients trained on, "
        f"{len(each['validation']['patients'])} chosen on"
        for each in values["trainings"]
    ]
    return "; before that ".join(sides or ["no patient"]) + (
        "" if values["complete"] else "; what it began with is unknown"
    )


def verify(bundle: _Bundle, config: Config = None, as_json: _AsJson = False) -> None:
    """Read a whole bundle: its digests, architecture, every tensor and its signature; a damaged one is refused.

    Example: mome-node model verify models/mome
    """
    checkpoint = load_either(bundle)
    trust = BundleTrust.of(
        bundle, str(checkpoint.manifest["manifest_sha256"]), load_settings(config).model.trusted_keys
    )
    parameters = sum(parameter.numel() for parameter in checkpoint.network.parameters())
    sha256 = checkpoint.identity.sha256
    if as_json:
        found = {"bundle": str(bundle), "whole": True, "sha256": sha256, "parameters": parameters}
        typer.echo(json.dumps(found | {"vouching": trust.vouching, "signer": trust.signer}))
        return
    typer.echo(f"{bundle} is whole: {parameters:,} finite parameters, SHA-256 {sha256}; {trust}")


def key(out: Annotated[Path, typer.Argument(help="File of the new private key.", show_default=False)]) -> None:
    """Make a key pair to sign bundles with, and print the public key for model.trusted_keys.

    Example: mome-node model key site-key.pem
    """
    public = make_key(out)
    typer.echo(f"{out} is the private key: keep it where this node does not run, and a copy of it.")
    typer.echo("Nodes that let bundles answer which it has signed have in their settings:\n")
    typer.echo(f'[model.trusted_keys]\n{out.stem} = "{public}"')


def sign(
    bundle: _Bundle,
    key: Annotated[Path, typer.Option(help="Private key (PEM), see: mome-node model key.", show_default=False)],
) -> None:
    """Vouch for a bundle as it is now: nodes that trust the key let it answer.

    Example: mome-node model sign models/mome --key site-key.pem
    """
    load_either(bundle)  # nobody vouches for what cannot be read
    password = typer.prompt("Password of the key", hide_input=True) if is_encrypted(key) else None
    typer.echo(f"{bundle} is signed; the public key is {sign_bundle(bundle, key, password)}")


def _recipe_of(sizes: str) -> Recipe | None:
    """The paper's recipe on the sizes given; None for the paper's sizes."""
    if not sizes:
        return None
    given: dict[str, tuple[int, ...]] = {}
    for part in sizes.split(","):
        modality, _, size = part.partition("=")
        if modality not in ("dce", "t2", "dwi") or size.count("x") != 2 or not size.replace("x", "").isdigit():
            raise typer.BadParameter(f"cannot read '{part}'; write e.g. dce=64x64x32,t2=64x64x16,dwi=64x32x16")
        given[f"{modality}_size"] = tuple(int(n) for n in size.split("x"))
    return Recipe.from_json(given)


def _read_arrays(path: Path) -> dict[Modality, NDArray[Any]]:
    """Arrays by modality from an NPZ file; ValueError for a name that is not dce, t2 or dwi."""
    with np.load(path, allow_pickle=False) as file:
        if unknown := set(file) - {"dce", "t2", "dwi"}:
            raise ValueError(f"{path.name} holds '{min(unknown)}'; the arrays are called dce, t2, dwi")
        return {modality: file[modality.lower()] for modality in Modality if modality.lower() in file}
