"""The summary page as a Secondary Capture: the picture that a busy radiologist opens, in every viewer."""

from __future__ import annotations

from io import BytesIO

from PIL import Image
from pydicom.dataset import Dataset

from sr_templates.context import BuildContext, Instances
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.drawing.capture import put_picture
from sr_templates.drawing.colour import RGB
from sr_templates.kinds import Kind


def build(context: BuildContext) -> Instances:
    """One page."""
    return (build_summary(context.common, context.page),)


def build_summary(common: CommonAttributes, pixels: RGB) -> Dataset:
    """The rendered page, (rows, columns, 3), as a secondary capture."""
    instance = common.new_instance(Kind.SUMMARY)
    put_picture(instance, pixels, "Summary page of the AI result, research use only")
    return instance


def to_png(pixels: RGB) -> bytes:
    """The picture as a PNG file."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
