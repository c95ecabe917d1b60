"""What a network computes on and how exactly: device, precision, memory. A compute backend is one row of BACKENDS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import nn


class Precision(StrEnum):
    """Arithmetic of a forward pass; weights, optimizer and explanations are always float32."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


@dataclass(frozen=True, slots=True)
class Backend:
    """One kind of device, and what it can afford.

    Parameters
    ----------
    kind
        Type of a torch device: the part before the colon of "cuda:1".
    is_available
        Whether this machine has one.
    precision
        Of the scores; bfloat16 stays within 0.005 of float32.
    score_memory_gib, explanation_memory_gib
        Memory of one pass, GiB.
    largest_full_input
        Voxels of all volumes together above which the published number of passes takes minutes; None: no limit.
    collective
        Backend of torch.distributed that joins several of them.
    one_per_process
        Whether each process of a host has a device of its own, numbered by LOCAL_RANK.
    """

    kind: str
    is_available: Callable[[], bool]
    precision: Precision
    score_memory_gib: float
    explanation_memory_gib: float
    largest_full_input: int | None
    collective: str
    one_per_process: bool


BACKENDS = (  # the best first
    Backend("cuda", torch.cuda.is_available, Precision.BFLOAT16, 16.0, 12.0, None, "nccl", one_per_process=True),
    Backend("cpu", lambda: True, Precision.FLOAT32, 4.0, 4.0, 4_000_000, "gloo", one_per_process=False),
)
"""On the CPU one gradient of 4 million voxels takes most of a minute."""


def use_threads(count: int) -> None:
    """Let operations of this process use so many processor threads."""
    torch.set_num_threads(count)


def best_device() -> str:
    """The first kind of device that this machine has."""
    return next(backend.kind for backend in BACKENDS if backend.is_available())


def backend_of(device: str | torch.device) -> Backend:
    """The row of a device; any kind without a row of its own is treated as the last one."""
    kind = torch.device(device).type
    return next((backend for backend in BACKENDS if backend.kind == kind), BACKENDS[-1])


def has_device(device: str) -> bool:
    """Whether this machine has such a device; "auto" takes what there is."""
    return device == "auto" or backend_of(device).is_available()


def device_of(network: nn.Module) -> torch.device:
    """Where the network's parameters are."""
    return next(network.parameters()).device


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """Within, matrix products and convolutions run in this precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision is Precision.BFLOAT16)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """How a pass is computed, which may change a score by no more than 0.005.

    Parameters
    ----------
    memory_gib
        For the versions of one pass; as many as fit go through the network together.
    """

    precision: Precision = Precision.FLOAT32
    memory_gib: float = 4.0

    def __post_init__(self) -> None:
        if self.memory_gib <= 0:
            raise ValueError(f"memory_gib must be positive, got {self.memory_gib}")


def arithmetic_of(network: nn.Module) -> Arithmetic:
    """What the network's device affords."""
    backend = backend_of(device_of(network))
    return Arithmetic(backend.precision, backend.score_memory_gib)


@contextmanager
def reproducible() -> Iterator[None]:
    """Within, cuDNN picks its algorithms by rule, not by stopwatch, so that the same input gives the same answer."""
    before = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = before


def device_of_process(device: str, local_rank: int) -> str:
    """The device of one process among several on this host: "cuda" becomes "cuda:<local rank>"."""
    numbered = any(backend.one_per_process and backend.kind == device for backend in BACKENDS)
    return f"{device}:{local_rank}" if numbered else device


def collectives() -> str:
    """How torch.distributed joins the devices of this machine, e.g. "cpu:gloo,cuda:nccl"."""
    available = [backend for backend in reversed(BACKENDS) if backend.is_available()]
    if len(available) == 1:
        return available[0].collective
    return ",".join(f"{backend.kind}:{backend.collective}" for backend in available)
