"""Philips: private b-values of old software, the trace volume, the dynamic number, and SPIR."""

from __future__ import annotations

import struct

import pytest

from datasets import elements
from dicom_io.vendors.base import Clue, Direction
from dicom_io.vendors.philips import B_VALUE, DIRECTION_LABEL, DYNAMIC_NUMBER, PHILIPS, SPIR, WATER_EXCITATION


def test_the_standard_b_value_wins_over_the_private_one() -> None:
    assert PHILIPS.diffusion(elements({B_VALUE: ("FL", 1000.0)}, DiffusionBValue=800.0)).b_value == 800.0
    assert PHILIPS.diffusion(elements({B_VALUE: ("FL", 1000.0)})).b_value == 1000.0


def test_a_private_b_value_that_arrives_as_unknown_bytes_is_a_float() -> None:
    assert PHILIPS.diffusion(elements({B_VALUE: ("UN", struct.pack("<f", 1000.0))})).b_value == 1000.0


def test_the_label_i_alone_marks_the_trace_volume() -> None:
    directional = elements({DIRECTION_LABEL: ("CS", "M")}, DiffusionDirectionality="DIRECTIONAL")
    trace = elements({DIRECTION_LABEL: ("CS", "I")}, DiffusionDirectionality="DIRECTIONAL")
    assert PHILIPS.diffusion(directional).direction is Direction.DIRECTIONAL
    assert PHILIPS.diffusion(trace).direction is Direction.ISOTROPIC


def test_the_dynamic_number_stands_in_for_the_temporal_position() -> None:
    private = {DYNAMIC_NUMBER: ("FL", 3.0)}
    assert PHILIPS.clocks(elements(private)).temporal_position == 3.0
    assert PHILIPS.clocks(elements(private, TemporalPositionIdentifier="5")).temporal_position == 5.0


@pytest.mark.parametrize(("tag", "value", "suppressed"), [(SPIR, "Y", True), (WATER_EXCITATION, "Y", True)])
def test_spir_or_water_excitation_is_fat_suppression(tag: object, value: str, suppressed: bool) -> None:
    assert PHILIPS.fat_suppressed(elements({tag: ("CS", value)})) is suppressed  # type: ignore[dict-item]


def test_without_either_nothing_is_told_whatever_the_options() -> None:
    assert PHILIPS.fat_suppressed(elements({SPIR: ("CS", "N")}, ScanOptions="PFP")) is None


def test_the_instance_number_never_orders_phases() -> None:
    assert Clue.INSTANCE_NUMBER not in PHILIPS.phase_order
    assert PHILIPS.phase_order[0] is Clue.TEMPORAL_POSITION
