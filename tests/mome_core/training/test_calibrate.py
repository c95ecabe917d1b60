"""Temperature and operating point from the validation cases."""

from __future__ import annotations

import numpy as np
import pytest

from mome_core.training.calibrate import fit_temperature, youden_threshold


def test_overconfident_logits_get_a_temperature_above_one() -> None:
    rng = np.random.default_rng(2)
    log_odds = rng.normal(0, 1.5, 4000)
    labels = rng.random(4000) < 1 / (1 + np.exp(-log_odds))
    assert fit_temperature(labels, 3 * log_odds) == pytest.approx(3.0, rel=0.1)


def test_logits_that_part_the_classes_keep_their_temperature() -> None:
    assert fit_temperature(np.array([False, True]), np.array([-1.0, 2.0])) == 1.0


def test_operating_point_lies_in_the_middle_of_the_gap_that_parts_the_classes() -> None:
    assert youden_threshold(np.array([False, False, True, True]), np.array([0.1, 0.2, 0.6, 0.9])) == pytest.approx(0.4)
