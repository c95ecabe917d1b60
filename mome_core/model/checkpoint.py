"""A model bundle on disk: weights, the numbers to use them with, and their identity. Nothing in it is executed.

BUNDLE/model.safetensors   the tensors
BUNDLE/manifest.json       architecture, recipe, endpoints with operating points, identity, provenance
BUNDLE/MODEL_CARD.md       for people
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from mome_core.compute import device_of
from mome_core.errors import CheckpointRefused
from mome_core.model.architecture import Architecture, architecture_from_json
from mome_core.model.baselines import ResNetArchitecture, ResNetFusion, resnet_architecture_from_json
from mome_core.model.build import build_network
from mome_core.model.bundle_files import (
    CARD,
    FORMAT,
    MANIFEST,
    WEIGHTS,
    manifest_digest,
    read_manifest,
    read_weights,
    short_card,
    write_directory,
)
from mome_core.model.mome import Mome
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint, ModelIdentity

_AnyNetwork = TypeVar("_AnyNetwork", Mome, ResNetFusion)
MOME, RESNETS = "MOME", "ResNets"
_KNOWN_ANSWER_TOLERANCE = 1e-3  # of a logit: other processors and library versions round otherwise


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """How to read one endpoint's logits.

    Parameters
    ----------
    threshold
        A probability above it is positive (paper: 0.5).
    temperature
        Divides the logits before the softmax; 1 leaves the probability as trained (Guo et al. 2017).
    """

    threshold: float = 0.5
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.threshold <= 1.0:
            raise ValueError(f"a threshold lies in [0, 1], got {self.threshold}")
        if not 0.0 < self.temperature < float("inf"):
            raise ValueError(f"a temperature is a positive number, got {self.temperature}")


@dataclass(frozen=True, slots=True)
class Description:
    """What a bundle says of itself.

    Parameters
    ----------
    statement
        What the model knows and does not know, one sentence.
    provenance
        Where the values come from (source file, training run), plain values.
    card
        Text of MODEL_CARD.md; empty writes a short one from the rest.
    """

    name: str
    version: str
    statement: str
    provenance: Mapping[str, Any] = field(default_factory=dict)
    card: str = ""

    def __post_init__(self) -> None:
        if not (self.name and self.version and self.statement):
            raise ValueError("a model bundle needs a name, a version and a statement")


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A network ready to answer, with everything that belongs to its weights.

    Parameters
    ----------
    network
        In evaluation mode, frozen; float32.
    endpoints
        Operating point of each endpoint that the network answers.
    manifest
        The manifest as read.
    """

    network: Mome
    architecture: Architecture
    recipe: Recipe
    endpoints: Mapping[Endpoint, OperatingPoint]
    identity: ModelIdentity
    manifest: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class _BaselineCheckpoint:
    """A network that MOME is compared with, with everything that belongs to its weights."""

    network: ResNetFusion
    architecture: ResNetArchitecture
    recipe: Recipe
    endpoints: Mapping[Endpoint, OperatingPoint]
    identity: ModelIdentity
    manifest: Mapping[str, Any]


def save_checkpoint(
    bundle: Path,
    network: Mome | ResNetFusion,
    recipe: Recipe,
    description: Description,
    endpoints: Mapping[Endpoint, OperatingPoint] | None = None,
    *,
    half: bool = False,
) -> ModelIdentity:
    """Write a bundle, replacing the one that is there only when the new one is complete; returns its identity.

    Parameters
    ----------
    endpoints
        Missing ones get threshold 0.5, temperature 1.
    half
        Store float16 (half the size); the manifest says so, and loading gives float32 again.
    """
    network.architecture.require_fits(recipe)
    weights = safetensors.torch.save({name: _stored(tensor, half) for name, tensor in network.state_dict().items()})
    points = {head.endpoint: (endpoints or {}).get(head.endpoint, OperatingPoint()) for head in network.answers}
    about_weights = {
        "file": WEIGHTS,
        "sha256": hashlib.sha256(weights).hexdigest(),
        "dtype": "float16" if half else "float32",
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
    }
    manifest = _manifest_of(network, recipe, description, points, about_weights)
    files = {
        WEIGHTS: weights,
        MANIFEST: json.dumps(manifest, indent=2).encode(),
        CARD: (description.card or short_card(manifest)).encode(),
    }
    write_directory(bundle, files)
    return _identity_of(manifest)


