"""The summary page as an encapsulated PDF (PS3.3 A.45.1), for systems that file documents; off by default."""

from __future__ import annotations

from io import BytesIO

from PIL import Image
from pydicom.dataset import Dataset

from sr_templates.context import BuildContext, Instances
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.drawing.colour import RGB
from sr_templates.kinds import Kind

_PIXELS_PER_INCH = 150


def build(context: BuildContext) -> Instances:
    """One page."""
    return (_build_pdf(context.common, context.page.pixels()),)


def _build_pdf(common: CommonAttributes, pixels: RGB) -> Dataset:
    """One page that shows the summary."""
    instance = common.new_instance(Kind.PDF)
    instance.ConversionType = "WSD"
    instance.BurnedInAnnotation = "NO"
    instance.RecognizableVisualFeatures = "NO"
    instance.AcquisitionDateTime = ""
    instance.DocumentTitle = "AI breast MRI summary, research use only"
    instance.ConceptNameCodeSequence = []
    instance.MIMETypeOfEncapsulatedDocument = "application/pdf"
    document = _as_pdf(common, pixels)
    instance.EncapsulatedDocument = document + b"\x00" * (len(document) % 2)
    instance.EncapsulatedDocumentLength = len(document)
    return instance


def _as_pdf(common: CommonAttributes, pixels: RGB) -> bytes:
    """PDF bytes that depend on the picture and the date of the result only."""
    buffer = BytesIO()
    made = common.moment.timetuple()
    page = Image.fromarray(pixels)
    page.save(
        buffer, "PDF", resolution=_PIXELS_PER_INCH, creationDate=made, modDate=made, title="AI breast MRI summary",
        quality=92,
    )  # fmt: skip
    return buffer.getvalue()
