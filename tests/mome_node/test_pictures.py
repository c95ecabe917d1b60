"""Quick pictures show each volume, and the colours of a map where the score came from; what cannot be shown is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL.Image import Image

from calibrations import a_score
from mome_core.case import Case, Modality
from mome_core.results import Contribution, Endpoint, ModelIdentity, Result, Saliency
from mome_core.volume import Dynamic, Volume
from mome_node.pictures import case_picture, saliency_picture
from sr_templates.drawing.colour import ACCENT, COOL

AFFINE = np.array([[2.0, 0, 0, -63], [0, 2.0, 0, -63], [0, 0, 4.0, -30], [0, 0, 0, 1]])
DEMO = ModelIdentity("demo", "1", "a" * 64, "knows phantoms")
RAISED, LOWERED = (48, 20, 8), (16, 20, 8)  # in the left and in the right half of the patient, anterior
MARGIN, CELL, GAP = 24, 300, 12


def volume_with(*spots: tuple[tuple[int, int, int], float], size: int = 64) -> Volume:
    voxels = np.zeros((size, size, 16), dtype=np.float32)
    for (i, j, k), value in spots:
        voxels[i - 2 : i + 3, j - 2 : j + 3, k - 1 : k + 2] = value
    return Volume(voxels, AFFINE, "1.2.3")


def a_case() -> Case:
    noise = np.random.default_rng(0).uniform(0, 100, (3, 64, 64, 16)).astype(np.float32)
    return Case(dce=Dynamic(noise, AFFINE, "1.2.3", (-90.0, 0.0, 80.0)), t2=Volume(noise[0], AFFINE, "1.2.3"))


def a_result(*modalities: Modality) -> Result:
    maps = tuple(
        Saliency(
            Endpoint.MALIGNANCY,
            each,
            volume_with((RAISED, 0.1), (LOWERED, -0.05)),
            "integrated gradients",
            "blur",
            8,
            0.01,
        )
        for each in modalities
    )
    score = a_score(DEMO, 0.8, contributions=tuple(Contribution(each, 0.1) for each in modalities))
    return Result((score,), maps, modalities)


def coloured(picture: Image, colour: tuple[int, int, int]) -> np.ndarray:
    """Rows and columns in the second picture of the first row whose hue is this colour's."""
    left = MARGIN + CELL + GAP
    cell = np.asarray(
        picture.crop((left, picture.height - MARGIN - GAP - CELL, left + CELL, picture.height - MARGIN - GAP))
    )
    channels = cell.astype(int)
    strongest, weakest = (0, 2) if colour is ACCENT else (2, 0)
    return np.argwhere(channels[..., strongest] - channels[..., weakest] > 60)


def test_a_case_shows_both_phases_their_difference_and_each_other_volume() -> None:
    width = {len(modalities): case_picture(case, None).width for modalities, case in _cases()}
    assert width == {1: 2 * MARGIN + 3 * CELL + 2 * GAP, 2: 2 * MARGIN + 4 * CELL + 3 * GAP}


def _cases() -> list[tuple[tuple[Modality, ...], Case]]:
    return [(each.modalities, each) for each in (a_case(), replace(a_case(), t2=None))]


def test_the_cuts_go_through_the_point_that_is_asked_for() -> None:
    bright = volume_with((RAISED, 100.0))
    at = AFFINE @ (*RAISED, 1)
    through = np.asarray(case_picture(Case(t2=bright), (at[0], at[1], at[2])))
    beside = np.asarray(case_picture(Case(t2=bright), (at[0], at[1], at[2] + 24)))
    assert through.sum() > beside.sum()


def test_a_case_without_volumes_cannot_be_shown() -> None:
    with pytest.raises(ValueError, match="no volume"):
        case_picture(Case(), None)


def test_what_raised_the_score_is_orange_on_the_side_where_it_lies_and_what_lowered_it_is_blue() -> None:
    picture = saliency_picture(a_case(), a_result(Modality.DCE), "")
    raised, lowered = coloured(picture, ACCENT), coloured(picture, COOL)
    assert raised.size and lowered.size
    assert raised[:, 1].min() > CELL / 2 > lowered[:, 1].max(), "the patient's left is on the right"
    middle = (np.array(RAISED[:2]) + 0.5) / 64 * CELL
    assert np.abs(raised.mean(axis=0)[::-1] - middle).max() < 10


def test_every_map_has_the_colours_of_the_strongest() -> None:
    result = a_result(Modality.T2)
    strong = Saliency(Endpoint.MALIGNANCY, Modality.DCE, volume_with((RAISED, 10.0)), "x", "blur", 8, 0.01)
    weak_beside_strong = saliency_picture(a_case(), replace(result, saliency=(strong, *result.saliency)), "malignancy")
    assert coloured(weak_beside_strong, ACCENT).size == 0
    assert coloured(saliency_picture(a_case(), result, "malignancy"), ACCENT).size > 0


def test_each_modality_has_a_row() -> None:
    one, two = (saliency_picture(a_case(), a_result(*m), "") for m in ((Modality.DCE,), (Modality.DCE, Modality.T2)))
    assert two.height > one.height + CELL


def test_a_map_that_is_zero_everywhere_is_shown_clean() -> None:
    result = a_result(Modality.DCE)
    empty = replace(result.saliency[0], volume=volume_with())
    assert coloured(saliency_picture(a_case(), replace(result, saliency=(empty,)), ""), ACCENT).size == 0


def test_an_endpoint_without_maps_and_a_withheld_score_are_said() -> None:
    with pytest.raises(ValueError, match="no saliency map of triple_negative; there is: malignancy"):
        saliency_picture(a_case(), a_result(Modality.DCE), Endpoint.TRIPLE_NEGATIVE)
    with pytest.raises(ValueError, match="none was computed"):
        saliency_picture(a_case(), replace(a_result(Modality.DCE), saliency=()), "")
    with pytest.raises(ValueError, match="moved too far"):
        saliency_picture(a_case(), Result((), (), (Modality.DCE,), withheld="the breasts moved too far"), "")
