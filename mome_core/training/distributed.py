"""Several processes that train one network together: torchrun starts them, gradients are added before every step."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import torch
from torch import distributed, nn

from mome_core.compute import collectives, device_of_process

_TIMEOUT = timedelta(hours=12)  # the other processes wait while the main one prepares a cohort


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """The processes that train one network, seen from the one of this rank; only the main process writes files."""

    rank: int = 0
    world_size: int = 1

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def device(self, kind: str) -> str:
        """The device of this process: on "cuda" each process of a host has a GPU of its own."""
        return device_of_process(kind, int(os.environ.get("LOCAL_RANK", "0"))) if self.world_size > 1 else kind

    def barrier(self) -> None:
        """Wait until every process is here."""
        if self.world_size > 1:
            distributed.barrier()

    def all_reduce_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every process the sum of all gradients; a parameter that has one nowhere keeps none."""
        if self.world_size == 1:
            return
        listed = list(parameters)
        known = torch.tensor([float(each.grad is not None) for each in listed], device=listed[0].device)
        distributed.all_reduce(known)
        for parameter in (each for each, count in zip(listed, known.tolist(), strict=True) if count):
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            distributed.all_reduce(parameter.grad)

    def all_reduce(self, values: list[float]) -> list[float]:
        """The sums of these numbers over all processes."""
        if self.world_size == 1:
            return values
        summed = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(summed)
        return summed.tolist()


@cache
def process_group() -> ProcessGroup:
    """The group that the environment of torchrun describes; a process on its own is a group of one.

    Gloo joins CPUs. GPUs of one host are joined by NCCL, each process on the one of its LOCAL_RANK.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return ProcessGroup()
    distributed.init_process_group(collectives(), timeout=_TIMEOUT)
    return ProcessGroup(distributed.get_rank(), distributed.get_world_size())
