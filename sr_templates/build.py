"""From a Result to the DICOM objects of one study: the entrance of this package."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO

from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite

from mome_core.results import Result
from sr_templates import gate
from sr_templates.context import BuildContext, Instances, ObjectOptions
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.device import Device, DocumentReference, Revision
from sr_templates.dicom.evidence import Evidence
from sr_templates.dicom.inheritance import inherit
from sr_templates.drawing.colour import RGB
from sr_templates.drawing.summary_page import PageOptions, render, render_refusal
from sr_templates.errors import NotShowable
from sr_templates.kinds import MEASURED_KINDS, Kind
from sr_templates.languages.words import words_of
from sr_templates.objects.key_images import RejectionReason, build_rejection
from sr_templates.objects.pdf import build_refusal_pdf
from sr_templates.objects.report import build_refusal
from sr_templates.objects.summary import build_summary
from sr_templates.refusal import Refusal
from sr_templates.saliency.placed import place_saliencies, place_saliency


@dataclass(frozen=True, slots=True, eq=False)
class ResultObjects:
    """The DICOM encoding of one Result: data sets with file meta information that passed the gate.

    Parameters
    ----------
    by_kind
        Instances of each kind that was written, images before the documents that point to them.
    not_written
        Why a kind that was asked for could not be made.
    """

    by_kind: Mapping[Kind, Instances]
    not_written: Mapping[Kind, str]

    def __iter__(self) -> Iterator[Dataset]:
        for instances in self.by_kind.values():
            yield from instances

    @property
    def root(self) -> DocumentReference | None:
        """The report, which the next revision names as its predecessor; None if no report was asked for."""
        reports = self.by_kind.get(Kind.REPORT)
        return None if reports is None else reference_to(reports[0])


def build_objects(
    result: Result,
    evidence: Evidence,
    device: Device,
    *,
    run: Revision | None = None,
    options: ObjectOptions | None = None,
) -> ResultObjects:
    """All objects of one result, checked; the same inputs, model and software give the same UIDs and bytes.

    A withheld result becomes the objects that say so. Raises EvidenceRefused when the saliency does not lie on the
    evidence, ObjectRefused when an object has a defect.
    """
    run, options = run or Revision(), options or ObjectOptions()
    if result.withheld:
        return build_not_analysed(Refusal.of(result), evidence, device, run=run, options=options, measured=result)
    common = CommonAttributes(evidence, device, run, _answered_by(result, options))
    placed = tuple(place_saliencies(result, evidence))
    context = BuildContext(common, result, options, placed[0] if placed else None, placed[1:])
    for kind in Kind:
        if kind in options.kinds:
            _make(kind, context)
    return _checked(context.made, evidence, context.not_written)


def _make(kind: Kind, context: BuildContext) -> None:
    """Let the module of this kind build its objects, or note why it cannot."""
    build: Callable[[BuildContext], Instances] = import_module(f"sr_templates.objects.{kind.module}").build
    try:
        context.made[kind] = build(context)
    except NotShowable as reason:
        context.not_written[kind] = str(reason)


def build_not_analysed(
    refusal: Refusal,
    evidence: Evidence,
    device: Device,
    *,
    run: Revision | None = None,
    options: ObjectOptions | None = None,
    measured: Result | None = None,
) -> ResultObjects:
    """The objects that say that no score was given, and why, so that silence is never read as a negative.

    Parameters
    ----------
    measured
        The withheld result, whose measurements are written all the same; None where nothing was measured.
    """
    run, options = run or Revision(), options or ObjectOptions()
    flags = (flag.message for flag in refusal.flags)
    said = ("not analysed", refusal.reason, *flags, str(options.page), str(measured is not None))
    common = CommonAttributes(evidence, device, run, said)
    made: dict[Kind, Instances] = {}
    not_written: dict[Kind, str] = {}
    if measured is not None:
        context = BuildContext(common, measured, options, None, made=made, not_written=not_written)
        for kind in MEASURED_KINDS:
            if kind in options.kinds:
                _make(kind, context)
    measurements = None if measured is None else measured.measurements
    if Kind.SUMMARY in options.kinds:
        page = render_refusal(common, refusal, options.page, measurements)
        made[Kind.SUMMARY] = (build_summary(common, page, options.page.identify),)
    if Kind.PDF in options.kinds:
        try:
            made[Kind.PDF] = (build_refusal_pdf(common, refusal, measurements, words_of(options.page.language)),)
        except NotShowable as why:
            not_written[Kind.PDF] = str(why)
    if Kind.REPORT in options.kinds:
        links = {kind: instances[0] for kind, instances in made.items()}
        made[Kind.REPORT] = (build_refusal(common, refusal, options.page.language, links, not_written),)
    return _checked(made, evidence, not_written)


def _checked(made: Mapping[Kind, Instances], evidence: Evidence, not_written: Mapping[Kind, str]) -> ResultObjects:
    for kind, instances in made.items():
        for each in instances:
            inherit(kind, each, evidence)
    gate.check((each for instances in made.values() for each in instances), evidence)
    return ResultObjects(made, not_written)


def _answered_by(result: Result, options: ObjectOptions) -> tuple[str, ...]:
    models = {
        f"{score.model.name} {score.model.version} {score.model.sha256} {score.endpoint} {score.threshold} "
        f"{score.estimator.name} {score.calibration.slope} {score.calibration.intercept}"
        for score in result.scores
    }
    how = (options.map_encoding, str(options.crop_map), str(options.page))
    return (*sorted(models), result.policy, *sorted(options.kinds), *how)


def retract(
    rejected: Sequence[Dataset],
    evidence: Evidence,
    device: Device,
    reason: RejectionReason,
    *,
    run: Revision | None = None,
) -> Dataset:
    """The rejection note that withdraws objects of this study from archives that honour IOCM; it passed the gate."""
    common = CommonAttributes(evidence, device, run or Revision(), ("withdrawn",))
    note = build_rejection(common, reason, rejected)
    inherit(Kind.REJECTION, note, evidence)
    gate.check([note], evidence, elsewhere=rejected)
    return note


def render_summary(
    result: Result,
    evidence: Evidence,
    device: Device,
    *,
    run: Revision | None = None,
    options: PageOptions | None = None,
) -> RGB:
    """The summary page as (rows, columns, 3) bytes, for the command line and documents; see `summary.to_png`."""
    options = options or PageOptions()
    common = CommonAttributes(evidence, device, run or Revision(), _answered_by(result, ObjectOptions(page=options)))
    if result.withheld:
        return render_refusal(common, Refusal.of(result), options, result.measurements).pixels()
    return render(common, result, place_saliency(result, evidence), options).pixels()


def encode(instance: Dataset) -> bytes:
    """The object as a DICOM file (PS3.10), in Explicit VR Little Endian."""
    lean = Dataset()
    lean.update(instance)
    lean.file_meta = instance.file_meta
    for keyword in ("FloatPixelData", "PixelData"):
        if keyword in instance:  # as a buffer, which pydicom copies in chunks instead of whole
            element = instance[keyword]
            if isinstance(element.value, bytes):
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
