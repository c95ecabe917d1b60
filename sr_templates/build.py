"""From a Result to the DICOM objects of one study: the entrance of this package."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO

from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite

from mome_core.results import QualityFlag, Result
from mome_core.volume import Volume
from sr_templates import gate
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.device import Device, DocumentReference, Revision
from sr_templates.dicom.evidence import Evidence
from sr_templates.dicom.grid import Placement
from sr_templates.drawing.colour import RGB
from sr_templates.errors import NotShowable
from sr_templates.highlight import Highlight, highlight
from sr_templates.kinds import DEFAULT_KINDS, OFFERED_KINDS, Kind
from sr_templates.objects.key_images import RejectionReason, build_key_images, build_rejection
from sr_templates.objects.overlay import anatomy, build_overlay
from sr_templates.objects.pdf import build_pdf
from sr_templates.objects.region_report import build_region_report
from sr_templates.objects.report import build_refusal, build_report, key_images
from sr_templates.objects.saliency_map import MapEncoding, build_saliency_map
from sr_templates.objects.segmentation import build_segmentation
from sr_templates.objects.summary import build_summary, render, render_refusal
from sr_templates.region import Region

Instances = tuple[Dataset, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which objects a site wants, and how.

    map_encoding : numbers of the saliency map as 32-bit floats, or as 16-bit integers with slope at half the size.
    crop_map : leave out the map's slices at both ends on which the network did not look.
    """

    kinds: frozenset[Kind] = DEFAULT_KINDS
    map_encoding: MapEncoding = MapEncoding.FLOAT32
    crop_map: bool = False

    def __post_init__(self) -> None:
        if unknown := self.kinds - OFFERED_KINDS:
            raise ValueError(f"cannot be asked for: {', '.join(sorted(unknown))}")


@dataclass(frozen=True, slots=True, eq=False)
class ResultObjects:
    """The DICOM encoding of one Result: data sets with file meta, ready to be encoded; they passed the gate.

    by_kind : instances of each kind that was written, images before the documents that point to them.
    not_written : why a kind that was asked for could not be made.
    """

    by_kind: Mapping[Kind, Instances]
    not_written: Mapping[Kind, str]

    def __iter__(self) -> Iterator[Dataset]:
        for instances in self.by_kind.values():
            yield from instances

    @property
    def root(self) -> DocumentReference | None:
        """The report, to be named as predecessor by the next edition; None if no report was asked for."""
        reports = self.by_kind.get(Kind.REPORT)
        return None if reports is None else reference_to(reports[0])


def build_objects(
    result: Result, evidence: Evidence, device: Device, *, run: Revision | None = None, wanted: Wanted | None = None
) -> ResultObjects:
    """All objects of one result, checked; the same inputs, model and software give the same UIDs and bytes.

    A withheld result becomes the objects that say so. Raises EvidenceRefused when the saliency does not lie on the
    evidence, ObjectRefused when an object has a defect.
    """
    run, wanted = run or Revision(), wanted or Wanted()
    if result.withheld:
        return build_not_analysed(result.withheld, evidence, device, run=run, wanted=wanted, flags=result.flags)
    edition = CommonAttributes(evidence, device, run, _answered_by(result, wanted))
    draft = Draft(edition, result, wanted, highlight(result, evidence))
    by_kind, not_written = _images(draft)
    by_kind |= _documents(draft, by_kind, not_written)
    gate.check((each for instances in by_kind.values() for each in instances), evidence)
    return ResultObjects(by_kind, not_written)


def build_not_analysed(
    reason: str,
    evidence: Evidence,
    device: Device,
    *,
    run: Revision | None = None,
    wanted: Wanted | None = None,
    flags: Sequence[QualityFlag] = (),
) -> ResultObjects:
    """The objects that say that no score was given, and why, so that silence is never read as a negative.

    reason : for the radiologist; no name, ID, birth date or accession number.
    """
    if not reason:
        raise ValueError("a study that was not analysed needs a reason")
    run, wanted = run or Revision(), wanted or Wanted()
    edition = CommonAttributes(evidence, device, run, ("not analysed", reason, *(flag.message for flag in flags)))
    by_kind: dict[Kind, Instances] = {}
    if Kind.SUMMARY in wanted.kinds:
        by_kind[Kind.SUMMARY] = (build_summary(edition, render_refusal(edition, reason, flags)),)
    links = {kind: instances[0] for kind, instances in by_kind.items()}
    if Kind.REPORT in wanted.kinds:
        by_kind[Kind.REPORT] = (build_refusal(edition, reason, flags, links),)
    gate.check((each for instances in by_kind.values() for each in instances), evidence)
    return ResultObjects(by_kind, {})


def _answered_by(result: Result, wanted: Wanted) -> tuple[str, ...]:
    models = {
        f"{score.model.name} {score.model.version} {score.model.sha256} {score.endpoint} {score.threshold}"
        for score in result.scores
    }
    return (*sorted(models), result.policy, *sorted(wanted.kinds), wanted.map_encoding, str(wanted.crop_map))


