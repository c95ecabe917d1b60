"""What is trained on what, refused before an hour is spent where it cannot be learned or measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mome_core.model.baselines import ResNetFusion
from mome_core.model.mome import Mome
from mome_core.model.network import Network
from mome_core.preprocessing.recipe import Recipe
from mome_core.training.config import TrainingConfig
from mome_core.training.dataset import Example
from mome_core.training.errors import TrainingRefused
from mome_core.training.folds import require_separate_patients
from mome_core.training.questions import target_of, with_target


@dataclass(frozen=True, slots=True)
class Task:
    """What is trained on what; each endpoint learns from, and is measured on, the cases that have its label."""

    network: Mome | ResNetFusion
    recipe: Recipe
    training: Sequence[Example]
    validation: Sequence[Example]
    config: TrainingConfig

    def __post_init__(self) -> None:
        self.network.architecture.require_fits(self.recipe)
        require_separate_patients({"training": self.training, "validation": self.validation})
        for split, examples in (("training", self.training), ("validation", self.validation)):
            _require_answers(self.network, split, examples)
            _require_usable(self.network, split, examples)
        _require_possible(self.network, self.config)


def _require_answers(network: Network, split: str, examples: Sequence[Example]) -> None:
    """Raise TrainingRefused when a head has no case of a class to learn, or of an answer to be measured by."""
    for head in network.answers:
        known = [examples[n] for n in with_target(head, examples)]
        positive = sum(example.labels[head.endpoint] for example in known)
        if not 0 < positive < len(known):
            raise TrainingRefused(
                f"the {split} cases have {positive} positive and {len(known) - positive} negative labels of "
                f"{head.endpoint}: both are needed"
            )
        classes = {target_of(head, example) for example in known}
        if split == "training" and (missing := sorted(set(range(head.classes)) - classes)):
            raise TrainingRefused(f"no training case is of class {missing[0]} of {head.endpoint}")


def _require_usable(network: Network, split: str, examples: Sequence[Example]) -> None:
    """Raise TrainingRefused naming a case that lacks what the network cannot do without."""
    for example in examples:
        if not network.architecture.usable(example.modalities):
            raise TrainingRefused(f"the network cannot answer {split} case {example.name}: it lacks a modality")


def _require_possible(network: Network, config: TrainingConfig) -> None:
    """Raise TrainingRefused for what only MOME's layers can do, and for leaving out what a network cannot miss."""
    if isinstance(network, Mome):
        return
    for name in ("patch_loss", "recompute"):
        if getattr(config, name):
            raise TrainingRefused(f"{name} is for MOME and its ablations; set it to 0")
    if config.modality_dropout and not all(
        network.architecture.usable([modality]) for modality in network.volume_shapes
    ):
        raise TrainingRefused("this network answers from all modalities at once only; set modality_dropout to 0")
