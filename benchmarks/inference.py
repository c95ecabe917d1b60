"""Time, memory and arithmetic rate of MOME's inference, against the published maths written plainly.

    python -m benchmarks.inference                        all jobs at full size, both sides (hours and 20 GiB on a CPU)
    python -m benchmarks.inference --size small           the same in a minute, to see that it runs
    python -m benchmarks.inference --jobs forward,shapley --repeat 3 --json forward.json
    python -m benchmarks.inference --device cuda --precision bfloat16

Every measurement runs in its own process, so that peak memory is that job's alone: resident set on a CPU, allocated
memory on a GPU. Times are the median over the repetitions after one warm-up where a job takes less than a minute;
CPU seconds are the figure to trust on a shared machine. Weights and volumes are random; tests show that both sides
answer the same (tests/mome_core/model/test_published.py).
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from benchmarks.baseline import plain
from benchmarks.baseline.layout import Sizes, synthetic_state
from mome_core.calibration import COALITIONS
from mome_core.case import Modality
from mome_core.compute import Arithmetic, Precision, autocast, best_device
from mome_core.estimator import Augmentation, Estimator
from mome_core.explain.quadrature import AttributionLimits
from mome_core.explain.saliency import attribute
from mome_core.model.architecture import BASE, Architecture
from mome_core.model.build import build_network
from mome_core.model.mome import Mome
from mome_core.preprocessing.recipe import Recipe
from mome_core.results import Endpoint
from mome_core.scoring import answer_versions

ENDPOINT = Endpoint.MALIGNANCY
Shape = tuple[int, ...]
JOBS = ("forward", "tta", "shapley", "ig_step", "study")
CENTRED = Estimator(Augmentation.NONE)
STUDY_STEPS = 16  # gradients of the study's saliency, the same on both sides
WARM_BELOW_S = 60.0

FULL = (Recipe(), Sizes())
SMALL = (
    Recipe(dce_size=(96, 64, 32), dwi_size=(64, 32, 16), t2_size=(96, 64, 16)),
    replace(Sizes(), width=192, heads=3, ffn_width=768, adapter_width=48, experts=16, tokens=(48, 8, 24)),
)
SIZES = {"full": FULL, "small": SMALL}


@dataclass(frozen=True, slots=True)
class Measurement:
    """One job on one side.

    Parameters
    ----------
    seconds, cpu_seconds
        Medians.
    peak_gib
        Of the process, or allocated on the GPU.
    gflop
        What PyTorch's counter sees in this side's own operations; None where it does not fit or is not counted.
    """

    side: str
    job: str
    seconds: float
    cpu_seconds: float
    peak_gib: float
    gflop: float | None

    @property
    def gflop_per_s(self) -> float | None:
        return None if self.gflop is None else self.gflop / self.seconds


def main() -> None:
    """Measure every job asked for, print the table, write the JSON."""
    options = parser().parse_args()
    if options.worker:
        print(json.dumps(asdict(measure(options, *options.worker.split(":")))))
        return
    measurements = []
    for job in options.jobs.split(","):
        for side in options.sides.split(","):
            print(f"{side} {job} ...", file=sys.stderr, flush=True)
            measurements.append(in_own_process(options, side, job))
    report = {"machine": machine(options), "measurements": [asdict(m) for m in measurements]}
    print(table(measurements, report["machine"]))
    if options.json:
        options.json.write_text(json.dumps(report, indent=2))


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description="Time and memory of MOME's inference against a plain baseline.")
    p.add_argument("--size", choices=SIZES, default="full")
    p.add_argument("--device", default=best_device())
    p.add_argument("--precision", choices=[each.value for each in Precision], default="float32", help="ours only")
    p.add_argument("--threads", type=int, default=2, help="CPU threads")
    p.add_argument("--repeat", type=int, default=1)
    p.add_argument("--jobs", default=",".join(JOBS))
    p.add_argument("--sides", default="ours,baseline")
    p.add_argument("--json", type=Path, help="write the report here")
    p.add_argument("--worker", help=argparse.SUPPRESS)
    return p


def in_own_process(options: argparse.Namespace, side: str, job: str) -> Measurement:
    """A measurement from a fresh interpreter."""
    command = [sys.executable, "-m", "benchmarks.inference", "--worker", f"{side}:{job}"]
    for name in ("size", "device", "precision", "threads", "repeat"):
        command += [f"--{name}", str(getattr(options, name))]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=Path(__file__).parents[1])
    return Measurement(**json.loads(done.stdout.splitlines()[-1]))


def measure(options: argparse.Namespace, side: str, job: str) -> Measurement:
    """Time and memory first; arithmetic is counted afterwards, in a pass of its own."""
    torch.set_num_threads(options.threads)
    run = build(options, side)[job]
    if options.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    walls, cpus = zip(*timed_runs(run, options), strict=True)
    peak = peak_gib(options.device)
    counted = job in ("forward", "shapley") and (side == "ours" or options.size == "small")
    return Measurement(
        side, job, statistics.median(walls), statistics.median(cpus), peak, gflop_of(run) if counted else None
    )


def timed_runs(run: Callable[[], object], options: argparse.Namespace) -> list[tuple[float, float]]:
    """Wall and CPU seconds of each repetition; the first one is a warm-up unless it takes long."""
    first = one_run(run, options.device)
    if first[0] > WARM_BELOW_S and options.repeat == 1:
        return [first]
    return [one_run(run, options.device) for _ in range(options.repeat)]


def one_run(run: Callable[[], object], device: str) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - wall, time.process_time() - cpu


def gflop_of(run: Callable[[], object]) -> float:
    """What PyTorch's counter sees; it does not know the CPU's fused attention by itself."""
    fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    with FlopCounterMode(display=False, custom_mapping={fused: attention_flop}) as counter:
        run()
    return counter.get_total_flops() / 1e9


def attention_flop(q: Shape, k: Shape, v: Shape, *_: object, **__: object) -> int:
    return int(sdpa_flop_count(q, k, v))


def peak_gib(device: str) -> float:
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def build(options: argparse.Namespace, side: str) -> dict[str, Callable[[], object]]:
    """The jobs of one side as calls without arguments."""
    recipe, sizes = SIZES[options.size]
    generator = torch.Generator().manual_seed(1)
    volumes = {m: torch.randn(1, recipe.channels(m), *recipe.size(m), generator=generator) for m in Modality}
    volumes = {modality: volume.to(options.device) for modality, volume in volumes.items()}
    if side == "ours":
        network = build_network(architecture_of(sizes).for_recipe(recipe)).to(options.device)
        network.freeze()
        return our_jobs(network, recipe, volumes, Precision(options.precision))
    state = {name: tensor.to(options.device) for name, tensor in synthetic_state(sizes).items()}
    return baseline_jobs(state, sizes, {modality.lower(): volume for modality, volume in volumes.items()})


def architecture_of(sizes: Sizes) -> Architecture:
    """Our description of the baseline's network."""
    return replace(
        BASE,
        width=sizes.width,
        heads=sizes.heads,
        ffn_width=sizes.ffn_width,
        adapter_width=sizes.adapter_width,
        soft_experts=sizes.experts,
    )


