"""Planes through the patient: seen as a reader expects them, whatever way the slices run."""

from __future__ import annotations

import numpy as np
import pytest

from mome_core.case import Modality
from sr_studies import AXIAL as ACQUIRED_AXIAL
from sr_studies import OBLIQUE, Layout, make_evidence
from sr_studies import SAGITTAL as ACQUIRED_SAGITTAL
from sr_templates.drawing.planes import AXIAL, CORONAL, SAGITTAL, Upright, anatomy, cut, direction_letters

LESION = np.array([60.0, -20.0, 5.0])


@pytest.mark.parametrize("orientation", [ACQUIRED_AXIAL, ACQUIRED_SAGITTAL, OBLIQUE], ids=["axial", "sag", "oblique"])
@pytest.mark.parametrize("view", [AXIAL, SAGITTAL, CORONAL], ids=lambda view: view.name)
def test_a_cut_through_the_lesion_is_brightest_in_its_middle(orientation, view) -> None:  # type: ignore[no-untyped-def]
    case = make_evidence(Layout(orientation=orientation)).case
    assert case is not None
    volume = anatomy(case, Modality.DCE)
    assert volume is not None
    plane = cut(volume, view, LESION, 80.0, 41)
    row, column = np.unravel_index(plane.argmax(), plane.shape)
    assert max(abs(row - 20), abs(column - 20)) <= 5


@pytest.mark.parametrize(
    ("orientation", "letters"),
    [
        ((1, 0, 0, 0, 1, 0), ("R", "L", "A", "P")),
        ((-1, 0, 0, 0, -1, 0), ("L", "R", "P", "A")),
        ((0, 1, 0, 0, 0, -1), ("A", "P", "H", "F")),
        ((0.98, 0.17, 0, -0.17, 0.98, 0), ("R", "L", "A", "P")),
    ],
)
def test_letters_follow_the_directions_of_rows_and_columns(
    orientation: tuple[float, ...], letters: tuple[str, ...]
) -> None:
    assert direction_letters(np.array(orientation, dtype=float)) == letters


def test_a_projection_is_turned_to_anterior_on_top_and_left_on_the_right() -> None:
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])  # columns to the right, rows to anterior
    seen = Upright.of(affine).seen_from_below(np.array([[1, 2], [3, 4], [5, 6]]))
    assert seen.tolist() == [[6, 4, 2], [5, 3, 1]]
