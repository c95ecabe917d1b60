"""Where a training run is, as files: killed at any moment it leaves its earlier state or this one.

RUN/training.json      config, recipe, cases and the digest of the values it started from
RUN/state.safetensors  where the run is: what is trained, its optimizer, gradients not yet applied
RUN/best.safetensors   what was trained, at the epoch with the best validation AUROC
RUN/history.jsonl      one line for each epoch
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from mome_core.training.config import TrainingConfig
from mome_core.training.errors import TrainingRefused
from mome_core.training.files import write_whole

STATE, BEST, HISTORY, TRAINING = "state.safetensors", "best.safetensors", "history.jsonl", "training.json"


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One epoch: its rate, its mean loss, and the validation AUROC of each endpoint and on average."""

    epoch: int
    learning_rate: float
    loss: float
    auroc: dict[str, float]
    mean_auroc: float
    best: bool


@dataclass(slots=True)
class RunProgress:
    """How far a run is.

    Parameters
    ----------
    epoch, batch, passes
        Counted from 0: the epoch, the next batch within it, and the passes since the run began.
    losses
        Sum and number of the losses of this epoch.
    history
        The epochs that are over.
    """

    epoch: int = 0
    batch: int = 0
    passes: int = 0
    losses: list[float] = field(default_factory=lambda: [0.0, 0.0])
    history: list[EpochReport] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        return max(report.epoch for report in self.history if report.best)

    def finished(self, config: TrainingConfig) -> bool:
        """Whether the last epoch is done, or the last rise of the validation AUROC is longer ago than patience allows.

        A tie makes the later epoch the best one, but it is no rise.
        """
        if self.epoch >= config.epochs:
            return True
        measured = [report.mean_auroc for report in self.history]
        waited = len(measured) - 1 - measured.index(max(measured)) if measured else 0
        return config.patience is not None and waited >= config.patience

    def add_loss(self, loss: float) -> None:
        """Count the loss of one pass."""
        self.losses = [self.losses[0] + loss, self.losses[1] + 1]

    def end_epoch(self) -> None:
        """Go on to the first batch of the next epoch."""
        self.epoch, self.batch, self.losses = self.epoch + 1, 0, [0.0, 0.0]


@dataclass(frozen=True, slots=True, eq=False)
class TrainedTensors:
    """What changes while a network is trained: parameters by name, running statistics, the optimizer's moments."""

    parameters: Mapping[str, nn.Parameter]
    buffers: Mapping[str, Tensor]
    optimizer: torch.optim.Optimizer

    def values(self) -> dict[str, Tensor]:
        """The tensors of the network that differ from the start."""
        return {**self.parameters, **self.buffers}

    def load_values(self, values: Mapping[str, Tensor]) -> None:
        """Copy these values into the network."""
        with torch.no_grad():
            for name, value in self.values().items():
                value.copy_(values[name])


def write_state(run: Path, fingerprint: str, progress: RunProgress, tensors: TrainedTensors) -> None:
    """Write where the run is, and its history."""
    optimizer = tensors.optimizer.state_dict()
    kept = {f"value {name}": value for name, value in tensors.values().items()}
    kept |= {f"gradient {name}": p.grad for name, p in tensors.parameters.items() if p.grad is not None}
    for number, moments in optimizer["state"].items():
        kept |= {f"optimizer {number} {name}": moment for name, moment in moments.items() if moment is not None}
    metadata = {
        "fingerprint": fingerprint,
        "position": [progress.epoch, progress.batch, progress.passes],
        "losses": progress.losses,
        "history": [asdict(report) for report in progress.history],
        "groups": optimizer["param_groups"],
    }
    write_whole(run / STATE, _packed(kept, {"progress": json.dumps(metadata)}))
    lines = "".join(json.dumps(asdict(report)) + "\n" for report in progress.history)
    write_whole(run / HISTORY, lines.encode())


def read_state(run: Path, fingerprint: str, tensors: TrainedTensors, *, gradients: bool) -> RunProgress | None:
    """Continue from the state of a run: give the tensors their values; None where there is no state yet.

    Raises TrainingRefused for the state of another training, and for a damaged one.

    Parameters
    ----------
    gradients
        Whether the gradients and losses that wait for a step are taken up too; one process only does.
    """
    path = run / STATE
    if not path.exists():
        return None
    device = next(iter(tensors.parameters.values())).device
    metadata, kept = _read_tensors(path, device)
    if metadata["fingerprint"] != fingerprint:
        raise TrainingRefused(
            f"{run} holds another training (other config, cases or start); name a new directory, or delete it"
        )
    moments: dict[int, dict[str, Tensor]] = {}
    listed = list(tensors.parameters.values())
    for name, tensor in kept["optimizer"].items():
        number, moment = name.split(" ")
        moments.setdefault(int(number), {})[moment] = _laid_out_as(listed[int(number)], tensor)
    tensors.optimizer.load_state_dict({"state": moments, "param_groups": metadata["groups"]})
    tensors.load_values(kept["value"])
    for name, gradient in kept["gradient"].items() if gradients else ():
        tensors.parameters[name].grad = _laid_out_as(tensors.parameters[name], gradient)
    history = [EpochReport(**report) for report in metadata["history"]]
    epoch, batch, passes = metadata["position"]
    return RunProgress(epoch, batch, passes, metadata["losses"] if gradients else [0.0, 0.0], history)


def begin_run(run: Path, description: Mapping[str, Any]) -> None:
    """Write the description of a new run, for people."""
    write_whole(run / TRAINING, json.dumps(description, indent=2).encode())


def remove_unfinished(run: Path) -> None:
    """Remove files that a killed process left half written."""
    for unfinished in run.glob("*.partial"):
        unfinished.unlink()


def write_best(run: Path, tensors: TrainedTensors) -> None:
    """Keep what was trained so far as the best."""
    write_whole(run / BEST, _packed(tensors.values()))


def read_best(run: Path) -> dict[str, Tensor]:
    """The values of the best epoch."""
    return safetensors.torch.load_file(run / BEST)


def _packed(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """Tensors of any device as the content of a safetensors file."""
    return safetensors.torch.save({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, metadata)


def _laid_out_as(parameter: Tensor, tensor: Tensor) -> Tensor:
    """A tensor of the parameter's shape with the parameter's strides; any other (a count of steps) as it is."""
    return torch.empty_like(parameter).copy_(tensor) if tensor.shape == parameter.shape else tensor


def _read_tensors(path: Path, device: torch.device) -> tuple[dict[str, Any], dict[str, dict[str, Tensor]]]:
    """The metadata of a state, and the tensors of its three kinds by name; TrainingRefused when it is damaged."""
    kept: dict[str, dict[str, Tensor]] = {"value": {}, "gradient": {}, "optimizer": {}}
    try:
        with safetensors.safe_open(path, "pt", device=str(device)) as file:
            for key in file.keys():  # noqa: SIM118 - it is no mapping
                kind, _, name = key.partition(" ")
                kept[kind][name] = file.get_tensor(key)
            return json.loads(file.metadata()["progress"]), kept
    except (safetensors.SafetensorError, OSError) as error:
        raise TrainingRefused(f"{path} is damaged ({error}); delete {path.parent} to begin anew") from error
