"""The training loop: the published protocol, killed at any moment and resumed to the same weights.

Every random choice of a pass is drawn from (seed, epoch, pass), so that a pass repeated after a kill is the same pass.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mome_core.case import Modality
from mome_core.compute import autocast, device_of
from mome_core.errors import NumericsFault
from mome_core.model.architecture import Head
from mome_core.model.baselines import ResNetFusion
from mome_core.model.mome import Mome
from mome_core.model.network import Network
from mome_core.results import Endpoint
from mome_core.training.artefacts import artefacts
from mome_core.training.augment import augment, kept_modalities
from mome_core.training.config import TrainingConfig
from mome_core.training.dataset import Example
from mome_core.training.distributed import process_group
from mome_core.training.errors import TrainingRefused
from mome_core.training.loss import class_weights, endpoint_loss
from mome_core.training.metrics import auroc
from mome_core.training.optimizer import select_parts, trained_tensors
from mome_core.training.patches import PatchReader
from mome_core.training.predict import centred_log_odds, truth
from mome_core.training.questions import target_of, with_target
from mome_core.training.run_state import (
    EpochReport,
    RunProgress,
    begin_run,
    read_best,
    read_state,
    remove_unfinished,
    write_best,
    write_state,
)
from mome_core.training.task import Task

_Batch = tuple[Example, ...]
_Logits = dict[Endpoint, Tensor]


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a run ended with; the network holds the values of `best_epoch` and is frozen."""

    network: Mome | ResNetFusion
    best_epoch: int
    best_auroc: float
    history: tuple[EpochReport, ...]


def train(
    task: Task,
    run: Path,
    progress: Callable[[EpochReport], None] = lambda report: None,
    step: Callable[[int, int], None] = lambda done, planned: None,
) -> TrainingResult:
    """Train until the last epoch or until patience ends; continues what the run's directory holds.

    `step` gets the passes that are done and those of all epochs. Started by torchrun, the processes share the passes of
    every optimizer step; all get the same network. Raises TrainingRefused when the directory belongs to another
    training, NumericsFault when the loss is not finite.
    """
    training = _Training(task, run, step)
    while not training.finished():
        progress(training.run_epoch())
    return training.result()


