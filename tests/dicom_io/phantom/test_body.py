"""Simulated patients as they are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from dicom_io.phantom.body import Body, Ellipsoid, clear_of, draw_body, draw_texture, resized
from dicom_io.phantom.spec import Breasts, Lesion, Position
from dicom_io.phantom.tissue import Tissue


def patient(
    seed: int = 1,
    lesion: Lesion = Lesion.MALIGNANT,
    breasts: Breasts = Breasts.BOTH,
    position: Position = Position.PRONE,
) -> Body:
    return draw_body(np.random.default_rng(seed), lesion, breasts, position)


@pytest.mark.parametrize("seed", range(4))
def test_the_lesion_lies_inside_a_breast(seed: int) -> None:
    body = patient(seed)
    assert body.lesion is not None
    inside = [
        sum(((c - m) / a) ** 2 for c, m, a in zip(body.lesion.centre_mm, b.centre_mm, b.semi_axes_mm, strict=True))
        for b in body.breasts
    ]
    assert min(inside) < 1


def test_a_lesion_is_resized_and_the_patient_stays() -> None:
    body = patient()
    smaller = resized(body, 0.5)
    assert body.lesion is not None and smaller.lesion is not None
    assert smaller.lesion.radius_mm == 0.5 * body.lesion.radius_mm
    assert smaller.lesion.centre_mm == body.lesion.centre_mm and smaller.breasts is body.breasts
    assert resized(body, 1.0) is body and resized(patient(lesion=Lesion.NONE), 0.5).lesion is None


def test_without_a_lesion_there_is_none() -> None:
    assert patient(lesion=Lesion.NONE).lesion is None


def test_a_benign_lesion_is_smoother_than_a_malignant_one() -> None:
    malignant, benign = patient(lesion=Lesion.MALIGNANT).lesion, patient(lesion=Lesion.BENIGN).lesion
    assert malignant is not None
    assert benign is not None
    assert np.abs(benign.bumps[:, 3]).max() <= 0.05 < np.abs(malignant.bumps[:, 3]).max()


def test_left_is_towards_positive_x_and_one_breast_may_be_missing() -> None:
    assert [b.centre_mm[0] > 0 for b in patient().breasts] == [False, True]
    assert [b.centre_mm[0] > 0 for b in patient(breasts=Breasts.LEFT).breasts] == [True]
    assert [b.centre_mm[0] > 0 for b in patient(breasts=Breasts.RIGHT).breasts] == [False]


def test_supine_breasts_are_flatter() -> None:
    prone, supine = (patient(position=position).breasts[0] for position in (Position.PRONE, Position.SUPINE))
    assert supine.semi_axes_mm[1] < 0.8 * prone.semi_axes_mm[1]
    assert prone.nipple_mm[1] == prone.centre_mm[1] - prone.semi_axes_mm[1]


def test_cysts_keep_their_distance_from_the_lesion() -> None:
    lesion = patient().lesion
    assert lesion is not None
    x, y, z = lesion.centre_mm
    assert not clear_of(lesion, Ellipsoid(Tissue.CYST, lesion.centre_mm, (2.0, 2.0, 2.0)))
    assert clear_of(lesion, Ellipsoid(Tissue.CYST, (x, y, z + 3 * lesion.radius_mm), (2.0, 2.0, 2.0)))
    assert clear_of(None, Ellipsoid(Tissue.CYST, (x, y, z), (2.0, 2.0, 2.0)))


def test_a_texture_is_periodic_with_mean_0_and_standard_deviation_1() -> None:
    texture = draw_texture(np.random.default_rng(0), pitch_mm=2.0, sigma=1.0)
    axis = np.linspace(0, 50, 20, dtype=np.float32)
    period = np.float32(64 * 2.0)
    here, there = (texture.at((axis + shift, axis, axis)) for shift in (np.float32(0), period))
    assert here == pytest.approx(there, abs=1e-3)
    assert texture.lattice.mean() == pytest.approx(0, abs=0.05)
    assert texture.lattice.std() == pytest.approx(1, abs=1e-3)
