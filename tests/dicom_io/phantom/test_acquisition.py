"""How a scanner samples a patient: noise, motion, coil, fitted maps."""

from __future__ import annotations

import numpy as np
import pytest

from dicom_io.phantom.acquisition import HIGHEST, RicianNoise, coil_sensitivity, fit_adc, image, poses, stream
from dicom_io.phantom.composition import Composition
from dicom_io.phantom.spec import PhantomSpec
from dicom_io.phantom.tissue import Tissue
from mome_core.volume import Volume


def test_noise_alone_is_rayleigh_and_noise_on_signal_is_gaussian() -> None:
    noise = RicianNoise(np.random.default_rng(0), 10.0)
    background, bright = (noise.added_to(np.full(20_000, signal, np.float32)) for signal in (0.0, 1000.0))
    assert background.mean() == pytest.approx(10 * np.sqrt(np.pi / 2), rel=0.03)
    assert bright.mean() == pytest.approx(1000, rel=0.001)
    assert bright.std() == pytest.approx(10, rel=0.03)


def test_stored_values_are_mixed_signal_and_have_12_bits() -> None:
    shares = np.zeros((len(Tissue), 3), np.float32)
    shares[Tissue.FAT] = (1.0, 0.5, 1.0)
    signal = np.zeros(len(Tissue), np.float32)
    signal[Tissue.FAT] = 2000
    nothing = np.zeros((1, 3), np.float32)
    silent = RicianNoise(np.random.default_rng(0), 0.0)
    stored = image(Composition(shares, nothing), signal, np.array([1.0, 1.0, 9.0], np.float32), silent)
    assert stored.tolist() == [2000, 1000, HIGHEST]


def test_a_patient_who_holds_still_has_one_position_and_one_who_drifts_has_one_per_phase() -> None:
    ((phases, shift),) = poses(PhantomSpec(post_phases=3))
    assert (phases, shift.tolist()) == ([0, 1, 2, 3], [0, 0, 0])
    drifting = poses(PhantomSpec(post_phases=3, motion_mm=6.0))
    assert [phase for phase, _ in drifting] == [[0], [1], [2], [3]]
    assert [np.linalg.norm(shift) for _, shift in drifting] == pytest.approx([0, 2, 4, 6])


def test_the_adc_is_fitted_where_there_is_signal() -> None:
    b_values, adc = (0.0, 400.0, 800.0), 1.2e-3
    affine = np.eye(4)
    signal = np.array([[[3000.0, 0.0]]])
    volumes = {b: Volume((signal * np.exp(-b * adc)).astype(np.int16), affine, "1.2") for b in b_values}
    fitted = fit_adc(volumes).voxels
    assert fitted[0, 0, 0] == pytest.approx(1200, abs=5)
    assert fitted[0, 0, 1] == 0


def test_each_purpose_has_its_own_random_numbers() -> None:
    spec = PhantomSpec(seed=5)
    again, other = (stream(spec, purpose).random() for purpose in ("t2 noise", "dwi noise"))
    assert stream(spec, "t2 noise").random() == again != other


def test_the_coil_sees_the_breasts_better_than_the_back() -> None:
    x, y, z = (np.array(values, np.float32) for values in ((85, 85), (-25, 180), (0, 0)))
    breast, back = coil_sensitivity((x, y, z))
    assert breast > 1.5 * back
