"""What the builders of objects work from: the result, its saliency on the images, and the objects already made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from pydicom.dataset import Dataset

from mome_core.case import Modality
from mome_core.measurements import KineticMaps
from mome_core.results import Endpoint, Result
from mome_core.volume import Volume
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.grid import Placement
from sr_templates.drawing.page import Page
from sr_templates.drawing.planes import anatomy
from sr_templates.drawing.projection import why_no_place
from sr_templates.drawing.summary_page import PageOptions, render
from sr_templates.errors import NotShowable
from sr_templates.kinds import DEFAULT_KINDS, OFFERED_KINDS, Kind
from sr_templates.languages.words import Language, words_of
from sr_templates.saliency.placed import PlacedSaliency
from sr_templates.saliency.region import Region

Instances = tuple[Dataset, ...]
_DOCUMENTS = ("SR", "KO", "PR")  # modalities of objects that refer to images; no other object refers to them


class MapEncoding(StrEnum):
    """How the numbers of a saliency map are stored; the values are the words of the settings file."""

    FLOAT32 = "float32"
    UINT16 = "uint16"


@dataclass(frozen=True, slots=True)
class ObjectOptions:
    """Which objects a site asks for, and how they are encoded.

    Parameters
    ----------
    map_encoding
        Numbers of the saliency map as 32-bit floats, or as 16-bit integers with slope at half the size.
    crop_map
        Leave out the slices at both ends of the map at which the network did not look.
    """

    kinds: frozenset[Kind] = DEFAULT_KINDS
    map_encoding: MapEncoding = MapEncoding.FLOAT32
    crop_map: bool = False
    page: PageOptions = field(default_factory=PageOptions)

    def __post_init__(self) -> None:
        if unknown := self.kinds - OFFERED_KINDS:
            raise ValueError(f"cannot be asked for: {', '.join(sorted(unknown))}")


@dataclass(frozen=True, eq=False)
class BuildContext:
    """What is known while the objects of one result are built; what a study lacks raises NotShowable, with the reason.

    Parameters
    ----------
    saliency
        The one that pictures show; None when the result holds none.
    further
        Those of the other scores, which have maps of their own.
    made
        Objects so far, in the order in which they were made.
    not_written
        Why an object that was asked for could not be made, for the reader.
    """

    common: CommonAttributes
    result: Result
    options: ObjectOptions
    saliency: PlacedSaliency | None
    further: tuple[PlacedSaliency, ...] = ()
    made: dict[Kind, Instances] = field(default_factory=dict)
    not_written: dict[Kind, str] = field(default_factory=dict)

    @property
    def links(self) -> Mapping[Kind, Dataset]:
        """One image of each kind for documents to point to: the middle one of several, of maps the first score's."""
        return {
            kind: instances[0 if kind is Kind.SALIENCY_MAP else len(instances) // 2]
            for kind, instances in self.made.items()
            if kind.label.modality not in _DOCUMENTS
        }

    @property
    def overlaid(self) -> tuple[PlacedSaliency, ...]:
        """Saliencies that viewers can overlay as a map: of the first score, and of the others."""
        shown = () if self.saliency is None else (self.saliency, *self.further)
        return tuple(each for each in shown if each.overlay is not None and _has_frame(each))

    def links_of(self, endpoint: Endpoint) -> Mapping[Kind, Dataset]:
        """The images that show where one score came from: of all but the first score, its map alone."""
        if self.saliency is not None and self.saliency.saliency.endpoint is endpoint:
            return self.links
        maps = zip(self.overlaid, self.made.get(Kind.SALIENCY_MAP, ()), strict=False)
        own = [instance for placed, instance in maps if placed.saliency.endpoint is endpoint]
        return {Kind.SALIENCY_MAP: own[0]} if own else {}

    @cached_property
    def page(self) -> Page:
        """The summary page, drawn once for all objects that show it."""
        return render(self.common, self.result, self.saliency, self.options.page)

    @property
    def placed(self) -> PlacedSaliency:
        if self.saliency is None:
            raise NotShowable("the result holds no saliency")
        if not _has_frame(self.saliency):
            raise NotShowable("the source images have no Frame of Reference UID: no viewer could lay anything on them")
        return self.saliency

    @property
    def kinetics(self) -> KineticMaps:
        """The kinetics of each voxel, on images that can carry them."""
        if self.result.kinetics is None:
            raise NotShowable("the kinetics were not measured")
        if not self.result.kinetics.initial_uptake_percent.frame_of_reference_uid:
            raise NotShowable("the source images have no Frame of Reference UID: no viewer could lay anything on them")
        if self.common.evidence.is_tiled(Modality.DCE):
            raise NotShowable("each source image holds several slices side by side, so nothing can lie on its plane")
        return self.result.kinetics

    @property
    def region(self) -> Region:
        if self.placed.region is None:
            raise NotShowable(why_no_place(self.placed.unshown, words_of(Language.ENGLISH)))
        if self.common.evidence.is_tiled(self.placed.saliency.modality):
            raise NotShowable("each source image holds several slices side by side, so nothing can lie on its plane")
        return self.placed.region

    @property
    def overlay_placement(self) -> Placement:
        """Where a viewer can overlay the map."""
        if self.placed.overlay is None:
            raise NotShowable("no series holds one image at each position, so that viewers could overlay a map")
        return self.placed.overlay

    @property
    def anatomy(self) -> Volume:
        """The volume under the saliency."""
        case = self.common.evidence.case
        volume = None if case is None else anatomy(case, self.placed.saliency.modality)
        if volume is None:
            raise NotShowable("the voxels of the source images are not at hand")
        return volume


def _has_frame(placed: PlacedSaliency) -> bool:
    """Whether its source says in which frame of reference it lies (old and de-identified images may not)."""
    return bool(placed.placement.volume.frame_of_reference_uid)
