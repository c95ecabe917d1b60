"""Rules of integration: exact for polynomials, and evenly spaced in the logarithm where that is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from mome_core.explain.quadrature import Panel, Spacing


@pytest.mark.parametrize("nodes", [1, 3, 8])
def test_a_panel_integrates_polynomials_up_to_twice_its_nodes_exactly(nodes: int) -> None:
    rule = Panel(0.25, 0.75, 0.0, 0.0).rule(nodes, Spacing.EVEN)
    degree = 2 * nodes - 1
    exact = (0.75 ** (degree + 1) - 0.25 ** (degree + 1)) / (degree + 1)
    assert rule.weights @ rule.shares**degree == pytest.approx(exact, rel=1e-12)


def test_a_logarithmic_path_begins_at_the_baseline_and_ends_at_the_input() -> None:
    assert Spacing.LOGARITHMIC.share(np.array([0.0, 0.5, 1.0])) == pytest.approx([0.0, 1e-6, 1.0])
