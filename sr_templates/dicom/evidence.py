"""The source images that the objects refer to, as headers without pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from mome_core.case import Case, Modality
from sr_templates.errors import EvidenceRefused

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SourceImage:
    """One image of the source study.

    Parameters
    ----------
    header
        Data set of the instance; pixels are not needed.
    frame
        Frame number from 1 where the instance holds several (Enhanced MR), None for a single-frame instance.
    """

    header: Dataset
    frame: int | None = None

    @property
    def position_mm(self) -> Vector:
        """Image Position (Patient): centre of the first voxel, LPS."""
        return np.array(self._macro("PlanePositionSequence").ImagePositionPatient, dtype=float)

    @property
    def orientation(self) -> Vector:
        """Image Orientation (Patient): direction of a row, then of a column."""
        return np.array(self._macro("PlaneOrientationSequence").ImageOrientationPatient, dtype=float)

    @property
    def spacing_mm(self) -> Vector:
        """Pixel Spacing: between rows, then between columns."""
        return np.array(self._macro("PixelMeasuresSequence").PixelSpacing, dtype=float)

    @property
    def series_number(self) -> str:
        """Series Number, "" where there is none."""
        return _stated(self.header.get("SeriesNumber"))

    @property
    def number(self) -> str:
        """What viewers count images of its series by: Instance Number, or the frame; "" where there is none."""
        return _stated(self.header.get("InstanceNumber") if self.frame is None else self.frame)

    def _macro(self, keyword: str) -> Dataset:
        """The functional group that holds a geometry attribute; the data set itself for a classic image."""
        if self.frame is None:
            return self.header
        per_frame: Dataset = self.header.PerFrameFunctionalGroupsSequence[self.frame - 1]
        for groups in (per_frame, self.header.SharedFunctionalGroupsSequence[0]):
            if keyword in groups:
                item: Dataset = groups[keyword].value[0]
                return item
        raise EvidenceRefused(f"a source frame lacks {keyword}, so the result cannot be placed on it")


def _stated(number: object) -> str:
    """A number as it is written, 0 too; "" where there is none."""
    return "" if number is None else str(number)


Slices = tuple[SourceImage, ...]


@dataclass(frozen=True, eq=False)
class Evidence:
    """All images that one result comes from, in the order of the volumes that were analysed.

    Raises EvidenceRefused when the images are of different studies or patients.

    Parameters
    ----------
    dce
        Phases in time order; each holds one image per slice in the order of the Dynamic's slice axis.
    t2, dwi
        One image per slice in the order of the Volume's slice axis.
    other
        Images that were used in other ways; their order does not matter.
    case
        The volumes themselves, for the rendered objects; without them those show no anatomy.
    """

    dce: tuple[Slices, ...] = ()
    t2: Slices = ()
    dwi: Slices = ()
    other: Slices = ()
    case: Case | None = None

    def __post_init__(self) -> None:
        if not self.instances:
            raise EvidenceRefused("no source image: an object without evidence cannot be filed to a patient")
        if len({len(phase) for phase in self.dce}) > 1:
            raise EvidenceRefused("the DCE phases hold different numbers of slices")
        for keyword in ("StudyInstanceUID", "PatientID", "IssuerOfPatientID"):
            if len({str(header.get(keyword, "")) for header in self.instances}) > 1:
                raise EvidenceRefused(
                    f"the source images differ in {keyword}; results of mixed studies are not written"
                )

    def images(self, modality: Modality) -> Slices:
        """One image per slice on the grid of this modality; for DCE the phase that results are placed on."""
        if modality is Modality.DCE:
            return self.dce[self.reference_phase] if self.dce else ()
        return self.t2 if modality is Modality.T2 else self.dwi

    @property
    def reference_phase(self) -> int:
        """The first post-contrast phase, on which the reader looks for enhancement."""
        return min(1, len(self.dce) - 1)

    @cached_property
    def instances(self) -> tuple[Dataset, ...]:
        """Every source instance once, ordered by SOP Instance UID."""
        headers = {str(image.header.SOPInstanceUID): image.header for image in self._all_images()}
        return tuple(headers[uid] for uid in sorted(headers))

    @cached_property
    def reference(self) -> Dataset:
        """The instance whose patient and study attributes every object repeats."""
        grids = chain(chain.from_iterable(self.dce), self.t2, self.dwi)
        return next((image.header for image in grids), self.instances[0])

    def is_tiled(self, modality: Modality) -> bool:
        """Whether one source image holds several slices side by side (a mosaic), so that no plane is its own."""
        images = self.images(modality)
        return len({(str(image.header.SOPInstanceUID), image.frame) for image in images}) < len(images)

    def series_repeats_positions(self, modality: Modality) -> bool:
        """Whether the series of this grid holds several slices at one place: phases, b-values ("4D"), or tiles."""
        if self.is_tiled(modality):
            return True
        images = self.images(modality)
        series = {str(image.header.SeriesInstanceUID) for image in images}
        mates = [image for image in self._all_images() if str(image.header.SeriesInstanceUID) in series]
        return len(places(mates)) < len({(image.header.SOPInstanceUID, image.frame) for image in mates})

    def _all_images(self) -> Iterator[SourceImage]:
        return chain(chain.from_iterable(self.dce), self.t2, self.dwi, self.other)


def places(images: Iterable[SourceImage]) -> set[tuple[Any, ...]]:
    """Distinct positions of these images, to a hundredth of a millimetre."""
    return {tuple(np.round(image.position_mm, 2)) for image in images}
