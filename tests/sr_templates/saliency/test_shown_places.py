"""What the demo model's answers put on a page: nothing without a lesion, and lines on the lesion where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from dicom_io.headers.read import read_series_headers
from dicom_io.phantom.examination import GroundTruth
from dicom_io.phantom.spec import Lesion, PhantomSpec, Size
from dicom_io.phantom.vendors import write_study
from dicom_io.study.case import read_case
from dicom_io.study.classify import assign_roles
from mome_core.calibration import Call
from mome_core.inference import analyze
from mome_core.model.checkpoint import Checkpoint, load_checkpoint
from mome_core.results import Result
from mome_core.volume import Dynamic
from node.models import find_bundle
from phantom import simulated
from phantom_results import DEVICE, evidence_of
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.device import Revision
from sr_templates.dicom.evidence import Evidence
from sr_templates.drawing.box import Box
from sr_templates.drawing.page import Page, scaled
from sr_templates.drawing.projection import MIP, MIP_WITH_CONTOURS, projection_of
from sr_templates.drawing.summary_page import PageOptions, render
from sr_templates.saliency.placed import PlacedSaliency, place_saliency

FIRST_SEED = 910_000  # the demo model has seen none from here on
_LINE_PIXELS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One phantom, the answer, and its page."""

    truth: GroundTruth
    evidence: Evidence
    result: Result
    placed: PlacedSaliency | None
    page: Page

    @property
    def coloured(self) -> dict[str, NDArray[np.bool_]]:
        """Which pixels of each picture have a colour."""
        pixels = self.page.pixels().astype(int)
        parts = {name: pixels[b.y : b.bottom, b.x : b.right] for name, b in self.page.pictures.items()}
        return {name: np.ptp(part, axis=2) > 20 for name, part in parts.items()}


@cache
def demo() -> Checkpoint:
    return load_checkpoint(find_bundle("demo"))


def shown(lesion: Lesion, seed: int, folder: Path, size: Size = Size.SMALL) -> Shown:
    phantom = simulated(PhantomSpec(seed=seed, lesion=lesion, size=size))
    assembly = read_case(assign_roles(read_series_headers(write_study(phantom, "siemens", None, folder))))
    evidence, result = evidence_of(assembly), analyze(assembly.case, demo())
    placed = place_saliency(result, evidence)
    page = render(CommonAttributes(evidence, DEVICE, Revision(), ()), result, placed, PageOptions())
    return Shown(phantom.truth, evidence, result, placed, page)


def breasts_on(study: Shown, box: Box) -> NDArray[np.bool_]:
    """The true breasts in the projection's picture, widened by a line."""
    case = study.evidence.case
    assert case is not None
    assert case.dce is not None
    mask = study.truth.left | study.truth.right
    both = Dynamic(np.stack([0 * mask, 1000 * mask]), case.dce.affine, case.dce.frame_of_reference_uid)
    picture = projection_of(both, None, study.result.breasts).picture
    return np.asarray(binary_dilation(np.asarray(scaled(picture, box))[..., 0] > 100, iterations=_LINE_PIXELS))


def assert_nothing_is_marked(study: Shown) -> None:
    assert study.placed is None or study.placed.region is None
    assert MIP_WITH_CONTOURS not in study.page.pictures
    assert not any(colour.any() for colour in study.coloured.values())


def assert_only_breasts_are_marked(study: Shown) -> None:
    colour = study.coloured
    assert not colour[MIP].any()
    assert colour[MIP_WITH_CONTOURS].any()
    assert not (colour[MIP_WITH_CONTOURS] & ~breasts_on(study, study.page.pictures[MIP_WITH_CONTOURS])).any()


def peak_in_lesion(study: Shown) -> bool:
    """Whether the peak lies in the lesion, or in a voxel beside it."""
    assert study.placed is not None
    assert study.placed.region is not None
    return bool(binary_dilation(study.truth.lesion)[study.placed.region.peak])


@pytest.mark.slow
def test_a_phantom_without_lesion_has_a_page_on_which_nothing_is_marked(tmp_path: Path) -> None:
    assert_nothing_is_marked(shown(Lesion.NONE, FIRST_SEED + 1, tmp_path, Size.TINY))


@pytest.mark.slow
def test_a_malignant_lesion_has_lines_on_it_and_nowhere_outside_the_breasts(tmp_path: Path) -> None:
    study = shown(Lesion.MALIGNANT, FIRST_SEED + 1, tmp_path, Size.TINY)
    assert study.result.scores[0].call is Call.POSITIVE
    assert_only_breasts_are_marked(study)
    assert peak_in_lesion(study)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + 60))
def test_nothing_is_marked_without_a_lesion(seed: int, tmp_path: Path) -> None:
    assert_nothing_is_marked(shown(Lesion.NONE, seed, tmp_path))


@pytest.mark.exhaustive
@pytest.mark.timeout(7200)
def test_of_shown_regions_19_in_20_have_their_peak_in_the_lesion(tmp_path: Path) -> None:
    hits = []
    for seed in range(FIRST_SEED, FIRST_SEED + 60):
        study = shown(Lesion.MALIGNANT, seed, tmp_path / str(seed))
        if study.placed is not None and study.placed.region is not None:
            assert_only_breasts_are_marked(study)
            hits.append(peak_in_lesion(study))
    assert len(hits) >= 40
    assert np.mean(hits) >= 0.95
