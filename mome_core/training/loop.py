"""The training loop: the published protocol, killed at any moment and resumed to the same weights.

Every random choice of a pass is drawn from (seed, epoch, pass), so that a pass repeated after a kill is the same pass.

RUN/training.json      config, recipe, cases and the digest of the values it started from
RUN/state.safetensors  where the run is: what is trained, its optimizer, gradients not yet applied
RUN/best.safetensors   what was trained, at the epoch with the best validation AUROC
RUN/history.jsonl      one line for each epoch
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from mome_core.case import Modality
from mome_core.compute import autocast, device_of
from mome_core.errors import NumericsFault
from mome_core.model.mome import Mome
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint
from mome_core.training.artefacts import artefacts
from mome_core.training.augment import augment, kept_modalities
from mome_core.training.config import Optimizer, Parts, TrainingConfig
from mome_core.training.dataset import Example, require_separate_patients
from mome_core.training.distributed import process_group
from mome_core.training.errors import TrainingRefused
from mome_core.training.files import write_whole
from mome_core.training.loss import class_weights, endpoint_loss
from mome_core.training.metrics import auroc
from mome_core.training.patches import PatchReader
from mome_core.training.predict import log_odds, truth

Batch = tuple[Example, ...]
Logits = dict[Endpoint, Tensor]
STATE = "state.safetensors"


@dataclass(frozen=True, slots=True)
class Task:
    """What is trained on what; every validation case has a label for each endpoint of the network."""

    network: Mome
    recipe: Recipe
    training: Sequence[Example]
    validation: Sequence[Example]
    config: TrainingConfig

    def __post_init__(self) -> None:
        self.network.architecture.require_fits(self.recipe)
        require_separate_patients({"training": self.training, "validation": self.validation})
        for split, examples in (("training", self.training), ("validation", self.validation)):
            require_both_answers(self.network, split, examples)


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One epoch: its rate, its mean loss, and the validation AUROC of each endpoint and on average."""

    epoch: int
    learning_rate: float
    loss: float
    auroc: dict[str, float]
    mean_auroc: float
    best: bool


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a run ended with; the network holds the values of `best_epoch` and is frozen."""

    network: Mome
    best_epoch: int
    best_auroc: float
    history: tuple[EpochReport, ...]


def train(task: Task, run: Path, progress: Callable[[EpochReport], None] = lambda report: None) -> TrainingResult:
    """Train until the last epoch or until patience ends; continues what the run's directory holds.

    Started by torchrun, the processes share the passes of every step; all get the same network.
    Raises TrainingRefused when the directory belongs to another training, NumericsFault when the loss is not finite.
    """
    training = Training(task, run)
    training.resume()
    while not training.finished():
        progress(training.run_epoch())
    return training.outcome()


class Training:
    """A run in progress: the network, its optimizer, and how far it is."""

    def __init__(self, task: Task, run: Path) -> None:
        self.task, self.run, self.group = task, run, process_group()
        self.config, self.network = task.config, task.network
        if self.config.accumulation % self.group.world_size:
            raise TrainingRefused(
                f"{self.group.world_size} processes cannot share steps of {self.config.accumulation} passes evenly; "
                "set accumulation to a multiple"
            )
        if self.config.artefacts:
            artefacts()  # refuses now what would be missing at the first pass
        self.fingerprint = fingerprint(task)
        select_parts(self.network, self.config.parts)
        self.network.recompute = self.config.recompute
        self.device = device_of(self.network)
        if self.config.threads is not None:
            torch.set_num_threads(self.config.threads)
        torch.manual_seed(self.config.seed)
        self.reader = PatchReader(self.network).to(self.device) if self.config.patch_loss else None
        self.trained = dict(self.network.trainable_parameters())
        if self.reader is not None:
            self.trained |= {f"reader.{name}": parameter for name, parameter in self.reader.named_parameters()}
        self.optimizer = build_optimizer(self.trained.values(), self.config)
        self.class_weights = self.weigh_classes()
        self.epoch = self.batch = self.passes = 0
        self.losses = [0.0, 0.0]  # sum and number of those of this epoch
        self.history: list[EpochReport] = []

    def weigh_classes(self) -> dict[Any, Tensor]:
        """Weights of the classes of each endpoint; none unless the config asks."""
        if not self.config.class_weighted:
            return {}
        known = {
            h: [e.labels[h.endpoint] for e in self.task.training if h.endpoint in e.labels]
            for h in self.network.answers
        }
        return {h.endpoint: class_weights(labels, h.classes).to(self.device) for h, labels in known.items()}

    def finished(self) -> bool:
        """Whether the last epoch is done, or the last rise of the validation AUROC is longer ago than patience allows.

        A tie makes the later epoch the best one, but it is no rise.
        """
        if self.epoch >= self.config.epochs:
            return True
        measured = [report.mean_auroc for report in self.history]
        waited = len(measured) - 1 - measured.index(max(measured)) if measured else 0
        return self.config.patience is not None and waited >= self.config.patience

    @property
    def best_epoch(self) -> int:
        return max(report.epoch for report in self.history if report.best)

    def run_epoch(self) -> EpochReport:
        """The rest of this epoch, its validation, and the saved state."""
        rate = self.config.learning_rate_of(self.epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        batches = epoch_batches(self.task.training, self.config, self.epoch)
        self.network.train()
        while self.batch < len(batches):
            mine = self.batch + self.group.rank
            if mine < len(batches):
                self.learn(batches[mine], mine)
            self.batch += self.group.world_size
            self.passes += self.group.world_size
            if self.passes % self.config.accumulation == 0:
                self.step()
            if self.config.checkpoint_every and self.batch % self.config.checkpoint_every == 0:
                self.save()
        report = self.validate(rate)
        self.history.append(report)
        if report.best:
            self.keep_best()
        self.epoch, self.batch, self.losses = self.epoch + 1, 0, [0.0, 0.0]
        self.save()
        return report

    def learn(self, batch: Batch, number: int) -> None:
        """One pass forward and back. number : of the batch in its epoch, which decides what is drawn."""
        rng = np.random.default_rng((self.config.seed, self.epoch, number))
        torch.manual_seed(int(rng.integers(2**62)))  # stochastic depth draws from torch's generator
        volumes = self.draw_volumes(batch, rng)
        with autocast(self.device, self.config.precision):
            logits, of_patches = self.answer(volumes)
        loss = self.loss_of(logits, batch)
        self.losses = [self.losses[0] + loss.item(), self.losses[1] + 1]
        for answer in of_patches:
            loss = loss + self.config.patch_loss * self.loss_of(answer, batch)
        if not torch.isfinite(loss):
            names = ", ".join(example.name for example in batch)
            raise NumericsFault(
                f"the loss of epoch {self.epoch + 1}, pass {number + 1} ({names}) is not a finite number; "
                "lower the learning rate, or look at these cases"
            )
        (loss / self.config.accumulation).backward()  # type: ignore[no-untyped-call]

    def answer(self, volumes: dict[Modality, Tensor]) -> tuple[Logits, list[Logits]]:
        """The network's logits, and those of the patches of each modality if the config asks for them."""
        if self.reader is None:
            return self.network(volumes), []
        paths = self.network.draw_paths(len(next(iter(volumes.values()))))
        tokens = {m: self.network.modality_stage(m, volume, paths) for m, volume in volumes.items()}
        return self.network.joint_stage(tokens, paths=paths), self.reader(tokens)

    def loss_of(self, logits: Logits, batch: Batch) -> Tensor:
        """Loss of one answer to a batch."""
        labels = [example.labels for example in batch]
        return endpoint_loss(logits, labels, self.class_weights, self.config.label_smoothing)

    def draw_volumes(self, batch: Batch, rng: np.random.Generator) -> dict[Modality, Tensor]:
        """Augmented volumes (B, C, X, Y, Z) of the modalities that this pass keeps."""
        kept = kept_modalities(batch[0].modalities, self.config.modality_dropout, rng)
        chosen = [{m: a for m, a in example.arrays().items() if m in kept} for example in batch]
        versions = [augment(arrays, self.task.recipe, self.config, rng) for arrays in chosen]
        return {m: torch.from_numpy(np.stack([v[m] for v in versions])).to(self.device) for m in kept}

    def step(self) -> None:
        """Apply the gradients that have come together, in all processes."""
        self.group.all_reduce_gradients(self.trained.values())
        if self.config.gradient_clip is not None:
            nn.utils.clip_grad_norm_(self.trained.values(), self.config.gradient_clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def validate(self, rate: float) -> EpochReport:
        """How good the network is now on the validation cases."""
        answers = log_odds(self.network, self.task.validation, self.task.recipe)
        by_endpoint = {
            endpoint.value: auroc(truth(self.network, endpoint, self.task.validation), values)
            for endpoint, values in answers.items()
        }
        mean = float(np.mean(list(by_endpoint.values())))
        best = all(
            mean >= earlier.mean_auroc for earlier in self.history
        )  # a tie goes to the later epoch, as published
        total, count = self.group.all_reduce(self.losses)
        return EpochReport(self.epoch, rate, total / count, by_endpoint, mean, best)

    def keep_best(self) -> None:
        """Keep what was trained so far as the best."""
        if not self.group.is_main:
            return
        write_whole(self.run / "best.safetensors", packed(self.changing()))

    def changing(self) -> dict[str, Tensor]:
        """The tensors that differ from the start: what is trained, and running statistics."""
        return {**self.trained, **dict(self.network.named_buffers())}

    def save(self) -> None:
        """Write where the run is; a kill at any moment leaves the earlier state or this one.

        Gradients that wait for a step, and losses, go to the leader, who writes.
        """
        self.group.all_reduce_gradients(self.trained.values())
        self.losses = self.group.all_reduce(self.losses)
        if self.group.is_main:
            self.write()
        else:
            self.optimizer.zero_grad(set_to_none=True)
            self.losses = [0.0, 0.0]
        self.group.barrier()

    def write(self) -> None:
        """The state as files."""
        optimizer = self.optimizer.state_dict()
        tensors = {f"value {name}": value for name, value in self.changing().items()}
        tensors |= {f"gradient {name}": p.grad for name, p in self.trained.items() if p.grad is not None}
        for number, moments in optimizer["state"].items():
            tensors |= {f"optimizer {number} {name}": moment for name, moment in moments.items() if moment is not None}
        progress = {
            "fingerprint": self.fingerprint,
            "position": [self.epoch, self.batch, self.passes],
            "losses": self.losses,
            "history": [asdict(report) for report in self.history],
            "groups": optimizer["param_groups"],
        }
        write_whole(self.run / STATE, packed(tensors, {"progress": json.dumps(progress)}))
        lines = "".join(json.dumps(asdict(report)) + "\n" for report in self.history)
        write_whole(self.run / "history.jsonl", lines.encode())

    def resume(self) -> None:
        """Continue the run that the directory holds, or begin one."""
        path = self.run / STATE
        for torn in self.run.glob("*.partial") if self.group.is_main else ():
            torn.unlink()
        if not path.exists():
            if self.group.is_main:
                write_whole(self.run / "training.json", json.dumps(description(self.task), indent=2).encode())
            return
        progress, kept = read_state(path, self.device)
        if progress["fingerprint"] != self.fingerprint:
            raise TrainingRefused(
                f"{self.run} holds another training (other config, cases or start); name a new directory, or delete it"
            )
        self.epoch, self.batch, self.passes = progress["position"]
        self.losses = progress["losses"] if self.group.is_main else [0.0, 0.0]
        self.history = [EpochReport(**report) for report in progress["history"]]
        moments: dict[int, dict[str, Tensor]] = {}
        trained = list(self.trained.values())
        for name, tensor in kept["optimizer"].items():
            number, moment = name.split(" ")
            moments.setdefault(int(number), {})[moment] = laid_out_as(trained[int(number)], tensor)
        self.optimizer.load_state_dict({"state": moments, "param_groups": progress["groups"]})
        with torch.no_grad():
            for name, value in self.changing().items():
                value.copy_(kept["value"][name])
        for name, gradient in kept["gradient"].items() if self.group.is_main else ():
            self.trained[name].grad = laid_out_as(self.trained[name], gradient)

    def outcome(self) -> TrainingResult:
        """The network with the values of its best epoch."""
        best = safetensors.torch.load_file(self.run / "best.safetensors")
        with torch.no_grad():
            for name, value in self.changing().items():
                value.copy_(best[name])
        self.network.recompute = False
        self.network.freeze()
        history = tuple(self.history)
        return TrainingResult(self.network, self.best_epoch, history[self.best_epoch].mean_auroc, history)


def epoch_batches(examples: Sequence[Example], config: TrainingConfig, epoch: int) -> list[Batch]:
    """The epoch's cases in random order, in batches of cases that have the same modalities."""
    rng = np.random.default_rng((config.seed, epoch))
    alike: dict[tuple[Modality, ...], list[Example]] = {}
    for index in rng.permutation(len(examples)):
        alike.setdefault(examples[index].modalities, []).append(examples[index])
    size = config.batch_size
    batches = [tuple(group[n : n + size]) for group in alike.values() for n in range(0, len(group), size)]
    return [batches[n] for n in rng.permutation(len(batches))]


def select_parts(network: Mome, parts: Parts) -> None:
    """Give a gradient to what is trained, and to nothing else."""
    if parts is Parts.PUBLISHED:
        network.train_published_parts()
    elif parts is Parts.EVERYTHING:
        network.train_everything()
    else:
        network.requires_grad_(False)
        network.norm.requires_grad_(True)
        network.heads.requires_grad_(True)


def build_optimizer(parameters: Iterable[nn.Parameter], config: TrainingConfig) -> torch.optim.Optimizer:
    """The optimizer of what is trained, and of nothing else."""
    kind = torch.optim.Adam if config.optimizer is Optimizer.ADAM else torch.optim.AdamW
    return kind(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)


def require_both_answers(network: Mome, split: str, examples: Sequence[Example]) -> None:
    """Raise TrainingRefused when an endpoint has no label, or one answer only, in a split."""
    for head in network.answers:
        known = [e.labels[head.endpoint] == head.positive_class for e in examples if head.endpoint in e.labels]
        if split == "validation" and len(known) < len(examples):
            raise TrainingRefused(f"{len(examples) - len(known)} validation case(s) have no label of {head.endpoint}")
        if all(known) or not any(known):
            raise TrainingRefused(
                f"the {split} cases have {sum(known)} positive and {len(known) - sum(known)} negative labels of "
                f"{head.endpoint}: both are needed"
            )


def description(task: Task) -> dict[str, Any]:
    """What the run is, for people and for its fingerprint."""

    def listed(examples: Sequence[Example]) -> list[Any]:
        return [
            [e.name, e.path.stem, {endpoint.value: label for endpoint, label in e.labels.items()}] for e in examples
        ]

    return {
        "config": task.config.to_json(),
        "architecture": task.network.architecture.to_json(),
        "recipe": task.recipe.to_json(),
        "start_sha256": digest(task.network),
        "training": listed(task.training),
        "validation": listed(task.validation),
    }


def fingerprint(task: Task) -> str:
    """Digest of everything that decides the weights of a run."""
    return hashlib.sha256(json.dumps(description(task), sort_keys=True).encode()).hexdigest()


def digest(network: nn.Module) -> str:
    """SHA-256 over names and values of a network's tensors."""
    hasher = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        hasher.update(name.encode())
        hasher.update(value.detach().cpu().contiguous().numpy().tobytes())
    return hasher.hexdigest()


def packed(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """Tensors of any device as the content of a safetensors file."""
    return safetensors.torch.save({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, metadata)


def laid_out_as(parameter: Tensor, tensor: Tensor) -> Tensor:
    """A tensor of the parameter's shape with the parameter's strides; any other (a count of steps) as it is."""
    return torch.empty_like(parameter).copy_(tensor) if tensor.shape == parameter.shape else tensor


def read_state(path: Path, device: torch.device) -> tuple[dict[str, Any], dict[str, dict[str, Tensor]]]:
    """Progress of a run, and the tensors of its three kinds by name; TrainingRefused when the file is damaged."""
    kept: dict[str, dict[str, Tensor]] = {"value": {}, "gradient": {}, "optimizer": {}}
    try:
        with safetensors.safe_open(path, "pt", device=str(device)) as file:
            for key in file.keys():  # noqa: SIM118 - it is no mapping
                kind, _, name = key.partition(" ")
                kept[kind][name] = file.get_tensor(key)
            return json.loads(file.metadata()["progress"]), kept
    except (safetensors.SafetensorError, OSError) as error:
        raise TrainingRefused(f"{path} is damaged ({error}); delete {path.parent} to begin anew") from error