def our_jobs(
    network: Mome, recipe: Recipe, volumes: Mapping[Modality, Tensor], precision: Precision
) -> dict[str, Callable[[], object]]:
    """What `mome_core.inference.analyze` does after preprocessing, job by job.

    The arrays leave slack on every axis, so that no two of the 54 versions coincide: the dearest case.
    """
    arrays = {m: v[0, :, :-8, :-8, :-4].cpu().numpy() for m, v in volumes.items()}
    device = next(iter(volumes.values())).device.type

    def forward() -> None:
        with torch.no_grad(), autocast(torch.device(device), precision):
            network(volumes)

    def tta() -> None:
        answer_versions(network, arrays, recipe, Estimator(), arithmetic=Arithmetic(precision))

    def coalitions() -> None:
        answer_versions(network, arrays, recipe, CENTRED, coalitions=COALITIONS, arithmetic=Arithmetic(precision))

    def gradients(steps: int) -> None:
        limits = AttributionLimits(completeness_error=1e-9, first_stretches=steps - 1, max_gradients=steps)
        attribute(network, volumes, ENDPOINT, limits=limits)

    def ig_step() -> None:
        inputs = {m: volume.clone().requires_grad_() for m, volume in volumes.items()}
        log_odds = network.log_odds(ENDPOINT, network(inputs)[ENDPOINT])
        torch.autograd.grad(log_odds.sum(), list(inputs.values()))

    def study() -> None:
        tta()
        coalitions()
        gradients(STUDY_STEPS)

    return {"forward": forward, "tta": tta, "shapley": coalitions, "ig_step": ig_step, "study": study}


