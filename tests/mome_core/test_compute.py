"""What a network computes on and how exactly."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mome_core import compute
from mome_core.compute import (
    BACKENDS,
    Arithmetic,
    Backend,
    Precision,
    autocast,
    backend_of,
    best_device,
    collectives,
    device_of,
    device_of_process,
    has_device,
    reproducible,
)
from mome_core.explain.saliency import Method
from mome_core.model.architecture import BASE
from mome_core.model.mome import Mome
from mome_core.policy import default_policy


def test_the_cpu_is_always_there_and_the_last_choice() -> None:
    assert BACKENDS[-1].kind == "cpu" and has_device("cpu") and has_device("auto")
    assert backend_of(best_device()).is_available()


@pytest.mark.parametrize(("device", "kind"), [("cpu", "cpu"), ("cuda", "cuda"), ("cuda:1", "cuda"), ("meta", "cpu")])
def test_a_device_has_the_row_of_its_kind_and_an_unknown_one_that_of_the_cpu(device: str, kind: str) -> None:
    assert backend_of(device).kind == kind


def test_an_accelerator_gets_more_memory_and_no_limit_of_its_input() -> None:
    cpu, cuda = backend_of("cpu"), backend_of("cuda")
    assert cuda.score_memory_gib > cpu.score_memory_gib and cuda.explanation_memory_gib > cpu.explanation_memory_gib
    assert cuda.largest_full_input is None and cpu.largest_full_input is not None


def test_a_network_is_where_its_parameters_are() -> None:
    assert device_of(nn.Linear(1, 1, device="meta")) == torch.device("meta")


@pytest.mark.parametrize(("precision", "dtype"), [*zip(Precision, (torch.float32, torch.bfloat16), strict=True)])
def test_matrix_products_run_in_the_precision_asked_for(precision: Precision, dtype: torch.dtype) -> None:
    with autocast(torch.device("cpu"), precision):
        assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype is dtype


def test_each_process_of_a_host_has_a_gpu_of_its_own_and_all_share_the_cpu() -> None:
    assert device_of_process("cuda", 3) == "cuda:3"
    assert device_of_process("cuda:0", 3) == "cuda:0"
    assert device_of_process("cpu", 3) == "cpu"


def test_the_devices_of_this_machine_are_joined_by_collectives_that_torch_knows() -> None:
    assert all(each.split(":")[-1] in ("gloo", "nccl") for each in collectives().split(","))


def test_reproducible_arithmetic_ends_with_its_block() -> None:
    before = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    with reproducible():
        assert torch.backends.cudnn.deterministic and not torch.backends.cudnn.benchmark
    assert (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark) == before


def test_a_backend_is_added_by_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Backend("meta", lambda: True, Precision.BFLOAT16, 2.0, 1.0, 10, "gloo", one_per_process=True)
    monkeypatch.setattr(compute, "BACKENDS", (row, *BACKENDS))
    assert best_device() == "meta" and has_device("meta:1")
    assert device_of_process("meta", 1) == "meta:1"
    assert "meta:gloo" in collectives()
    with torch.device("meta"):
        policy = default_policy(Mome(BASE))
    assert policy.arithmetic == Arithmetic(Precision.BFLOAT16, 2.0)
    assert policy.request.limits.memory_gib == 1.0
    assert policy.request.method is Method.GRADIENT_TIMES_INPUT  # the row says that full inputs take too long


def test_a_pass_without_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="memory_gib must be positive"):
        Arithmetic(memory_gib=0)
