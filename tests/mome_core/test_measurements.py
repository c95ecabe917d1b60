"""What was measured, as typed facts: the rule of the curve types, and a way through JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mome_core.measurements import CurveType, Measurements, NotMeasuredCode
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
    assert MEASURED.tissue is not None
    unclear = replace(MEASURED, tissue=replace(MEASURED.tissue, volume_ml=None, extents_mm=None))
    assert Measurements.from_json(json.loads(json.dumps(unclear.to_json()))) == unclear


def test_json_holds_what_follows_from_each_curve() -> None:
    tissue = json.loads(json.dumps(MEASURED.to_json()))["tissue"]
    told = [(each["initial_uptake_percent"], each["delayed_change_percent"], each["type"])
            for each in (tissue["at_point"], tissue["whole"], tissue["worst"])]  # fmt: skip
    assert told == [(150.0, -12.0, "washout"), (150.0, -12.0, "washout"), (180.0, -19.3, "washout")]


def test_the_documentation_names_every_reason() -> None:
    told = (Path(__file__).parents[2] / "docs/measurements.md").read_text()
    assert [each for each in NotMeasuredCode if f"`{each}`" not in told] == []
