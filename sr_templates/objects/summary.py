"""The summary page as a Secondary Capture: the picture that a busy radiologist opens, in every viewer."""

from __future__ import annotations

from io import BytesIO

from PIL import Image
from pydicom.dataset import Dataset

from mome_core.results import Laterality
from sr_templates.context import BuildContext, Instances
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.drawing.capture import put_picture
from sr_templates.drawing.colour import RGB
from sr_templates.drawing.page import Page
from sr_templates.identification import Identification
from sr_templates.kinds import Kind


def build(context: BuildContext) -> Instances:
    """One page."""
    result = context.result
    laterality = Laterality.BOTH if result.breasts is None else result.breasts.laterality
    return (build_summary(context.common, context.page, context.options.page.identify, laterality),)


def build_summary(
    common: CommonAttributes, page: Page, identify: Identification, laterality: Laterality = Laterality.BOTH
) -> Dataset:
    """The rendered page as a secondary capture, which says whether it names the patient or the study."""
    instance = common.new_instance(Kind.SUMMARY)
    put_picture(instance, page.pixels(), "Summary page of the AI result, research use only", laterality)
    instance.BurnedInAnnotation = "NO" if identify is Identification.NONE else "YES"
    return instance


def to_png(pixels: RGB) -> bytes:
    """The picture as a PNG file."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
