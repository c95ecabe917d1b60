"""What the viewer dwv makes of segmentation, map and page: the same voxels, in a real browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from dicom_io.phantom.spec import Lesion, PhantomSpec, Size
from dwv import Loaded, available, loaded_by_dwv
from phantom_results import DEVICE, AnsweredStudy, answered_study
from sr_readers import on_grid
from sr_templates.build import ResultObjects, build_objects, encode
from sr_templates.dicom.evidence import Slices
from sr_templates.kinds import Kind
from sr_templates.saliency.placed import PlacedSaliency, place_saliency

pytestmark = [
    pytest.mark.system,
    pytest.mark.exhaustive,  # npm fetches the viewer
    pytest.mark.skipif(not available(), reason="needs chromium and npm"),
]


@dataclass(frozen=True, slots=True)
class Shown:
    """A study with its objects, in a folder that the browser sees."""

    folder: Path
    study: AnsweredStudy
    objects: ResultObjects

    @property
    def placed(self) -> PlacedSaliency:
        placed = place_saliency(self.study.result, self.study.evidence)
        assert placed is not None
        return placed

    def load(self, kind: Kind, images: Slices = ()) -> Loaded:
        """An object of this kind, after the series of these images."""
        file = self.folder / f"{kind}.dcm"
        file.write_bytes(encode(self.objects.by_kind[kind][0]))
        return loaded_by_dwv(self.folder, self.files_of(images), file)

    def files_of(self, images: Slices) -> Sequence[Path]:
        wanted = {str(image.header.SOPInstanceUID) for image in images}
        return [path for path in self.study.paths if dcmread(path, stop_before_pixels=True).SOPInstanceUID in wanted]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    folder = tmp_path_factory.mktemp("dwv")
    spec = PhantomSpec(seed=5, size=Size.TINY, post_phases=2, lesion=Lesion.MALIGNANT)
    study = answered_study(spec, "siemens", None, folder / "study")
    return Shown(folder, study, build_objects(study.result, study.evidence, DEVICE))


def test_the_segmentation_has_the_region_voxel_for_voxel(shown: Shown) -> None:
    placed = shown.placed
    assert placed.region is not None
    read = shown.load(Kind.SEGMENTATION, placed.images)
    held = tuple(placed.images[k] for k in placed.region.slices)
    mask = on_grid(read.planes, read.positions_mm, held)
    assert np.array_equal(mask != 0, placed.region.mask[:, :, placed.region.slices])


def test_the_map_has_the_shares_of_the_peak_frame_by_frame(shown: Shown) -> None:
    """Positions of its frames dwv does not read."""
    placed = shown.placed
    read = shown.load(Kind.SALIENCY_MAP, placed.images)
    shares = np.divide(placed.saliency.volume.voxels, placed.peak, dtype=np.float32)
    assert np.array_equal(read.planes, shares.transpose(2, 1, 0))


def test_the_page_opens_whole(shown: Shown) -> None:
    page = shown.objects.by_kind[Kind.SUMMARY][0]
    assert shown.load(Kind.SUMMARY).planes.size == page.Rows * page.Columns * 3