def baseline_jobs(state: plain.State, sizes: Sizes, volumes: Mapping[str, Tensor]) -> dict[str, Callable[[], object]]:
    """The same jobs plainly: float32, one version at a time, seven independent coalitions, fixed steps."""
    settings = (sizes.heads, sizes.sparse_layers)

    def forward() -> None:
        with torch.no_grad():
            plain.forward(state, volumes, *settings)

    def tta() -> None:
        for _ in range(54):
            forward()

    def coalitions() -> None:
        with torch.no_grad():
            plain.coalitions(state, volumes, *settings)

    def ig_step() -> None:
        plain.integrated_gradients_step(state, volumes, *settings)

    def study() -> None:
        tta()
        coalitions()
        for _ in range(STUDY_STEPS):
            ig_step()

    return {"forward": forward, "tta": tta, "shapley": coalitions, "ig_step": ig_step, "study": study}


def machine(options: argparse.Namespace) -> dict[str, object]:
    """What the figures were measured on, with the matrix rate that PyTorch reaches there."""
    torch.set_num_threads(options.threads)
    name = torch.cuda.get_device_name() if options.device == "cuda" else cpu_name()
    dtype = torch.bfloat16 if options.precision == "bfloat16" else torch.float32
    return {
        "device": name,
        "threads": options.threads,
        "torch": torch.__version__,
        "size": options.size,
        "precision": options.precision,
        "matrix_gflop_per_s": round(matrix_rate(options.device, dtype), 1),
    }


def cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), "CPU")


def matrix_rate(device: str, dtype: torch.dtype) -> float:
    """GFLOP/s of a matrix product of the model's shape."""
    n = 8192 if device == "cuda" else 3072
    a = torch.randn(n, 768 if device == "cpu" else n, dtype=dtype, device=device)
    b = torch.randn(a.shape[1], n, dtype=dtype, device=device)
    best = min(one_run(lambda: a @ b, device)[0] for _ in range(8))
    return 2 * a.shape[0] * a.shape[1] * n / best / 1e9


def table(measurements: list[Measurement], machine: Mapping[str, object]) -> str:
    """The measurements, and each job's ratio to the baseline where both were measured."""
    by_key = {(m.side, m.job): m for m in measurements}
    rate = float(str(machine["matrix_gflop_per_s"]))
    lines = [f"{machine}", "| job | side | s | CPU s | peak GiB | GFLOP/s | of matrix rate | CPU s / baseline |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for m in measurements:
        other = by_key.get(("baseline", m.job))
        ratio = f"{m.cpu_seconds / other.cpu_seconds:.2f}" if other and m.side == "ours" else ""
        speed = f"{m.gflop_per_s:.0f} | {m.gflop_per_s / rate:.0%}" if m.gflop_per_s else " | "
        lines.append(
            f"| {m.job} | {m.side} | {m.seconds:.2f} | {m.cpu_seconds:.2f} | {m.peak_gib:.2f} | {speed} | {ratio} |"
        )
    forward, coalitions = by_key.get(("ours", "forward")), by_key.get(("ours", "shapley"))
    if forward and coalitions:
        lines.append(f"seven coalitions / one forward = {coalitions.cpu_seconds / forward.cpu_seconds:.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
