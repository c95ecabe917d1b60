"""Measured numbers as content items: name, value, unit; nothing of a place that the group is not about."""

from __future__ import annotations

from dataclasses import replace

from mome_core.measurements import MeasuredAt
from sr_templates.dicom.measured_items import measured_at_point, worst_curve
from told_measurements import MEASURED


def test_each_number_has_its_unit() -> None:
    told = [
        (each.name.value, str(each[0].MeasuredValueSequence[0].NumericValue), each.unit.value)
        for each in measured_at_point(MEASURED)
    ]
    assert told == [
        ("INITIAL_UPTAKE", "150.0", "%"),
        ("DELAYED_CHANGE", "-19.3", "%"),
        ("ENHANCING_VOLUME", "6.3", "ml"),
        ("EXTENT_LR", "24.0", "mm"),
        ("EXTENT_AP", "27.0", "mm"),
        ("EXTENT_FH", "30.0", "mm"),
        ("121243", "2.0", "mm"),
        ("121244", "41.0", "mm"),
        ("113041", "840.0", "um2/s"),
        ("ADC_MINIMUM", "710.0", "um2/s"),
    ]
    assert [each.value.value for each in worst_curve(MEASURED)] == ["130599"]


def test_what_was_measured_elsewhere_is_not_told_of_the_region() -> None:
    elsewhere = replace(MEASURED, tissue=replace(MEASURED.tissue, measured_at=MeasuredAt.STRONGEST_ENHANCEMENT))
    assert (measured_at_point(elsewhere), worst_curve(elsewhere)) == ([], [])
    assert (measured_at_point(None), worst_curve(None)) == ([], [])
