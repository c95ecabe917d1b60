"""Secondary capture: pictures that every viewer can show (PS3.3 A.8.1)."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset

from mome_core.results import Laterality
from sr_templates.drawing.colour import RGB


def put_picture(instance: Dataset, pixels: RGB, description: str, laterality: Laterality = Laterality.BOTH) -> None:
    """Make (rows, columns, 3) bytes the image of a secondary capture.

    It says that nothing names the patient; whoever draws a name, date or number sets Burned In Annotation to YES.
    """
    rows, columns, _ = pixels.shape
    instance.ConversionType = "WSD"
    instance.ImageType = ["DERIVED", "SECONDARY"]
    instance.BodyPartExamined = "BREAST"
    instance.ImageLaterality = laterality  # General Series then needs no Laterality (PS3.3 C.7.3.1)
    instance.PatientOrientation = ""
    instance.DerivationDescription = description
    instance.SamplesPerPixel = 3
    instance.PhotometricInterpretation = "RGB"
    instance.PlanarConfiguration = 0
    instance.Rows, instance.Columns = rows, columns
    instance.BitsAllocated = instance.BitsStored = 8
    instance.HighBit, instance.PixelRepresentation = 7, 0
    instance.BurnedInAnnotation = "NO"
    instance.RecognizableVisualFeatures = "NO"
    instance.LossyImageCompression = "00"
    packed = np.ascontiguousarray(pixels).tobytes()
    instance.PixelData = packed + b"\x00" * (len(packed) % 2)


def picture_of(instance: Dataset) -> RGB:
    """The image of such a secondary capture as (rows, columns, 3) bytes."""
    rows, columns = instance.Rows, instance.Columns
    return np.frombuffer(instance.PixelData, np.uint8, 3 * rows * columns).reshape(rows, columns, 3)