def _manifest_of(
    network: Mome | ResNetFusion,
    recipe: Recipe,
    description: Description,
    points: Mapping[Endpoint, OperatingPoint],
    weights: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything that the manifest says, sealed with its own digest."""
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "family": MOME if isinstance(network, Mome) else RESNETS,
        "name": description.name,
        "version": description.version,
        "statement": description.statement,
        "architecture": network.architecture.to_json(),
        "recipe": recipe.to_json(),
        "endpoints": {endpoint.value: asdict(point) for endpoint, point in points.items()},
        "weights": dict(weights),
        "provenance": dict(description.provenance),
        "known_answer": known_answer(network),
    }
    manifest["manifest_sha256"] = manifest_digest(manifest)
    return manifest


@torch.no_grad()
def known_answer(network: Mome | ResNetFusion) -> dict[str, list[float]]:
    """Logits of each endpoint for noise that is the same everywhere; a network that answers otherwise is broken."""
    noise, device = np.random.default_rng(0), device_of(network)
    volumes = {
        modality: torch.from_numpy(noise.standard_normal((1, *shape), dtype=np.float32)).to(device)
        for modality, shape in network.volume_shapes.items()
    }
    training = network.training
    answers = network.eval()(volumes)
    network.train(training)
    return {endpoint.value: logits[0].tolist() for endpoint, logits in answers.items()}


def known_answer_repeats(checkpoint: Checkpoint) -> bool:
    """Whether the network still gives the known answer of its bundle, within the rounding of another machine."""
    expected, answered = checkpoint.manifest["known_answer"], known_answer(checkpoint.network)
    return answered.keys() == expected.keys() and all(
        np.allclose(answered[endpoint], expected[endpoint], rtol=_KNOWN_ANSWER_TOLERANCE, atol=_KNOWN_ANSWER_TOLERANCE)
        for endpoint in expected
    )


def load_checkpoint(bundle: Path, device: str | torch.device = "cpu") -> Checkpoint:
    """Read and verify a bundle of MOME; CheckpointRefused says what is damaged, missing, changed or does not fit."""
    manifest = read_manifest(bundle)
    if manifest["family"] != MOME:
        raise CheckpointRefused(f"{bundle} holds a baseline for comparison ({manifest['family']}), not MOME")
    architecture = architecture_from_json(manifest["architecture"])
    recipe, endpoints = _read_use(bundle, manifest, architecture)
    network = network_with(build_empty(architecture), read_weights(bundle, manifest)).to(device)
    return Checkpoint(network, architecture, recipe, endpoints, _identity_of(manifest), manifest)


def load_baseline(bundle: Path, device: str | torch.device = "cpu") -> _BaselineCheckpoint:
    """Read and verify a bundle of a baseline, as `load_checkpoint` does for MOME."""
    manifest = read_manifest(bundle)
    if manifest["family"] != RESNETS:
        raise CheckpointRefused(f"{bundle} does not hold a baseline but {manifest['family']}")
    architecture = resnet_architecture_from_json(manifest["architecture"])
    recipe, endpoints = _read_use(bundle, manifest, architecture)
    network = network_with(build_empty(architecture), read_weights(bundle, manifest)).to(device)
    return _BaselineCheckpoint(network, architecture, recipe, endpoints, _identity_of(manifest), manifest)


def load_either(bundle: Path, device: str | torch.device = "cpu") -> Checkpoint | _BaselineCheckpoint:
    """Read and verify a bundle of MOME or of a baseline, for comparing them."""
    baseline = read_manifest(bundle)["family"] == RESNETS
    return load_baseline(bundle, device) if baseline else load_checkpoint(bundle, device)


def _read_use(
    bundle: Path, manifest: Mapping[str, Any], architecture: Architecture | ResNetArchitecture
) -> tuple[Recipe, dict[Endpoint, OperatingPoint]]:
    """How the manifest says that the network is used: with which recipe, at which operating points."""
    try:
        recipe = Recipe.from_json(manifest["recipe"])
        endpoints = {Endpoint(name): OperatingPoint(**point) for name, point in manifest["endpoints"].items()}
        architecture.require_fits(recipe)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointRefused(f"{bundle / MANIFEST} does not describe a valid model: {error}") from error
    if set(endpoints) != {head.endpoint for head in architecture.answers}:
        raise CheckpointRefused(f"{bundle / MANIFEST}: the endpoints are not those that the architecture answers")
    return recipe, endpoints


@overload
def build_empty(architecture: Architecture) -> Mome: ...
@overload
def build_empty(architecture: ResNetArchitecture) -> ResNetFusion: ...
def build_empty(architecture: Architecture | ResNetArchitecture) -> Mome | ResNetFusion:
    """The network with shapes but without values, which would be drawn for nothing."""
    with torch.device("meta"):
        return build_network(architecture)


def network_with(empty: _AnyNetwork, weights: Mapping[str, Tensor]) -> _AnyNetwork:
    """The network, frozen, with exactly these tensors; CheckpointRefused names the first that does not fit."""
    expected = {name: tensor.shape for name, tensor in empty.state_dict().items()}
    for name in sorted(expected.keys() | weights.keys()):
        if name not in weights:
            raise CheckpointRefused(f"the weights lack {name}, which the architecture needs")
        if name not in expected:
            raise CheckpointRefused(f"the weights hold {name}, which the architecture does not have")
        if weights[name].shape != expected[name]:
            shapes = f"{tuple(weights[name].shape)}, the architecture needs {tuple(expected[name])}"
            raise CheckpointRefused(f"{name} is {shapes}")
        if not torch.isfinite(weights[name]).all():
            raise CheckpointRefused(f"{name} holds a value that is not a finite number")
    empty.to_empty(device="cpu").load_state_dict(weights)
    empty.freeze()
    return empty


def _identity_of(manifest: Mapping[str, Any]) -> ModelIdentity:
    """The identity that a manifest states."""
    sha256 = manifest["weights"]["sha256"]
    return ModelIdentity(manifest["name"], manifest["version"], sha256, manifest["statement"])


def _stored(tensor: Tensor, half: bool) -> Tensor:
    """The tensor as the file stores it: on the CPU, contiguous, float16 if asked."""
    plain = tensor.detach().cpu().contiguous()
    return plain.half() if half and plain.is_floating_point() else plain
