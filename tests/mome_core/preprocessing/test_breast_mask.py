"""Both breasts are found on any orientation, position and field strength; chest and air are not in the mask."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from dicom_io.headers.read import read_series_headers
from dicom_io.phantom.anatomy import simulate
from dicom_io.phantom.examination import Phantom
from dicom_io.phantom.options import StudyOptions
from dicom_io.phantom.spec import Breasts, PhantomSpec, Position, Size, SliceOrientation
from dicom_io.phantom.vendors import LAYOUTS, write_study
from dicom_io.study.case import read_case
from dicom_io.study.classify import assign_roles
from dicom_io.vendors.base import Vendor
from mome_core.case import Modality
from mome_core.errors import StudyIneligible
from mome_core.preprocessing.breast_mask import BreastMask, _left_of, find_breasts
from mome_core.preprocessing.recipe import BreastRules
from mome_core.preprocessing.survey import survey_of
from mome_core.volume import Volume

pytestmark = pytest.mark.slow

RULES = BreastRules()
IN_FILES = [  # every pair of vendor and orientation, of vendor and position, and of orientation and position
    (vendor, orientation, list(Position)[(n + m) % 2])
    for n, vendor in enumerate(LAYOUTS)
    for m, orientation in enumerate(SliceOrientation)
]


@cache
def found(**spec: Any) -> tuple[Phantom, BreastMask]:
    phantom = simulate(PhantomSpec(**spec))
    assert phantom.dce is not None
    survey = survey_of(phantom.dce.phase(0), RULES.working_mm)
    return phantom, find_breasts(survey.phases[0], survey.affine, RULES)


def on_dce(phantom: Phantom, mask: BreastMask) -> NDArray[np.bool_]:
    assert phantom.dce is not None
    return mask.on(phantom.dce.affine, phantom.truth.left.shape)


@pytest.mark.parametrize(
    "spec",
    [
        {"orientation": SliceOrientation.AXIAL, "position": Position.PRONE, "field_strength_t": 3.0, "seed": 11},
        {
            "orientation": SliceOrientation.AXIAL_TURNED,
            "position": Position.SUPINE,
            "field_strength_t": 1.5,
            "seed": 12,
        },
        {"orientation": SliceOrientation.SAGITTAL, "position": Position.PRONE, "field_strength_t": 1.5, "seed": 13},
        {"orientation": SliceOrientation.OBLIQUE, "position": Position.SUPINE, "field_strength_t": 3.0, "seed": 14},
        {"orientation": SliceOrientation.AXIAL, "position": Position.SUPINE, "size": Size.SMALL, "seed": 15},
    ],
    ids=lambda spec: f"{spec['orientation']}-{spec['position']}",
)
def test_the_mask_overlaps_the_truth(spec: dict[str, Any]) -> None:
    phantom, mask = found(**spec)
    truth, got = phantom.truth.left | phantom.truth.right, on_dce(phantom, mask)
    assert 2 * (got & truth).sum() / (got.sum() + truth.sum()) >= 0.9
    assert (got & phantom.truth.lesion).sum() >= 0.98 * phantom.truth.lesion.sum()


def test_chest_and_air_are_excluded() -> None:
    phantom, mask = found(seed=15, position=Position.SUPINE, orientation=SliceOrientation.AXIAL, size=Size.SMALL)
    assert phantom.dce is not None
    got, truth = on_dce(phantom, mask), phantom.truth.left | phantom.truth.right
    pre = phantom.dce.voxels[0]
    air = ndimage.binary_erosion(ndimage.gaussian_filter(pre.astype(np.float32), 1) < 15, iterations=3)
    below = np.flatnonzero(truth.any(axis=(0, 2)))[-1]
    assert (got & air & ~truth).sum() < 0.001 * got.sum()
    assert not got[:, below + 6 :].any()


def test_left_is_the_patients_left_in_every_orientation() -> None:
    for orientation in (SliceOrientation.AXIAL, SliceOrientation.SAGITTAL):
        _, mask = found(seed=16, orientation=orientation, breasts=Breasts.LEFT)
        left_ml, right_ml = mask.volumes_ml
        assert left_ml > 300 and right_ml < RULES.smallest_breast_ml


@pytest.mark.parametrize(("starts_mm", "is_left"), [(-165.0, False), (0.0, True)])
def test_in_a_field_of_one_breast_all_is_of_its_side(starts_mm: float, is_left: bool) -> None:
    """The middle of such a field lies in the breast: half of it was called the other side."""
    share = np.zeros((66, 100, 40), np.float32)
    share[10:56, 20:60, 10:30] = 1.0
    affine = np.diag([2.5, 2.5, 2.5, 1.0])
    affine[0, 3] = starts_mm
    found = _left_of(share, 33.0, affine, RULES)
    assert (found == is_left).all()


@pytest.mark.parametrize("seed", [21, 22])
@pytest.mark.parametrize("is_left", [True, False], ids=["left", "right"])
def test_a_field_of_one_side_shows_its_breast(is_left: bool, seed: int) -> None:
    """I-SPY 1 and the NACT pilot: such studies were ineligible, for the torso's middle is not in the field's."""
    phantom = simulate(PhantomSpec(seed=seed, orientation=SliceOrientation.SAGITTAL, size=Size.SMALL))
    assert phantom.dce is not None
    whole = survey_of(phantom.dce.phase(0), RULES.working_mm)
    x = whole.affine[0, 3] + whole.affine[0, 0] * np.arange(whole.phases.shape[1])
    side = np.flatnonzero(x > 0 if is_left else x < 0)
    affine = whole.affine.copy()
    affine[:3, 3] += affine[:3, 0] * side[0]
    mask = find_breasts(whole.phases[0][side], affine, RULES)
    here = phantom.truth.left if is_left else phantom.truth.right
    got = on_dce(phantom, mask)
    assert 2 * (got & here).sum() / (got.sum() + here.sum()) >= 0.9
    assert mask.share.shape[0] == len(side)
    assert (mask.left == is_left).all()


def test_the_box_holds_the_breasts_and_the_margin() -> None:
    _, mask = found(seed=11, orientation=SliceOrientation.AXIAL, position=Position.PRONE, field_strength_t=3.0)
    low, high = mask.box_on(mask.affine, (134, 134, 63), 10.0) or ((0, 0, 0), (0, 0, 0))
    inside = np.argwhere(mask.mask)
    assert (inside.min(axis=0) - low == np.clip(4, 0, inside.min(axis=0))).all()
    assert (np.array(high) - inside.max(axis=0) >= 1).all()
    elsewhere = np.diag([1.0, 1.0, 1.0, 1.0])
    elsewhere[:3, 3] = 5000.0
    assert mask.box_on(elsewhere, (10, 10, 10), 10.0) is None


@pytest.mark.parametrize("name", ["nothing", "noise", "one brightness", "a ball"])
def test_what_holds_no_breast_is_ineligible(name: str) -> None:
    rng = np.random.default_rng(1)
    x, y, z = np.mgrid[-1:1:40j, -1:1:40j, -1:1:20j]
    voxels = {
        "nothing": np.zeros((40, 40, 20), np.float32),
        "noise": rng.rayleigh(6, (40, 40, 20)).astype(np.float32),
        "one brightness": np.full((40, 40, 20), 300.0, np.float32),
        "a ball": np.where(x**2 + y**2 + z**2 < 0.25, 300.0, 5.0).astype(np.float32),
    }[name]
    survey = survey_of(Volume(voxels, np.diag([8.0, 8.0, 8.0, 1.0]), "1"), RULES.working_mm)
    with pytest.raises(StudyIneligible, match="no breast was found"):
        find_breasts(survey.phases[0], survey.affine, RULES)


def test_the_same_patient_gives_the_same_mask_prone_or_turned() -> None:
    first, second = (
        found(seed=17, orientation=turned, position=Position.PRONE)[1]
        for turned in (SliceOrientation.AXIAL, SliceOrientation.SAGITTAL)
    )
    assert np.allclose(first.volumes_ml, second.volumes_ml, rtol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("vendor", "orientation", "position"), IN_FILES)
def test_the_mask_overlaps_the_truth_in_files_of_every_vendor(
    tmp_path: Path, vendor: Vendor, orientation: SliceOrientation, position: Position
) -> None:
    spec = PhantomSpec(
        seed=20 + 8 * list(LAYOUTS).index(vendor) + list(SliceOrientation).index(orientation),
        orientation=orientation,
        position=position,
        size=Size.SMALL,
        post_phases=1,
        field_strength_t=1.5 if position is Position.PRONE else 3.0,
        without=frozenset({Modality.T2, Modality.DWI}),
    )
    phantom = simulate(spec)
    paths = write_study(phantom, vendor, None, tmp_path, StudyOptions(only=("dce",)))
    dynamic = read_case(assign_roles(read_series_headers(paths))).case.dce
    assert dynamic is not None
    survey = survey_of(dynamic.phase(0), RULES.working_mm)
    truth = phantom.truth.left | phantom.truth.right
    got = on_dce(phantom, find_breasts(survey.phases[0], survey.affine, RULES))
    assert 2 * (got & truth).sum() / (got.sum() + truth.sum()) >= 0.9
