"""A model bundle on disk: weights, the numbers to use them with, and their identity. Nothing in it is executed.

BUNDLE/model.safetensors   the tensors
BUNDLE/manifest.json       architecture, recipe, estimators with their calibrations, identity, provenance
BUNDLE/MODEL_CARD.md       for people
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from mome_core.case import Modality
from mome_core.compute import device_of
from mome_core.errors import CheckpointRefused
from mome_core.estimator import Estimator
from mome_core.model.architecture import Architecture, architecture_from_json
from mome_core.model.baselines import ResNetArchitecture, ResNetFusion, resnet_architecture_from_json
from mome_core.model.build import AnyArchitecture, build_network
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
from mome_core.model.estimators import CalibratedEstimator, EndpointCalibrations, estimators_of, uncalibrated
from mome_core.model.mome import Mome
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint, ModelIdentity

_AnyNetwork = TypeVar("_AnyNetwork", bound=Mome | ResNetFusion)
MOME, RESNETS = "MOME", "ResNets"
_KNOWN_ANSWER_TOLERANCE = 1e-3  # of a logit: other processors and library versions round otherwise


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


class _Calibrated:
    """What is asked of the estimators of a bundle; the first one answers."""

    __slots__ = ()
    estimators: tuple[CalibratedEstimator, ...]
    identity: ModelIdentity

    @property
    def estimator(self) -> Estimator:
        """Which number this model's score is."""
        return self.estimators[0].estimator

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The questions that it answers."""
        return tuple(self.estimators[0].endpoints)

    def calibrations(self, endpoint: Endpoint) -> EndpointCalibrations:
        """How its answers to one endpoint are read."""
        return self.estimators[0].endpoints[endpoint]

    def calls(self, modalities: Iterable[Modality]) -> bool:
        """Whether some endpoint has an operating point for these modalities."""
        present = frozenset(modalities)
        return any(self.calibrations(endpoint).of(present).withheld is None for endpoint in self.endpoints)

    def answers(self, modalities: Iterable[Modality]) -> bool:
        """Whether a study of these modalities is answered: without DCE only where some endpoint may be called."""
        present = frozenset(modalities)
        return Modality.DCE in present or self.calls(present)

    def estimator_first(self, name: str) -> tuple[CalibratedEstimator, ...]:
        """The estimators with the named one first; ValueError when the bundle was not validated with it."""
        chosen = [each for each in self.estimators if each.estimator.name == name]
        if not chosen:
            offered = ", ".join(each.estimator.name for each in self.estimators)
            raise ValueError(
                f"{self.identity.name} was not validated with the estimator {name!r}; it was with: {offered}"
            )
        return (*chosen, *(each for each in self.estimators if each.estimator.name != name))


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint(_Calibrated):
    """A network ready to answer, with everything that belongs to its weights.

    Parameters
    ----------
    network
        In evaluation mode, frozen; float32.
    estimators
        Those it was validated with; the first one answers.
    manifest
        The manifest as read.
    """

    network: Mome
    architecture: Architecture
    recipe: Recipe
    estimators: tuple[CalibratedEstimator, ...]
    identity: ModelIdentity
    manifest: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class _BaselineCheckpoint(_Calibrated):
    """A network that MOME is compared with, with everything that belongs to its weights."""

    network: ResNetFusion
    architecture: ResNetArchitecture
    recipe: Recipe
    estimators: tuple[CalibratedEstimator, ...]
    identity: ModelIdentity
    manifest: Mapping[str, Any]


AnyCheckpoint = Checkpoint | _BaselineCheckpoint


@dataclass(frozen=True, slots=True, eq=False)
class ModelUse(_Calibrated):
    """How a bundle is used, without its network: enough to prepare cases, and to say which would have a score."""

    architecture: AnyArchitecture
    recipe: Recipe
    estimators: tuple[CalibratedEstimator, ...]
    identity: ModelIdentity
    manifest: Mapping[str, Any]


AnyModel = AnyCheckpoint | ModelUse


def save_checkpoint(
    bundle: Path,
    network: Mome | ResNetFusion,
    recipe: Recipe,
    description: Description,
    estimators: Sequence[CalibratedEstimator] = (),
    *,
    half: bool = False,
) -> ModelIdentity:
    """Write a bundle, replacing the one that is there only when the new one is complete; returns its identity.

    Parameters
    ----------
    estimators
        Those that the network was calibrated with, the default first; without any it shows scores and calls nothing.
    half
        Store float16 (half the size); the manifest says so, and loading gives float32 again.
    """
    network.architecture.require_fits(recipe)
    weights = safetensors.torch.save({name: _stored(tensor, half) for name, tensor in network.state_dict().items()})
    unknown = CalibratedEstimator(Estimator(), {head.endpoint: uncalibrated() for head in network.answers})
    about_weights = {
        "file": WEIGHTS,
        "sha256": hashlib.sha256(weights).hexdigest(),
        "dtype": "float16" if half else "float32",
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
    }
    manifest = _manifest_of(network, recipe, description, tuple(estimators) or (unknown,), about_weights)
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
    estimators: Sequence[CalibratedEstimator],
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
        "estimators": [each.to_json() for each in estimators],
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
    recipe, estimators = _read_use(bundle, manifest, architecture)
    network = network_with(build_empty(architecture), read_weights(bundle, manifest)).to(device)
    return Checkpoint(network, architecture, recipe, estimators, _identity_of(manifest), manifest)


def load_baseline(bundle: Path, device: str | torch.device = "cpu") -> _BaselineCheckpoint:
    """Read and verify a bundle of a baseline, as `load_checkpoint` does for MOME."""
    manifest = read_manifest(bundle)
    if manifest["family"] != RESNETS:
        raise CheckpointRefused(f"{bundle} does not hold a baseline but {manifest['family']}")
    architecture = resnet_architecture_from_json(manifest["architecture"])
    recipe, estimators = _read_use(bundle, manifest, architecture)
    network = network_with(build_empty(architecture), read_weights(bundle, manifest)).to(device)
    return _BaselineCheckpoint(network, architecture, recipe, estimators, _identity_of(manifest), manifest)


def read_use(bundle: Path) -> ModelUse:
    """How a bundle says that it is used; CheckpointRefused as `load_either`, but for the weights, which stay unread."""
    manifest = read_manifest(bundle)
    numbers = manifest["architecture"]
    baseline = manifest["family"] == RESNETS
    architecture = resnet_architecture_from_json(numbers) if baseline else architecture_from_json(numbers)
    recipe, estimators = _read_use(bundle, manifest, architecture)
    return ModelUse(architecture, recipe, estimators, _identity_of(manifest), manifest)


def load_either(bundle: Path, device: str | torch.device = "cpu") -> AnyCheckpoint:
    """Read and verify a bundle of MOME or of a baseline, for comparing them."""
    baseline = read_manifest(bundle)["family"] == RESNETS
    return load_baseline(bundle, device) if baseline else load_checkpoint(bundle, device)


def _read_use(
    bundle: Path, manifest: Mapping[str, Any], architecture: AnyArchitecture
) -> tuple[Recipe, tuple[CalibratedEstimator, ...]]:
    """How the manifest says that the network is used: with which recipe, by which estimators."""
    try:
        recipe = Recipe.from_json(manifest["recipe"])
        estimators = estimators_of(manifest)
        architecture.require_fits(recipe)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointRefused(f"{bundle / MANIFEST} does not describe a valid model: {error}") from error
    answered = {head.endpoint for head in architecture.answers}
    if not estimators or any(set(each.endpoints) != answered for each in estimators):
        raise CheckpointRefused(f"{bundle / MANIFEST}: the endpoints are not those that the architecture answers")
    return recipe, estimators


@overload
def build_empty(architecture: Architecture) -> Mome: ...
@overload
def build_empty(architecture: ResNetArchitecture) -> ResNetFusion: ...
def build_empty(architecture: AnyArchitecture) -> Mome | ResNetFusion:
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


def as_loaded(network: Mome | ResNetFusion, *, half: bool = False) -> Mome | ResNetFusion:
    """The network as its bundle will give it back, to the last bit: the one that is to be calibrated.

    A tensor that training has touched may lie differently in memory, which is enough for another rounding.
    """
    weights = {name: _stored(tensor, half) for name, tensor in network.state_dict().items()}
    plain = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    return network_with(build_empty(network.architecture), plain).to(device_of(network))


def _identity_of(manifest: Mapping[str, Any]) -> ModelIdentity:
    """The identity that a manifest states."""
    sha256 = manifest["weights"]["sha256"]
    return ModelIdentity(manifest["name"], manifest["version"], sha256, manifest["statement"])


def _stored(tensor: Tensor, half: bool) -> Tensor:
    """The tensor as the file stores it: on the CPU, contiguous, float16 if asked."""
    plain = tensor.detach().cpu().contiguous()
    return plain.half() if half and plain.is_floating_point() else plain
