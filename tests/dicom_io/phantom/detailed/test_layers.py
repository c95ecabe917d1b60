"""Which material lies where, as shares of voxels."""

from __future__ import annotations

import numpy as np
import pytest

from dicom_io.phantom.acquisition import stream
from dicom_io.phantom.detailed.fields import Deformation
from dicom_io.phantom.detailed.layers import Mixture, mix
from dicom_io.phantom.detailed.materials import Material
from dicom_io.phantom.detailed.patient import DetailedPatient, draw_patient
from dicom_io.phantom.grid import SamplingGrid
from dicom_io.phantom.spec import Lesion, PhantomSpec, Presentation


def patient(seed: int = 2, lesion: Lesion = Lesion.MALIGNANT) -> DetailedPatient:
    spec = PhantomSpec(seed=seed, lesion=lesion, presentation=Presentation.TEXTBOOK)
    return draw_patient(stream(spec, "patient"), stream(spec, "lesion"), spec)


def grid(
    spacing: tuple[float, float, float], corner: tuple[float, float, float], shape: tuple[int, int, int]
) -> SamplingGrid:
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = corner
    return SamplingGrid(shape, affine)


WHOLE = grid((8.0, 8.0, 8.0), (-164.0, -120.0, -76.0), (42, 38, 20))


def volume(mixture: Mixture, on: SamplingGrid, *materials: Material) -> np.ndarray:
    found = np.zeros(int(np.prod(on.shape)), np.float32)
    found[mixture.where] = mixture.shares[list(materials)].sum(axis=0)
    return found.reshape(on.shape)


def test_shares_add_up_and_air_is_outside() -> None:
    mixture = mix(patient(), WHOLE, slice(0, 20))
    total = volume(mixture, WHOLE, *Material)
    assert mixture.shares.min() >= 0
    assert total.max() <= 1 + 1e-5
    assert total[:, 0].max() == 0  # in front of the patient
    assert total[20, 30, 10] == pytest.approx(1, abs=1e-4)  # in the chest


def test_every_tissue_of_a_breast_is_there() -> None:
    mixture = mix(patient(), WHOLE, slice(0, 20))
    rare = {
        Material.VOID,
        Material.SCAR,
        Material.SILICONE,
        Material.PROTEIN_CYST,
        Material.CYST,
        Material.LESION_SEPTUM,
    }
    missing = {row for row in Material if mixture.shares[row].sum() < 0.01} - rare
    assert missing == set()
    assert mixture.breasts.sum(axis=1).min() > 100


def test_the_lesion_is_where_it_was_drawn() -> None:
    found = patient()
    centre = np.array(found.lesions[0].centre_mm)
    placed = found.deformation.moved(tuple(np.float32([c]) for c in centre), -1.0)  # type: ignore[arg-type]
    x, y, z = (float(each[0]) for each in placed)
    near = grid((1.0, 1.0, 1.0), (x - 3, y - 3, z - 3), (7, 7, 7))
    mixture = mix(found, near, slice(0, 7))
    rows = [Material.LESION_RIM, Material.LESION_CORE, Material.LESION_SEPTUM]
    assert mixture.shares[rows].sum(axis=0)[171] > 0.95
    assert mixture.lesion[171] > 0.95


def test_without_a_lesion_no_voxel_holds_one() -> None:
    mixture = mix(patient(lesion=Lesion.NONE), WHOLE, slice(0, 20))
    assert mixture.lesion.max() == 0
    assert mixture.shares[[Material.LESION_RIM, Material.LESION_CORE]].max() == 0


def test_skin_has_one_amount_whatever_the_thickness_of_slices() -> None:
    """Slanting skin is spread over the slices that it crosses, so thick slices hold no less of it than thin ones."""
    amounts = []
    for thickness, count in ((1.5, 64), (6.0, 16)):
        on = grid((3.0, 3.0, thickness), (-150.0, -110.0, -48 + thickness / 2), (100, 40, count))
        mixture = mix(patient(), on, slice(0, count))
        amounts.append(mixture.shares[Material.SKIN].sum() * np.prod(on.spacing_mm))
    assert amounts[1] == pytest.approx(amounts[0], rel=0.08)


def test_slices_are_the_same_together_and_apart() -> None:
    whole = volume(mix(patient(), WHOLE, slice(0, 20)), WHOLE, Material.GLAND)
    part = grid(WHOLE.spacing_mm, tuple(WHOLE.affine[:3, 3]), WHOLE.shape)  # type: ignore[arg-type]
    mixture = mix(patient(), part, slice(5, 15))
    found = np.zeros(42 * 38 * 10, np.float32)
    found[mixture.where] = mixture.shares[Material.GLAND]
    assert np.abs(found.reshape(42, 38, 10)[:, :, 1:-1] - whole[:, :, 6:14]).max() < 1e-5


def test_a_distorted_image_shows_the_patient_elsewhere() -> None:
    still = Deformation(np.zeros((1, 3), np.float32), np.float32([np.pi / 2]), np.float32([[0, 8, 0]]))
    straight, moved = (volume(mix(patient(), WHOLE, slice(0, 20), d), WHOLE, *Material) for d in (None, still))
    assert np.allclose(moved[:, :-1], straight[:, 1:], atol=0.02)
