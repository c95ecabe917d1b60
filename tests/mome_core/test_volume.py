"""What an affine says of its voxels."""

from __future__ import annotations

import numpy as np
import pytest

from mome_core.volume import Volume, require_affine, spacing_of, voxel_ml_of

TURNED = np.array([[0.0, 2.0, 0.0, 5.0], [-0.5, 0.0, 0.0, 6.0], [0.0, 0.0, 3.0, 7.0], [0.0, 0.0, 0.0, 1.0]])


def test_spacing_and_volume_of_a_voxel_do_not_depend_on_its_orientation() -> None:
    assert spacing_of(TURNED) == (0.5, 2.0, 3.0)
    assert voxel_ml_of(TURNED) == pytest.approx(0.003)
    mirrored = TURNED @ np.diag([-1.0, 1.0, 1.0, 1.0])
    assert voxel_ml_of(mirrored) == pytest.approx(0.003)
    assert Volume(np.zeros((2, 2, 2)), TURNED, "").spacing_mm == (0.5, 2.0, 3.0)


@pytest.mark.parametrize(
    ("affine", "words"),
    [(np.eye(3), "4 x 4"), (np.full((4, 4), np.nan), "finite"), (np.diag([1.0, 1.0, 0.0, 1.0]), "singular")],
)
def test_what_is_no_affine_is_refused(affine: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        require_affine(affine)