class _Training:
    """A run in progress: the network, its optimizer, and how far it is."""

    def __init__(self, task: Task, run: Path, step: Callable[[int, int], None]) -> None:
        self.task, self.run, self.group, self.report_step = task, run, process_group(), step
        self.config, self.network = task.config, task.network
        if self.config.accumulation % self.group.world_size:
            raise TrainingRefused(
                f"{self.group.world_size} processes cannot share steps of {self.config.accumulation} passes evenly; "
                "set accumulation to a multiple"
            )
        if self.config.artefacts:
            artefacts()  # refuses now what would be missing at the first pass
        self.fingerprint = _fingerprint(task)
        select_parts(self.network, self.config.parts)
        if isinstance(self.network, Mome):
            self.network.recompute = self.config.recompute
        self.device = device_of(self.network)
        if self.config.threads is not None:
            torch.set_num_threads(self.config.threads)
        torch.manual_seed(self.config.seed)
        self.reader = None
        if self.config.patch_loss and isinstance(self.network, Mome):
            self.reader = PatchReader(self.network).to(self.device)
        self.tensors = trained_tensors(self.network, self.reader, self.config)
        self.class_weights, self.smoothing = _weigh_classes(task, self.device), self.config.label_smoothing
        self.progress = self.resumed()

    def resumed(self) -> RunProgress:
        """Continue the run that the directory holds, or begin one."""
        if self.group.is_main:
            remove_unfinished(self.run)
        progress = read_state(self.run, self.fingerprint, self.tensors, gradients=self.group.is_main)
        if progress is None and self.group.is_main:
            begin_run(self.run, _description(self.task))
        return progress or RunProgress()

    def finished(self) -> bool:
        """Whether there is nothing left to train."""
        return self.progress.finished(self.config)

    def run_epoch(self) -> EpochReport:
        """The rest of this epoch, its validation, and the saved state."""
        at = self.progress
        rate = self.config.learning_rate_of(at.epoch)
        for group in self.tensors.optimizer.param_groups:
            group["lr"] = rate
        batches = epoch_batches(self.task.training, self.config, at.epoch)
        self.network.train()
        while at.batch < len(batches):
            mine = at.batch + self.group.rank
            if mine < len(batches):
                self.learn(batches[mine], mine)
            at.batch += self.group.world_size
            at.passes += self.group.world_size
            if at.passes % self.config.accumulation == 0:
                self.step()
            self.report_step(at.epoch * len(batches) + min(at.batch, len(batches)), self.config.epochs * len(batches))
            if self.config.checkpoint_every and at.batch % self.config.checkpoint_every == 0:
                self.save()
        report = self.validate(rate)
        at.history.append(report)
        if report.best and self.group.is_main:
            write_best(self.run, self.tensors)
        at.end_epoch()
        self.save()
        return report

    def learn(self, batch: _Batch, number: int) -> None:
        """One pass forward and back; the number of the batch in its epoch decides what is drawn."""
        rng = np.random.default_rng((self.config.seed, self.progress.epoch, number))
        torch.manual_seed(int(rng.integers(2**62)))  # stochastic depth draws from torch's generator
        volumes = self.draw_volumes(batch, rng)
        with autocast(self.device, self.config.precision):
            logits, of_patches = self.answer(volumes)
        loss = self.loss_of(logits, batch)
        self.progress.add_loss(loss.item())
        for answer in of_patches:
            loss = loss + self.config.patch_loss * self.loss_of(answer, batch)
        if not torch.isfinite(loss):
            names = ", ".join(example.name for example in batch)
            raise NumericsFault(
                f"the loss of epoch {self.progress.epoch + 1}, pass {number + 1} ({names}) is not a finite number; "
                "lower the learning rate, or look at these cases"
            )
        (loss / self.config.accumulation).backward()  # type: ignore[no-untyped-call]

    def answer(self, volumes: dict[Modality, Tensor]) -> tuple[_Logits, list[_Logits]]:
        """The network's logits, and those of the patches of each modality if the config asks for them."""
        if self.reader is None or not isinstance(self.network, Mome):
            return self.network(volumes), []
        paths = self.network.draw_paths(len(next(iter(volumes.values()))))
        tokens = {m: self.network.modality_stage(m, volume, paths) for m, volume in volumes.items()}
        return self.network.joint_stage(tokens, paths=paths), self.reader(tokens)

    def loss_of(self, logits: _Logits, batch: _Batch) -> Tensor:
        """Loss of one answer to a batch."""
        return endpoint_loss(logits, [_targets(self.network, e) for e in batch], self.class_weights, self.smoothing)

    def draw_volumes(self, batch: _Batch, rng: np.random.Generator) -> dict[Modality, Tensor]:
        """Augmented volumes (B, C, X, Y, Z) of the modalities that this pass keeps."""
        present = tuple(m for m in batch[0].modalities if m in self.network.volume_shapes)
        kept = kept_modalities(present, self.config.modality_dropout, rng)
        chosen = [{m: a for m, a in example.arrays().items() if m in kept} for example in batch]
        versions = [augment(arrays, self.task.recipe, self.config, rng) for arrays in chosen]
        return {m: torch.from_numpy(np.stack([v[m] for v in versions])).to(self.device) for m in kept}

    def step(self) -> None:
        """Apply the gradients that have come together, in all processes."""
        parameters = self.tensors.parameters.values()
        self.group.all_reduce_gradients(parameters)
        if self.config.gradient_clip is not None:
            nn.utils.clip_grad_norm_(parameters, self.config.gradient_clip)
        self.tensors.optimizer.step()
        self.tensors.optimizer.zero_grad(set_to_none=True)

    def validate(self, rate: float) -> EpochReport:
        """How good the network is now on the validation cases, by one quick pass of each, to choose the epoch."""
        answers = centred_log_odds(self.network, self.task.validation, self.task.recipe)
        by_endpoint = {head.endpoint.value: self.ranking(head, answers[head.endpoint]) for head in self.network.answers}
        mean = float(np.mean(list(by_endpoint.values())))
        # a tie goes to the later epoch, as published
        best = all(mean >= earlier.mean_auroc for earlier in self.progress.history)
        total, count = self.group.all_reduce(self.progress.losses)
        return EpochReport(self.progress.epoch, rate, total / count, by_endpoint, mean, best)

    def ranking(self, head: Head, log_odds: NDArray[np.float64]) -> float:
        """AUROC of one endpoint on the validation cases that have its label."""
        known = with_target(head, self.task.validation)
        positive = truth(self.network, head.endpoint, [self.task.validation[n] for n in known])
        return auroc(positive, log_odds[known])

    def save(self) -> None:
        """Write where the run is; gradients that wait for a step, and losses, go to the main process, which writes."""
        self.group.all_reduce_gradients(self.tensors.parameters.values())
        self.progress.losses = self.group.all_reduce(self.progress.losses)
        if self.group.is_main:
            write_state(self.run, self.fingerprint, self.progress, self.tensors)
        else:
            self.tensors.optimizer.zero_grad(set_to_none=True)
            self.progress.losses = [0.0, 0.0]
        self.group.barrier()

    def result(self) -> TrainingResult:
        """The network with the values of its best epoch."""
        self.tensors.load_values(read_best(self.run))
        if isinstance(self.network, Mome):
            self.network.recompute = False
        self.network.freeze()
        history, best_epoch = tuple(self.progress.history), self.progress.best_epoch
        return TrainingResult(self.network, best_epoch, history[best_epoch].mean_auroc, history)


