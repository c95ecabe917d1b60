"""Several processes that train one network together: torchrun starts them, gradients are added before every step."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import torch
from torch import distributed, nn

PATIENCE = timedelta(hours=12)  # the others wait while the leader prepares a cohort


@dataclass(frozen=True, slots=True)
class Crew:
    """This process among those that train together: number `rank` of `size`; number 0 leads, and alone writes."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def place(self, device: str) -> str:
        """The device of this process: on "cuda" each process of a host has a GPU of its own."""
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if device == "cuda" and self.size > 1 else device

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            distributed.barrier()

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every process the sum of all gradients; a parameter that has one nowhere keeps none."""
        if self.size == 1:
            return
        listed = list(parameters)
        known = torch.tensor([float(each.grad is not None) for each in listed], device=listed[0].device)
        distributed.all_reduce(known)
        for parameter in (each for each, count in zip(listed, known.tolist(), strict=True) if count):
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            distributed.all_reduce(parameter.grad)

    def sum(self, values: list[float]) -> list[float]:
        """The sums of these numbers over all processes."""
        if self.size == 1:
            return values
        summed = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(summed)
        return summed.tolist()


@cache
def crew() -> Crew:
    """Who trains together, by the environment that torchrun sets; a process of its own is a crew of one.

    Gloo joins processors. GPUs of one host are joined by NCCL, each process on the one of its LOCAL_RANK.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Crew()
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, timeout=PATIENCE)
    return Crew(distributed.get_rank(), size)
