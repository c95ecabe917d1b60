"""Shapes of lesions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dicom_io.phantom.detailed.fields import RandomField, power_law_field
from dicom_io.phantom.detailed.lesions import LesionGeometry, draw_lesions, draw_spicules
from dicom_io.phantom.detailed.population import Histology, LesionForm, LesionTraits, MassShape, draw_traits
from dicom_io.phantom.spec import Lesion, Presentation

WIDTH_MM = 1.0
CENTRE = (80.0, -10.0, 5.0)


def traits(**changes: object) -> LesionTraits:
    drawn = draw_traits(np.random.default_rng(1), Lesion.MALIGNANT, Presentation.TEXTBOOK)
    assert drawn is not None
    return replace(drawn, **{"diameter_mm": 20.0, **changes})  # type: ignore[arg-type]


def field() -> RandomField:
    return power_law_field(np.random.default_rng(2), exponent=3.0, pitch_mm=2.0, longest_mm=45.0)


def parts(lesion: LesionGeometry) -> tuple[np.ndarray, ...]:
    """(extent, solid, core, septa) on a cube of 40 mm about it."""
    axis = np.arange(-22, 23, WIDTH_MM, dtype=np.float32)
    offsets = np.meshgrid(axis, axis, axis, indexing="ij")
    x, y, z = (o.ravel() + np.float32(c) for o, c in zip(offsets, lesion.centre_mm, strict=True))
    return lesion.parts((x, y, z), field(), WIDTH_MM)


def one(seed: int = 3, **changes: object) -> LesionGeometry:
    return draw_lesions(np.random.default_rng(seed), traits(**changes), CENTRE, 1.0)[0]


@pytest.mark.parametrize("shape", list(MassShape))
def test_a_mass_has_about_the_volume_of_its_diameter(shape: MassShape) -> None:
    extent, solid, core, _ = parts(one(shape=shape))
    assert extent.sum() == pytest.approx(4 / 3 * np.pi * 10**3, rel=0.45)
    assert np.array_equal(extent, solid)
    assert 0 < core.sum() < extent.sum()


def roughness(lesion: LesionGeometry) -> float:
    """Surface relative to that of a ball of the same volume."""
    extent = parts(lesion)[0].reshape(45, 45, 45)
    surface = sum(np.abs(np.diff(extent, axis=axis)).sum() for axis in range(3))
    return float(surface / extent.sum() ** (2 / 3))


def test_irregular_masses_are_rougher_than_round_ones() -> None:
    rough, smooth = (
        np.mean([roughness(one(seed, shape=shape)) for seed in range(4)])
        for shape in (MassShape.IRREGULAR, MassShape.ROUND)
    )
    assert rough > 1.05 * smooth


def test_non_mass_enhancement_leaves_gaps() -> None:
    extent, solid, _, _ = parts(one(form=LesionForm.NON_MASS, diameter_mm=30.0))
    assert 0.05 < solid.sum() / extent.sum() < 0.9


def test_most_fibroadenomas_have_dark_septa_and_no_other_mass_has() -> None:
    having = [len(one(seed, histology=Histology.FIBROADENOMA).septa) > 0 for seed in range(60)]
    assert 0.4 < np.mean(having) < 0.85
    assert len(one().septa) == 0
    septate = next(one(seed, histology=Histology.FIBROADENOMA) for seed in range(60) if having[seed])
    extent, _, _, septa = parts(septate)
    assert 0 < (septa * extent).sum() < 0.4 * extent.sum()


def test_satellites_are_smaller_and_near() -> None:
    index, *others = draw_lesions(np.random.default_rng(4), traits(satellites=3), CENTRE, 1.0)
    assert len(others) == 3
    for each in others:
        assert 2 <= each.radius_mm < index.radius_mm
        assert 10 < np.linalg.norm(np.subtract(each.centre_mm, index.centre_mm)) < 55


def test_a_scaled_lesion_has_another_radius_and_its_place() -> None:
    whole, half = (draw_lesions(np.random.default_rng(5), traits(), CENTRE, scale)[0] for scale in (1.0, 0.5))
    assert half.radius_mm == 0.5 * whole.radius_mm
    assert half.centre_mm == whole.centre_mm


def test_only_spiculated_masses_have_spicules_and_these_leave_the_mass() -> None:
    found = {}
    for shape in MassShape:
        lesion = one(shape=shape)
        strands = draw_spicules(np.random.default_rng(6), traits(shape=shape), [lesion])
        found[shape] = np.linalg.norm(strands.points_mm - np.array(lesion.centre_mm), axis=1)
    assert all(not len(found[shape]) for shape in MassShape if shape is not MassShape.SPICULATED)
    assert found[MassShape.SPICULATED].max() > 13.0


def test_nothing_of_a_lesion_lies_beyond_its_reach() -> None:
    for shape in MassShape:
        lesion = one(shape=shape)
        extent = parts(lesion)[0].reshape(45, 45, 45)
        furthest = max(np.abs(np.argwhere(extent > 0.5) - 22).max() * WIDTH_MM, 0)
        assert furthest <= lesion.reach_mm