@dataclass(frozen=True, eq=False)
class Draft:
    """What the builders of images choose from; what is not there raises NotShowable, with the reason."""

    edition: CommonAttributes
    result: Result
    wanted: Wanted
    highlight: Highlight | None

    @property
    def shown(self) -> Highlight:
        if self.highlight is None:
            raise NotShowable("the result holds no saliency")
        return self.highlight

    @property
    def region(self) -> Region:
        if self.shown.region is None:
            raise NotShowable("no voxel raised the score")
        if self.edition.evidence.is_tiled(self.shown.saliency.modality):
            raise NotShowable("each source image holds several slices side by side, so nothing can lie on its plane")
        return self.shown.region

    @cached_property
    def page(self) -> RGB:
        """The summary, drawn once for all that show it."""
        return render(self.edition, self.result, self.highlight)

    @property
    def annotated(self) -> Highlight:
        if self.edition.evidence.series_repeats_positions(self.shown.saliency.modality):
            raise NotShowable("the series holds several images at each place, on which viewers cannot draw")
        return self.shown

    @property
    def overlay_placement(self) -> Placement:
        if self.shown.overlay is None:
            raise NotShowable("no series holds each place once, so that viewers could overlay a map")
        return self.shown.overlay

    @property
    def anatomy(self) -> Volume:
        case = self.edition.evidence.case
        volume = None if case is None else anatomy(case, self.shown.saliency.modality)
        if volume is None:
            raise NotShowable("the voxels of the source images were not handed in")
        return volume


def _saliency_map(draft: Draft) -> Instances:
    placement, wanted = draft.overlay_placement, draft.wanted
    return (build_saliency_map(draft.edition, draft.shown, placement, wanted.map_encoding, crop=wanted.crop_map),)


def _segmentation(draft: Draft) -> Instances:
    shown = draft.shown
    return (build_segmentation(draft.edition, shown.saliency, draft.region, shown.images, shown.score.model),)


def _overlay(draft: Draft) -> Instances:
    return build_overlay(draft.edition, draft.shown, draft.region, draft.anatomy)


def _summary(draft: Draft) -> Instances:
    return (build_summary(draft.edition, draft.page),)


def _pdf(draft: Draft) -> Instances:
    return (build_pdf(draft.edition, draft.page),)


IMAGE_BUILDERS: Mapping[Kind, Callable[[Draft], Instances]] = {
    Kind.SALIENCY_MAP: _saliency_map,
    Kind.SEGMENTATION: _segmentation,
    Kind.OVERLAY: _overlay,
    Kind.SUMMARY: _summary,
    Kind.PDF: _pdf,
}


def _images(draft: Draft) -> tuple[dict[Kind, Instances], dict[Kind, str]]:
    """The wanted images that can be made, and why the others cannot."""
    by_kind: dict[Kind, Instances] = {}
    not_written: dict[Kind, str] = {}
    for kind, build in IMAGE_BUILDERS.items():
        if kind in draft.wanted.kinds:
            try:
                by_kind[kind] = build(draft)
            except NotShowable as reason:
                not_written[kind] = str(reason)
    return by_kind, not_written


def _documents(draft: Draft, images: Mapping[Kind, Instances], not_written: dict[Kind, str]) -> dict[Kind, Instances]:
    """The wanted documents, which point to the images; the report comes last because it says what was not written."""
    edition, wanted = draft.edition, draft.wanted
    links = {kind: instances[len(instances) // 2] for kind, instances in images.items()}
    documents: dict[Kind, Instances] = {}
    if Kind.REGION in wanted.kinds:
        try:
            documents[Kind.REGION] = (build_region_report(edition, draft.annotated, draft.region, links),)
        except NotShowable as reason:
            not_written[Kind.REGION] = str(reason)
    if Kind.KEY_IMAGES in wanted.kinds:
        keys = key_images(edition.evidence, draft.result.modalities_used, draft.highlight)
        rendered = [links[kind] for kind in (Kind.SUMMARY, Kind.OVERLAY) if kind in links]
        documents[Kind.KEY_IMAGES] = (build_key_images(edition, [*(key.header for key in keys), *rendered]),)
    if Kind.REPORT in wanted.kinds:
        documents[Kind.REPORT] = (build_report(edition, draft.result, draft.highlight, links, not_written),)
    return documents


def retract(
    rejected: Sequence[Dataset],
    evidence: Evidence,
    device: Device,
    reason: RejectionReason,
    *,
    run: Revision | None = None,
) -> Dataset:
    """The rejection note that withdraws objects of this study from archives that honour IOCM; checked like the rest."""
    edition = CommonAttributes(evidence, device, run or Revision(), ("withdrawn",))
    note = build_rejection(edition, reason, rejected)
    gate.check([note], evidence, elsewhere=rejected)
    return note


def render_summary(result: Result, evidence: Evidence, device: Device, *, run: Revision | None = None) -> RGB:
    """The summary page as (rows, columns, 3) bytes, for the command line and documents; see `summary.to_png`."""
    edition = CommonAttributes(evidence, device, run or Revision(), _answered_by(result, Wanted()))
    if result.withheld:
        return render_refusal(edition, result.withheld, result.flags)
    return render(edition, result, highlight(result, evidence))


def encode(instance: Dataset) -> bytes:
    """The object as a DICOM file (PS3.10), in Explicit VR Little Endian."""
    lean = Dataset()
    lean.update(instance)
    lean.file_meta = instance.file_meta
    for keyword in ("FloatPixelData", "PixelData"):
        if keyword in instance:  # as a buffer, which pydicom copies in chunks instead of whole
            element = instance[keyword]
            lean[keyword] = DataElement(element.tag, element.VR, BytesIO(element.value))
    buffer = BytesIO()
    dcmwrite(buffer, lean, enforce_file_format=True)
    return buffer.getvalue()


def decode(file: bytes) -> Dataset:
    """An object that `encode` has written."""
    return dcmread(BytesIO(file))


def reference_to(document: Dataset) -> DocumentReference:
    """What names this document elsewhere."""
    return DocumentReference(
        document.StudyInstanceUID, document.SeriesInstanceUID, document.SOPClassUID, document.SOPInstanceUID
    )
