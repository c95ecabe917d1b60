"""The figures of the phantom on fewer patients: limits hold with room, and the simple patient misses them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from benchmarks.phantom import (
    LESIONS,
    SEEDS,
    Figure,
    MeasuredPhantom,
    figures_of,
    joint_auroc,
    measured,
    separability,
)
from dicom_io.phantom.spec import Anatomy, PhantomSpec, Size


@cache
def found(anatomy: Anatomy, count: int) -> tuple[MeasuredPhantom, ...]:
    specs = (PhantomSpec(SEEDS + n, LESIONS[n % 7], Size.SMALL, anatomy=anatomy) for n in range(count))
    return tuple(measured(spec) for spec in specs)


def figure(anatomy: Anatomy, count: int, name: str) -> float:
    return next(each.value for each in figures_of(found(anatomy, count)) if each.name == name)


@pytest.mark.slow
def test_the_detailed_parenchyma_has_the_spectrum_of_breasts_and_projections_have_no_terraces() -> None:
    assert 2.5 <= figure(Anatomy.DETAILED, 28, "slope b of the parenchyma's spectrum") <= 3.5
    assert figure(Anatomy.DETAILED, 28, "terraces, coronal projection") <= 2
    assert figure(Anatomy.DETAILED, 28, "terraces, axial projection") <= 2


@pytest.mark.slow
def test_the_simple_patient_has_terraces_that_the_measure_sees() -> None:
    assert figure(Anatomy.SIMPLE, 7, "terraces, coronal projection") > 2
    assert figure(Anatomy.SIMPLE, 7, "terraces, axial projection") > 2


@pytest.mark.slow
def test_the_hottest_voxel_is_not_always_the_lesion() -> None:
    assert 0.4 < figure(Anatomy.DETAILED, 28, "hottest voxel in a lesion") < 0.95


def test_a_joint_auroc_is_cross_validated() -> None:
    positive = np.arange(200) % 2 == 0
    noises = [np.random.default_rng(seed).standard_normal((200, 3)) for seed in range(12)]
    assert np.mean([joint_auroc(noise.tolist(), positive) for noise in noises]) == pytest.approx(0.5, abs=0.05)
    noise = noises[0]
    told = noise + positive[:, None] * np.array([1.5, 1.5, 0.0])
    assert joint_auroc(told.tolist(), positive) > 0.9
    assert separability((-told[:, 0]).tolist(), positive) == separability(told[:, 0].tolist(), positive) > 0.8


def test_a_figure_says_when_its_limit_is_missed() -> None:
    assert Figure("slope", 3.0, 2.5, 3.5).holds
    assert "MISSED" in str(Figure("slope", 4.0, 2.5, 3.5))
    assert "MISSED" in str(Figure("slope", 2.0, 2.5, 3.5))
    assert Figure("for information", 9.0).holds
