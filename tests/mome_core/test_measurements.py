"""What was measured, as typed facts: the rule of the curve types, and a way through JSON."""

from __future__ import annotations

import json

import pytest

from mome_core.measurements import BreastTissue, CurveType, Measurements
from told_measurements import MEASURED


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (10.1, CurveType.PERSISTENT),
        (10.0, CurveType.PLATEAU),
        (0.0, CurveType.PLATEAU),
        (-10.0, CurveType.PLATEAU),
        (-10.1, CurveType.WASHOUT),
    ],
)
def test_ten_percent_of_the_first_phase_part_the_curve_types(change: float, told: CurveType) -> None:
    assert CurveType.of(change) is told


def test_measurements_survive_json() -> None:
    assert Measurements.from_json(json.loads(json.dumps(MEASURED.to_json()))) == MEASURED
    assert Measurements.from_json(json.loads(json.dumps(Measurements().to_json()))) == Measurements()


def test_a_breast_without_gland_has_no_background_enhancement() -> None:
    assert BreastTissue("L", 500.0, 0.0, 0.0).bpe_percent == 0.0
