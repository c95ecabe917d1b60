"""What was measured, as typed facts: the rule of the curve types, and a way through JSON."""

from __future__ import annotations

import json

import pytest

from mome_core.measurements import CurveType, Measurements
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
