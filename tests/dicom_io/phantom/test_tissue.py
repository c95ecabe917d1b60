"""What tissues look like to a scanner: relaxation, diffusion, uptake of contrast agent."""

from __future__ import annotations

import numpy as np
import pytest

from dicom_io.phantom.spec import Lesion
from dicom_io.phantom.tissue import (
    TISSUES,
    Scanner,
    Tissue,
    TissueProperties,
    concentration,
    diffusion_weighted,
    draw_benign,
    draw_malignant,
    spoiled_gradient_echo,
    turbo_spin_echo,
)

PHASES_S = [-40.0, 60.0, 135.0, 210.0, 285.0, 360.0]  # after injection


def drawn(lesion: Lesion, count: int = 200) -> list[TissueProperties]:
    """The rims of many lesions of a kind."""
    draw = draw_malignant if lesion is Lesion.MALIGNANT else draw_benign
    return [draw(np.random.default_rng(seed))[Tissue.LESION_RIM] for seed in range(count)]


def late_change(tissue: TissueProperties) -> float:
    """Signal of the last phase relative to the first post-contrast one."""
    signal = spoiled_gradient_echo(Scanner(3.0), tissue, concentration(tissue, PHASES_S), fat_signal=0.1)
    return float(signal[-1] / signal[1])


def test_most_malignant_lesions_wash_out_most_benign_ones_persist_and_some_do_neither() -> None:
    malignant = np.array([late_change(tissue) for tissue in drawn(Lesion.MALIGNANT)])
    benign = np.array([late_change(tissue) for tissue in drawn(Lesion.BENIGN)])
    assert np.mean(malignant < 0.95) > 0.8
    assert np.mean(benign > 1.05) > 0.8
    assert malignant.max() > benign.min()


def test_malignant_lesions_restrict_diffusion_more_than_benign_ones_with_overlap() -> None:
    malignant = np.array([tissue.adc for tissue in drawn(Lesion.MALIGNANT)])
    benign = np.array([tissue.adc for tissue in drawn(Lesion.BENIGN)])
    assert np.median(malignant) == pytest.approx(0.95, abs=0.05)
    assert np.median(benign) == pytest.approx(1.58, abs=0.05)
    assert malignant.max() > benign.min()


def test_benign_lesions_are_brighter_on_t2() -> None:
    malignant, benign = (
        np.median([tissue.t2_ms for tissue in drawn(kind)]) for kind in (Lesion.MALIGNANT, Lesion.BENIGN)
    )
    assert benign > 1.2 * malignant


def test_before_injection_no_tissue_holds_contrast_agent() -> None:
    assert concentration(TISSUES[Tissue.BLOOD], [-40.0, 0.0, 60.0])[:2].tolist() == [0.0, 0.0]


def test_without_uptake_a_tissue_stays_as_it_is() -> None:
    assert concentration(TISSUES[Tissue.CYST], PHASES_S).tolist() == [0.0] * 6


def test_contrast_agent_shortens_t1_and_fat_suppression_darkens_fat() -> None:
    scanner, agent = Scanner(3.0), np.array([0.0, 0.5])
    parenchyma = spoiled_gradient_echo(scanner, TISSUES[Tissue.PARENCHYMA], agent, fat_signal=0.1)
    fat = [spoiled_gradient_echo(scanner, TISSUES[Tissue.FAT], agent[:1], fat_signal=s)[0] for s in (0.1, 1.0)]
    assert parenchyma[1] > 1.5 * parenchyma[0]
    assert fat[0] == pytest.approx(0.1 * fat[1])


def test_a_cyst_is_the_brightest_on_t2_and_a_lesion_stays_bright_in_diffusion() -> None:
    scanner = Scanner(3.0)
    t2 = {tissue: turbo_spin_echo(scanner, properties) for tissue, properties in TISSUES.items()}
    assert max(t2, key=lambda tissue: t2[tissue]) is Tissue.CYST
    lesion = draw_malignant(np.random.default_rng(1))[Tissue.LESION_CORE]
    shares = [diffusion_weighted(each, 800) / diffusion_weighted(each, 0) for each in (lesion, TISSUES[Tissue.CYST])]
    assert shares[0] > shares[1]


def test_a_weaker_magnet_has_a_shorter_t1_and_more_noise() -> None:
    weak, strong = Scanner(1.5), Scanner(3.0)
    muscle = TISSUES[Tissue.MUSCLE]
    assert weak.t1_ms(muscle) < strong.t1_ms(muscle) == muscle.t1_ms
    assert weak.noise == 2 * strong.noise
