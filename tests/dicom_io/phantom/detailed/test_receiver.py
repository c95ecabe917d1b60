"""How the scanner's flaws show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from dicom_io.phantom.detailed.fields import Deformation
from dicom_io.phantom.detailed.layers import Mixture
from dicom_io.phantom.detailed.materials import Material
from dicom_io.phantom.detailed.receiver import Receiver, ScannerFlaws, Weighting, draw_flaws
from dicom_io.phantom.grid import SamplingGrid
from dicom_io.phantom.spec import PhantomSpec, Presentation

SHAPE = (32, 24, 4)
NONE = Deformation(np.zeros((0, 3), np.float32), np.zeros(0, np.float32), np.zeros((0, 3), np.float32))
PERFECT = ScannerFlaws(0, 0.0, 0.0, 0.25, 1.0, 1.0, (0.0, 0.0, 0.0), NONE, 0.0, 0.06, 0.25)


def grid(shape: tuple[int, int, int] = SHAPE) -> SamplingGrid:
    return SamplingGrid(shape, np.eye(4))


def block(material: Material, shape: tuple[int, int, int] = SHAPE) -> Mixture:
    """A box of one material in the middle."""
    inside = np.zeros(shape, bool)
    inside[12:20, 8:16, :] = True
    where = np.flatnonzero(inside)
    shares = np.zeros((len(Material), len(where)), np.float32)
    shares[material] = 1
    zero = np.zeros(len(where), np.float32)
    points = tuple(each[where] for each in grid(shape).points(slice(0, shape[2])))
    return Mixture(where, shares, np.stack([zero, zero]), zero, points)  # type: ignore[arg-type]


def weighting(noise: float = 0.0, signal: float = 1000.0, **more: bool) -> Weighting:
    return Weighting(np.full((1, len(Material)), signal, np.float32), None, noise, **more)


def image(material: Material = Material.GLAND, weights: Weighting | None = None, **flaws: object) -> np.ndarray:
    receiver = Receiver(replace(PERFECT, **flaws), grid(), np.random.default_rng(0))  # type: ignore[arg-type]
    found: np.ndarray = receiver.images([block(material)], weights or weighting(), slice(0, 4))[0].astype(float)
    return found


def centre(found: np.ndarray) -> np.ndarray:
    return np.array([np.average(np.indices(found.shape)[axis], weights=found) for axis in range(3)])


def test_noise_is_rician() -> None:
    """The magnitude in air is Rayleigh and on signal Rician, by the test of Kolmogorov and Smirnov."""
    shape = (64, 64, 8)
    empty = Mixture(
        np.zeros(0, np.intp),
        np.zeros((len(Material), 0), np.float32),
        np.zeros((2, 0), np.float32),
        np.zeros(0, np.float32),
        (np.zeros(0, np.float32),) * 3,
    )
    receiver = Receiver(PERFECT, grid(shape), np.random.default_rng(1))
    air = receiver.images([empty], weighting(noise=400.0), slice(0, 8))[0].ravel()
    assert stats.kstest(air[::7] / 400.0, stats.rayleigh.cdf).pvalue > 0.01
    everywhere = Mixture(
        np.arange(air.size),
        np.eye(len(Material), 1, -int(Material.GLAND), dtype=np.float32).repeat(air.size, 1),
        np.zeros((2, air.size), np.float32),
        np.zeros(air.size, np.float32),
        grid(shape).points(slice(0, 8)),
    )
    signal, noisy = (
        Receiver(PERFECT, grid(shape), np.random.default_rng(2)).images([everywhere], weighting(n, 600.0), slice(0, 8))[
            0
        ]
        for n in (0.0, 300.0)
    )
    scaled, ratio = noisy.ravel()[::7] / 300.0, signal.ravel()[::7] / 300.0
    assert stats.kstest(stats.rice.cdf(scaled, ratio), stats.uniform.cdf).pvalue > 0.01
    assert stats.kstest(stats.norm.cdf(scaled, ratio), stats.uniform.cdf).pvalue < 1e-6


def test_parallel_imaging_makes_the_middle_noisier() -> None:
    found = image(weights=weighting(noise=50.0, signal=0.0), g_factor=2.0)
    assert found[14:18].mean() > 1.5 * found[[0, 1, -1, -2]].mean()


def test_fat_is_displaced_along_the_read_out_and_water_is_not() -> None:
    assert centre(image(Material.FAT, fat_shift=1.5)) - centre(image(Material.FAT)) == pytest.approx(
        [0, 1.5, 0], abs=0.05
    )
    assert centre(image(Material.GLAND, fat_shift=1.5)) == pytest.approx(centre(image(Material.GLAND)))


def test_blood_repeats_along_the_phase_encoding_and_gland_does_not() -> None:
    found = image(Material.BLOOD, ghost=0.1)
    assert found[6, 12].mean() == pytest.approx(0.1 * image(Material.BLOOD)[14, 12].mean(), rel=0.2)
    assert image(Material.GLAND, ghost=0.1)[6, 12].max() == 0


def test_partial_fourier_blurs_along_the_phase_encoding_only() -> None:
    sharp, blurred = image(), image(partial_fourier=0.75)
    assert np.abs(np.diff(blurred[:, 12], axis=0)).max() < 0.95 * np.abs(np.diff(sharp[:, 12], axis=0)).max()
    assert blurred[16, 4:7].max() < 1


def test_an_echo_planar_image_has_a_ghost_half_a_field_away_and_fat_elsewhere() -> None:
    planar = weighting(echo_planar=True)
    ghosted = image(weights=planar, half_ghost=0.05)
    assert ghosted[16, 0].mean() == pytest.approx(0.05 * ghosted[16, 12].mean(), rel=0.3)
    fat = image(Material.FAT, planar, fat_residue=0.03)
    assert centre(fat)[1] == pytest.approx(centre(image(Material.FAT))[1] + 6, abs=0.5)
    assert fat.max() < 0.6 * image(Material.FAT).max()


def test_a_wrong_flip_angle_scales_the_signal_where_it_is_wrong() -> None:
    sloped = Weighting(
        np.full((1, len(Material)), 1000, np.float32), np.full((1, len(Material)), 1000, np.float32), 0.0
    )
    assert image(weights=sloped, flip=(0.1, 0.0, 0.0)).max() == pytest.approx(
        1.1 * image(weights=sloped).max(), rel=0.01
    )


def test_who_moves_while_a_phase_is_acquired_is_smeared() -> None:
    still, moved = block(Material.GLAND), block(Material.GLAND)
    moved = replace(moved, where=moved.where + SHAPE[1] * SHAPE[2] * 3)  # three columns on
    receiver = Receiver(PERFECT, grid(), np.random.default_rng(0))
    found = receiver.images([still, moved], weighting(), slice(0, 4))[0].astype(float)
    alone = image()
    assert 0.2 < found[21, 12].mean() / alone[16, 12].mean() < 0.9
    assert found[9:11, 12].max() > 20 > alone[9:11, 12].max()


def test_flaws_stay_in_their_ranges_and_a_textbook_has_small_ones() -> None:
    found = [draw_flaws(np.random.default_rng(seed), PhantomSpec()) for seed in range(100)]
    largest = [np.abs(each.distortion.amplitudes).sum(axis=0) for each in found]
    assert min(each[1] for each in largest) >= 1 and max(each[1] for each in largest) <= 4
    assert {(each[0], each[2]) for each in largest} == {(0, 0)}
    assert 0.1 < np.std([each.flip[0] + each.flip[1] for each in found]) * 2 < 0.3
    good = [draw_flaws(np.random.default_rng(s), PhantomSpec(presentation=Presentation.TEXTBOOK)) for s in range(100)]
    assert np.mean([g.ghost for g in good]) < 0.4 * np.mean([f.ghost for f in found])
