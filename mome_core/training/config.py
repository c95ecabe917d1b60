"""The numbers of a training run; they are saved with the weights that it makes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from mome_core.compute import Precision
from mome_core.estimator import Estimator, estimator_named
from mome_core.preprocessing.pad import FLIP_GROUP, FLIPS, Axes
from mome_core.training.calibrate import TARGET_SENSITIVITY, CalibrationPlan
from mome_core.training.errors import TrainingRefused


class Optimizer(StrEnum):
    """How a gradient becomes a step: ADAM adds the weight decay to the gradient (L2), ADAMW to the step."""

    ADAM = "adam"
    ADAMW = "adamw"


class Flips(StrEnum):
    """Which mirror images training draws from, each with the same probability."""

    PUBLISHED = "published"
    GROUP = "group"
    LEFT_RIGHT = "left_right"
    NONE = "none"

    @property
    def axes(self) -> tuple[Axes, ...]:
        """The spatial axes to mirror, one entry for each image: the published six lack the identity."""
        return {"published": FLIPS, "group": FLIP_GROUP, "left_right": ((), (0,)), "none": ((),)}[self.value]


class Parts(StrEnum):
    """What training changes: the paper's parts (all but the BEiT-3 backbone), everything, or the heads alone."""

    PUBLISHED = "published"
    EVERYTHING = "everything"
    HEADS = "heads"


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How a network is trained; the defaults are the published protocol for malignancy (paper, Methods).

    Parameters
    ----------
    epochs
        Malignancy 100; triple-negative and response 200, started from the malignancy model.
    batch_size, accumulation
        Cases of one forward pass, and passes of one optimizer step; the paper says a batch of 1, its code accumulates
        32. Passes left over at the end of an epoch join the next epoch's first step.
    learning_rate, final_learning_rate
        Cosine between the two, once an epoch.
    warm_up_epochs
        First epochs in which the rate rises in equal steps.
    gradient_clip
        Largest norm of a step's gradient; None leaves it.
    class_weighted
        Classes weigh inversely to their number of training cases (the paper: triple-negative, response).
    random_padding
        Each modality lies anywhere in its padding; False: in the centre.
    artefacts
        Probability that a modality of a training pass shows a bias field, ghosts, motion or noise (TorchIO).
    modality_dropout
        Probability that a modality is left out of a training pass; at least one stays.
    patch_loss
        Weight of the second answer that each modality's strongest patch gives (`patches`); 0, as published: none.
        Networks that start from nothing need it.
    patience
        Stop after that many epochs without a better validation AUROC; None: never.
    parts, precision, recompute
        What is trained, in which arithmetic, and whether activations are computed twice instead of kept.
    resnet_widths
        Channels of the stages of a ResNet (`--network resnet34-...`, fusions); empty: ResNet-34's 64, 128, 256, 512.
    checkpoint_every
        Passes between two saved states within an epoch; None: at the end of each epoch only.
    seed, threads
        Of initial values, order, augmentation; of the arithmetic on a CPU (None: as many as PyTorch likes). With both a
        run on the same machine gives the same weights.
    estimators
        Names of the estimators that the bundle is calibrated with, its default first: "published" is the paper's 54
        versions. A node may be set to any of them, and to no other.
    target_sensitivity
        That the operating points are to reach on new patients, with 97.5 % confidence.
    """

    epochs: int = 100
    batch_size: int = 1
    accumulation: int = 32
    optimizer: Optimizer = Optimizer.ADAM
    learning_rate: float = 1e-4
    final_learning_rate: float = 1e-6
    warm_up_epochs: int = 0
    weight_decay: float = 5e-4
    gradient_clip: float | None = None
    class_weighted: bool = False
    label_smoothing: float = 0.0
    random_padding: bool = True
    flips: Flips = Flips.PUBLISHED
    artefacts: float = 0.0
    modality_dropout: float = 0.0
    patch_loss: float = 0.0
    patience: int | None = None
    parts: Parts = Parts.PUBLISHED
    precision: Precision = Precision.FLOAT32
    recompute: bool = False
    resnet_widths: tuple[int, ...] = ()
    checkpoint_every: int | None = None
    seed: int = 1
    threads: int | None = None
    estimators: tuple[str, ...] = (Estimator().name,)
    target_sensitivity: float = TARGET_SENSITIVITY

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulation", "patience", "checkpoint_every", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if not 0 <= self.final_learning_rate <= self.learning_rate or not self.learning_rate > 0:
            raise ValueError(f"rates must fall: {self.learning_rate} to {self.final_learning_rate}")
        if not 0 <= self.warm_up_epochs < self.epochs:
            raise ValueError(f"{self.warm_up_epochs} epochs of warm-up leave none of {self.epochs}")
        for name in ("label_smoothing", "modality_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        if len(self.resnet_widths) > 4 or any(width < 1 for width in self.resnet_widths):
            raise ValueError(f"a ResNet-34 has up to four stages of at least one channel, got {self.resnet_widths}")
        if not 0 <= self.artefacts <= 1:
            raise ValueError(f"artefacts must be in [0, 1], got {self.artefacts}")
        _ = self.calibration

    @property
    def calibration(self) -> CalibrationPlan:
        """How the trained network is calibrated."""
        return CalibrationPlan(tuple(estimator_named(name) for name in self.estimators), self.target_sensitivity)

    def learning_rate_of(self, epoch: int) -> float:
        """Rate of an epoch, counted from 0: linear warm-up, then a cosine towards the final rate."""
        if epoch < self.warm_up_epochs:
            return self.learning_rate * (epoch + 1) / (self.warm_up_epochs + 1)
        progress = (epoch - self.warm_up_epochs) / (self.epochs - self.warm_up_epochs)
        return self.final_learning_rate + (self.learning_rate - self.final_learning_rate) * (
            0.5 * (1 + math.cos(math.pi * progress))
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values for the run's directory and the bundle's manifest."""
        return asdict(self)


FOLLOW_UP_TASK = TrainingConfig(epochs=200, class_weighted=True)
"""The paper's protocol for triple-negative and response, started from the malignancy model."""


def config_from_json(values: Mapping[str, Any]) -> TrainingConfig:
    """The config that a JSON object describes; TrainingRefused names what it does not know or cannot be."""
    known = {field.name for field in fields(TrainingConfig)}
    if unknown := sorted(set(values) - known):
        raise TrainingRefused(f"a training config has no '{unknown[0]}'; it knows {', '.join(sorted(known))}")
    enums = {"optimizer": Optimizer, "flips": Flips, "parts": Parts, "precision": Precision}
    try:
        plain: dict[str, Any] = {key: enums[key](value) if key in enums else value for key, value in values.items()}
        for name in {"estimators", "resnet_widths"} & plain.keys():
            plain[name] = tuple(plain[name])
        return TrainingConfig(**plain)
    except (TypeError, ValueError) as error:
        raise TrainingRefused(f"the training config is not valid: {error}") from error
