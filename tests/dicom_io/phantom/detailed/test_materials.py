"""What the detailed patient's materials send: arterial input, uptake, and the signal of each sequence."""

from __future__ import annotations

import numpy as np
import pytest

from dicom_io.phantom.detailed.materials import (
    MATERIALS,
    ArterialInput,
    Injection,
    Material,
    SignalModel,
    draw_arterial_input,
    uptake_mm,
)
from dicom_io.phantom.tissue import TISSUES, Scanner, Tissue, TissueProperties, concentration, spoiled_gradient_echo

TIMES_S = [-40.0, 60.0, 135.0, 210.0, 285.0, 360.0]
LESION = TissueProperties(1480, 80, 1.0, 0.88, 0.2, 0.4, 0.03)
TABLE = MATERIALS | dict.fromkeys((Material.LESION_RIM, Material.LESION_CORE, Material.LESION_SEPTUM), LESION)


def test_every_material_but_the_lesions_has_properties() -> None:
    lesions = {Material.LESION_RIM, Material.LESION_CORE, Material.LESION_SEPTUM}
    assert set(Material) - set(MATERIALS) == lesions


def test_uptake_is_the_extended_tofts_model_of_the_simple_patient() -> None:
    found = uptake_mm({Material.LIVER: TISSUES[Tissue.LIVER]}, ArterialInput(), TIMES_S)[Material.LIVER]
    assert found == pytest.approx(concentration(TISSUES[Tissue.LIVER], TIMES_S), abs=1e-4)


def test_before_injection_and_without_vessels_there_is_no_uptake() -> None:
    found = uptake_mm(TABLE, ArterialInput(delay_s=10), TIMES_S)
    assert found[:, 0].max() == 0
    assert found[Material.CYST].tolist() == [0.0] * len(TIMES_S)
    assert found[Material.VEIN, 1] > found[Material.GLAND, 1]


def test_a_dispersed_bolus_peaks_lower_and_later_and_holds_as_much() -> None:
    minutes = np.arange(0, 6, 0.5 / 60)
    sharp, flat = (ArterialInput(dispersion_s=d).plasma(minutes) for d in (0.0, 15.0))
    assert flat.max() < 0.7 * sharp.max()
    assert flat.argmax() > sharp.argmax()
    assert flat.sum() == pytest.approx(sharp.sum(), rel=0.05)


def test_arterial_inputs_differ_between_patients_in_form_and_height() -> None:
    found = [draw_arterial_input(np.random.default_rng(seed)) for seed in range(200)]
    assert {each.form for each in found} == set(Injection)
    late = [each.plasma(np.arange(0, 5, 0.5 / 60))[-1] for each in found]
    assert 0.05 < np.std(late) / np.mean(late) < 0.6


def test_a_gradient_echo_is_that_of_the_simple_patient() -> None:
    agent = np.array([[0.0, 0.5, 2.0]] * len(Material), np.float32)
    found = SignalModel(TABLE, 1.5).gradient_echo(agent, fat_signal=0.1)
    for row, tissue in ((Material.MUSCLE, Tissue.MUSCLE), (Material.FAT, Tissue.FAT)):
        known = spoiled_gradient_echo(Scanner(1.5), TISSUES[tissue], agent[0].astype(float), fat_signal=0.1)
        assert found[:, row] == pytest.approx(known, rel=1e-3)


def test_a_wrong_flip_angle_changes_what_takes_up_otherwise_than_what_does_not() -> None:
    model = SignalModel(TABLE, 3.0)
    agent = np.full((len(Material), 1), 1.0, np.float32)
    low, high = (model.gradient_echo(agent, fat_signal=0.1, flip=f)[0] for f in (0.85, 1.15))
    none = np.zeros_like(agent)
    low_0, high_0 = (model.gradient_echo(none, fat_signal=0.1, flip=f)[0] for f in (0.85, 1.15))
    row = Material.LESION_RIM
    assert abs(high[row] / low[row] - high_0[row] / low_0[row]) > 0.02


def test_a_cyst_is_bright_on_t2_and_dark_where_diffusion_is_weighted() -> None:
    model = SignalModel(TABLE, 3.0)
    t2, dwi = model.spin_echo()[0], model.diffusion((0.0, 1000.0))
    assert t2.argmax() in (Material.CYST, Material.SILICONE)
    share = dwi[1] / np.maximum(dwi[0], 1e-9)
    assert share[Material.CYST] < share[Material.LESION_RIM]
    assert t2[Material.VOID] == 0
