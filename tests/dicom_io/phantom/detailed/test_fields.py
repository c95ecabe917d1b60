"""Random fields and deformations of the detailed patient."""

from __future__ import annotations

import numpy as np
import pytest

from dicom_io.phantom.detailed.fields import Deformation, band_field, draw_deformation, power_law_field


def test_sections_of_a_power_law_field_have_its_slope() -> None:
    field = power_law_field(np.random.default_rng(0), exponent=3.0, pitch_mm=1.0, longest_mm=40.0)
    size = field.lattice.shape[0]
    power = np.mean([np.abs(np.fft.fft2(section)) ** 2 for section in field.lattice], axis=0)
    k = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    use = (k > 0.06) & (k < 0.3)
    slope = np.polyfit(np.log(k[use]), np.log(power[use]), 1)[0]
    assert -slope == pytest.approx(3.0, abs=0.3)


def test_a_field_is_standardised_periodic_and_another_offset_gives_another_one() -> None:
    field = power_law_field(np.random.default_rng(1), exponent=3.0, pitch_mm=2.0, longest_mm=30.0)
    assert field.lattice.mean() == pytest.approx(0, abs=1e-3)
    assert field.lattice.std() == pytest.approx(1, abs=1e-3)
    axis = np.linspace(0, 50, 40, dtype=np.float32)
    period = np.float32(field.lattice.shape[0] * 2.0)
    here, there = field.at((axis, axis, axis)), field.at((axis + period, axis, axis))
    assert here == pytest.approx(there, abs=1e-3)
    assert not np.allclose(here, field.at((axis, axis, axis), 31.4))


def test_a_band_field_waves_with_its_length() -> None:
    field = band_field(np.random.default_rng(2), length_mm=24.0, pitch_mm=2.0)
    power = np.abs(np.fft.rfft(field.lattice, axis=2)).mean(axis=(0, 1))
    frequency = np.fft.rfftfreq(field.lattice.shape[2], 2.0)
    assert (frequency * power**2).sum() / (power**2).sum() < 1 / 24.0
    assert power[frequency > 2 / 24.0].max() < 0.2 * power.max()


def test_a_deformation_moves_by_no_more_than_it_says_and_can_be_undone() -> None:
    deformation = draw_deformation(np.random.default_rng(3), largest_mm=7.0)
    points = tuple(np.random.default_rng(4).uniform(-100, 100, (3, 500)).astype(np.float32))
    x, y, z = points
    moved = deformation.moved((x, y, z))
    assert max(np.abs(m - p).max() for m, p in zip(moved, points, strict=True)) <= 7.0
    back = deformation.moved(moved, -1.0)
    assert max(np.abs(b - p).max() for b, p in zip(back, points, strict=True)) < 1.5  # to first order


def test_no_waves_move_nothing() -> None:
    none = np.zeros((0, 3), np.float32)
    x = np.ones(3, np.float32)
    assert Deformation(none, np.zeros(0, np.float32), none).moved((x, x, x))[0] is x
