"""The loss of cases with and without labels, weighted by class."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from mome_core.results import Endpoint
from mome_core.training.loss import class_weights, endpoint_loss


def test_class_weights_are_those_of_the_paper() -> None:
    assert class_weights([0, 0, 0, 1], classes=2).tolist() == pytest.approx([2 * 1 / 4, 2 * 3 / 4])


def test_a_weight_counts_even_in_a_batch_of_one() -> None:
    logits = {Endpoint.MALIGNANCY: torch.tensor([[0.3, -0.2]])}
    labels: list[Mapping[Endpoint, int]] = [{Endpoint.MALIGNANCY: 1}]
    plain = endpoint_loss(logits, labels, {})
    weighted = endpoint_loss(logits, labels, {Endpoint.MALIGNANCY: torch.tensor([0.5, 1.5])})
    assert weighted.item() == pytest.approx(1.5 * plain.item())


def test_a_case_without_a_label_of_an_endpoint_adds_nothing_to_its_loss() -> None:
    logits = {Endpoint.MALIGNANCY: torch.tensor([[2.0, 0.0], [0.0, 2.0]])}
    assert endpoint_loss(logits, [{}, {}], {}).item() == 0.0
