"""Time and memory of one training pass (forward, backward, optimizer), against a plain loop over the plain model.

    python -m benchmarks.training                  full size, both sides (minutes and 20 GiB on a CPU)
    python -m benchmarks.training --size small     the same in seconds, to see that it runs
    python -m benchmarks.training --device cuda --precision bfloat16 --recompute

Both sides train what the paper trains: tokenizers, positions, adapters, last norm and head. Every side runs in its own
process, so that peak memory is its own. Weights and volumes are random.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.baseline import plain
from benchmarks.baseline.layout import synthetic_state
from benchmarks.inference import SIZES, architecture_of, one_run, peak_gib
from mome_core.case import Modality
from mome_core.compute import Precision, autocast, best_device
from mome_core.model.build import build_network
from mome_core.training.config import Parts, TrainingConfig
from mome_core.training.optimizer import build_optimizer, select_parts

BACKBONE = ("self_attn", "ffn.", "final_layer_norm")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One side: seconds of one pass, the memory's peak, and how many parameters have a gradient after it."""

    side: str
    seconds: float
    cpu_seconds: float
    peak_gib: float
    parameters: int
    with_gradient: int


def main() -> None:
    """Measure every side asked for and print the table."""
    options = parser().parse_args()
    if options.worker:
        print(json.dumps(asdict(measure(options, options.worker))))
        return
    found = {side: in_own_process(options, side) for side in options.sides.split(",")}
    print("| side | s | CPU s | peak GiB | parameters | with gradient |\n|---|---|---|---|---|---|")
    for m in found.values():
        numbers = f"{m.seconds:.2f} | {m.cpu_seconds:.2f} | {m.peak_gib:.2f} | {m.parameters:,} | {m.with_gradient:,}"
        print(f"| {m.side} | {numbers} |")
    if len(found) == 2:
        ours, baseline = found["ours"], found["baseline"]
        print(f"passes per CPU second, ours to baseline: {baseline.cpu_seconds / ours.cpu_seconds:.2f}")


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--size", choices=SIZES, default="full")
    p.add_argument("--device", default=best_device())
    p.add_argument("--precision", choices=[each.value for each in Precision], default="float32", help="ours only")
    p.add_argument("--recompute", action="store_true", help="ours only: activations twice instead of kept")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--sides", default="ours,baseline")
    p.add_argument("--worker", help=argparse.SUPPRESS)
    return p


def in_own_process(options: argparse.Namespace, side: str) -> Measurement:
    """A measurement from a fresh interpreter."""
    command = [sys.executable, "-m", "benchmarks.training", "--worker", side]
    for name in ("size", "device", "precision", "threads"):
        command += [f"--{name}", str(getattr(options, name))]
    command += ["--recompute"] if options.recompute else []
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=Path(__file__).parents[1])
    return Measurement(**json.loads(done.stdout.splitlines()[-1]))


def measure(options: argparse.Namespace, side: str) -> Measurement:
    """The second pass: the first one also makes the optimizer's state."""
    torch.set_num_threads(options.threads)
    parameters, run = (ours if side == "ours" else baseline)(options)
    one_run(run, options.device)
    seconds, cpu_seconds = one_run(run, options.device)
    with_gradient = sum(p.numel() for p in parameters if p.grad is not None)
    total = sum(p.numel() for p in parameters)
    return Measurement(side, seconds, cpu_seconds, peak_gib(options.device), total, with_gradient)


def random_volumes(options: argparse.Namespace) -> dict[Modality, Tensor]:
    recipe, _ = SIZES[options.size]
    return {m: torch.randn(1, recipe.channels(m), *recipe.size(m)).to(options.device) for m in Modality}


def ours(options: argparse.Namespace) -> tuple[list[Tensor], Callable[[], None]]:
    """Parameters, and one pass as `mome_core.training.loop` makes it."""
    recipe, sizes = SIZES[options.size]
    network = build_network(architecture_of(sizes).for_recipe(recipe)).to(options.device)
    select_parts(network, Parts.PUBLISHED)
    network.train()
    network.recompute = options.recompute
    volumes = random_volumes(options)
    optimizer = build_optimizer((p for _, p in network.trainable_parameters()), TrainingConfig())
    device, precision = torch.device(options.device), Precision(options.precision)

    def run() -> None:
        optimizer.zero_grad()
        with autocast(device, precision):
            logits = next(iter(network(volumes).values()))
        loss_of(logits).backward()
        optimizer.step()

    return list(network.parameters()), run


def baseline(options: argparse.Namespace) -> tuple[list[Tensor], Callable[[], None]]:
    """The same over the plain model: three copies of the backbone, masked attention, nothing recomputed."""
    _, sizes = SIZES[options.size]
    state = {name: nn.Parameter(t.to(options.device)) for name, t in synthetic_state(sizes).items()}
    for name, parameter in state.items():
        parameter.requires_grad_(not is_backbone(name))
    volumes = {modality.lower(): volume for modality, volume in random_volumes(options).items()}
    trained: Iterable[nn.Parameter] = [parameter for parameter in state.values() if parameter.requires_grad]
    optimizer = build_optimizer(trained, TrainingConfig())

    def run() -> None:
        optimizer.zero_grad()
        loss_of(plain.forward(state, volumes, sizes.heads, sizes.sparse_layers)).backward()
        optimizer.step()

    return list(state.values()), run


def is_backbone(name: str) -> bool:
    """Whether a tensor of the authors' layout is frozen."""
    return ".layers." in name and any(part in name for part in BACKBONE) and "MLP_Adapter" not in name


def loss_of(logits: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits.float(), torch.ones(len(logits), dtype=torch.long, device=logits.device))


if __name__ == "__main__":
    main()
