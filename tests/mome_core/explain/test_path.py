"""The straight line from a baseline to the input, integrated until it is exact enough."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mome_core.case import Modality
from mome_core.errors import NumericsFault
from mome_core.explain.path import Limits, Path
from mome_core.explain.quadrature import Rule

DCE, DWI, T2 = Modality


def test_a_gradient_that_is_not_finite_is_refused_with_its_modality() -> None:
    end = {DWI: torch.ones(1, 1, 2, 2, 2)}
    root = Path(lambda volumes: (volumes[DWI] - 1).abs().sqrt().sum(dim=(1, 2, 3, 4)), {DWI: end[DWI] * 0}, end)
    with pytest.raises(NumericsFault, match="with respect to the DWI volume"):
        root.attributions(Rule(np.ones(1), np.ones(1)))


@pytest.mark.parametrize(
    "wrong", [{"panel_nodes": 0}, {"max_gradients": 3}, {"completeness_error": 0.0}, {"memory_gib": -1.0}]
)
def test_limits_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"gradients|positive"):
        Limits(**wrong)  # type: ignore[arg-type]
