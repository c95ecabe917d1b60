"""Detailed patients as they are drawn."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from dicom_io.phantom.acquisition import stream
from dicom_io.phantom.detailed.materials import Material
from dicom_io.phantom.detailed.patient import BackgroundEnhancement, DensityClass, DetailedPatient, draw_patient
from dicom_io.phantom.spec import Breasts, Lesion, PhantomSpec, Position, Presentation


def patient(seed: int = 1, **choices: Any) -> DetailedPatient:
    spec = PhantomSpec(seed=seed, **choices)
    return draw_patient(stream(spec, "patient"), stream(spec, "lesion"), spec)


@cache
def patients() -> tuple[DetailedPatient, ...]:
    return tuple(patient(seed, lesion=list(Lesion)[seed % 3]) for seed in range(60))


def inside(found: DetailedPatient) -> float:
    """How far out the index lesion lies, 1 at the skin of its breast."""
    centre = found.lesions[0].centre_mm
    return float(
        min(
            sum(((c - m) / a) ** 2 for c, m, a in zip(centre, b.centre_mm, b.semi_axes_mm, strict=True))
            for b in found.breasts
        )
    )


def test_lesions_lie_inside_a_breast() -> None:
    assert max(inside(each) for each in patients() if each.lesions) < 0.95


def test_density_and_background_enhancement_take_every_class() -> None:
    assert {each.density for each in patients()} == set(DensityClass)
    assert {each.background for each in patients()} == set(BackgroundEnhancement)
    more = np.mean([each.background >= BackgroundEnhancement.MODERATE for each in patients()])
    assert 0.15 < more < 0.45  # 30 % are asked for
    gland = {
        kind: [b.glandular for each in patients() if each.density is kind for b in each.breasts]
        for kind in DensityClass
    }
    assert [np.mean(gland[kind]) for kind in DensityClass] == sorted(np.mean(gland[kind]) for kind in DensityClass)


def test_breasts_differ_in_size_between_patients_more_than_between_sides() -> None:
    volumes = np.array([[np.prod(b.semi_axes_mm) for b in each.breasts] for each in patients()])
    ratio = np.log(volumes[:, 0] / volumes[:, 1])
    assert np.log(volumes.mean(axis=1)).std() > 1.5 * ratio.std() > 0.03


def test_the_kind_of_lesion_changes_no_breast() -> None:
    sick, healthy = patient(7), patient(7, lesion=Lesion.NONE)
    assert sick.breasts == healthy.breasts
    assert np.array_equal(sick.texture.lattice, healthy.texture.lattice)
    assert healthy.lesions == () and healthy.traits is None


def test_cysts_keep_their_distance_from_lesions() -> None:
    for each in patients():
        for lesion in each.lesions:
            for blob in each.blobs:
                gap = np.linalg.norm(np.subtract(blob.centre_mm, lesion.centre_mm)) - max(blob.semi_axes_mm)
                assert gap > 1.3 * lesion.radius_mm


def test_cysts_nodes_clips_and_cavities_occur() -> None:
    seen = {blob.material for each in patients() for blob in each.blobs}
    assert {Material.CYST, Material.PROTEIN_CYST, Material.NODE, Material.VOID, Material.SCAR} <= seen
    plain = {b.material for seed in range(30) for b in patient(seed, presentation=Presentation.TEXTBOOK).blobs}
    assert plain == {Material.CYST, Material.NODE, Material.FAT}


def test_textbook_patients_have_quiet_breasts_and_working_fat_suppression() -> None:
    found = [patient(seed, presentation=Presentation.TEXTBOOK) for seed in range(20)]
    assert max(each.background for each in found) <= BackgroundEnhancement.MILD
    assert {each.failed_side for each in found} == {0}


@pytest.mark.parametrize(
    ("breasts", "sides"), [(Breasts.BOTH, [False, True]), (Breasts.LEFT, [True]), (Breasts.RIGHT, [False])]
)
def test_left_is_towards_positive_x_and_one_breast_may_be_missing(breasts: Breasts, sides: list[bool]) -> None:
    assert [each.is_left for each in patient(breasts=breasts).breasts] == sides


def test_supine_breasts_are_flatter() -> None:
    prone, supine = (patient(position=each).breasts[0].semi_axes_mm[1] for each in (Position.PRONE, Position.SUPINE))
    assert supine < 0.8 * prone