def _targets(network: Network, example: Example) -> dict[Endpoint, int]:
    """The class of each endpoint that a case says."""
    found = {head.endpoint: target_of(head, example) for head in network.answers}
    return {endpoint: target for endpoint, target in found.items() if target is not None}


def _weigh_classes(task: Task, device: torch.device) -> dict[Endpoint, Tensor]:
    """Weights of the classes of each endpoint; none unless the config asks."""
    if not task.config.class_weighted:
        return {}
    known = {
        head: [target for e in task.training if (target := target_of(head, e)) is not None]
        for head in task.network.answers
    }
    return {h.endpoint: class_weights(labels, h.classes).to(device) for h, labels in known.items()}


def epoch_batches(examples: Sequence[Example], config: TrainingConfig, epoch: int) -> list[_Batch]:
    """The epoch's cases in random order, in batches of cases that have the same modalities."""
    rng = np.random.default_rng((config.seed, epoch))
    alike: dict[tuple[Modality, ...], list[Example]] = {}
    for index in rng.permutation(len(examples)):
        alike.setdefault(examples[index].modalities, []).append(examples[index])
    size = config.batch_size
    batches = [tuple(group[n : n + size]) for group in alike.values() for n in range(0, len(group), size)]
    return [batches[n] for n in rng.permutation(len(batches))]


def _description(task: Task) -> dict[str, Any]:
    """Config, network, recipe and cases of a run, for people and for its fingerprint."""

    def listed(examples: Sequence[Example]) -> list[Any]:
        return [
            [e.name, e.path.stem, {endpoint.value: label for endpoint, label in e.labels.items()}, e.subtype]
            for e in examples
        ]

    return {
        "config": task.config.to_json(),
        "architecture": task.network.architecture.to_json(),
        "recipe": task.recipe.to_json(),
        "start_sha256": digest(task.network),
        "training": listed(task.training),
        "validation": listed(task.validation),
    }


def _fingerprint(task: Task) -> str:
    """Digest of everything that decides the weights of a run."""
    return hashlib.sha256(json.dumps(_description(task), sort_keys=True).encode()).hexdigest()


def digest(network: nn.Module) -> str:
    """SHA-256 over names and values of a network's tensors."""
    hasher = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        hasher.update(name.encode())
        hasher.update(value.detach().cpu().contiguous().numpy().tobytes())
    return hasher.hexdigest()
