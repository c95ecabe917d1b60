"""Secondary capture: pictures that every viewer can show (PS3.3 A.8.1)."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset

from sr_templates import codes
from sr_templates.colour import RGB


def put_picture(instance: Dataset, pixels: RGB, description: str) -> None:
    """Make (rows, columns, 3) bytes the image of a secondary capture."""
    rows, columns, _ = pixels.shape
    instance.ConversionType = "WSD"
    instance.ImageType = ["DERIVED", "SECONDARY"]
    instance.BodyPartExamined = "BREAST"
    instance.Laterality = ""
    instance.PatientOrientation = ""
    instance.DerivationDescription = description
    instance.SamplesPerPixel = 3
    instance.PhotometricInterpretation = "RGB"
    instance.PlanarConfiguration = 0
    instance.Rows, instance.Columns = rows, columns
    instance.BitsAllocated = instance.BitsStored = 8
    instance.HighBit, instance.PixelRepresentation = 7, 0
    instance.BurnedInAnnotation = "NO"  # no name, date or number of the patient is drawn
    instance.RecognizableVisualFeatures = "NO"
    instance.LossyImageCompression = "00"
    packed = np.ascontiguousarray(pixels).tobytes()
    instance.PixelData = packed + b"\x00" * (len(packed) % 2)
    instance.CodingSchemeIdentificationSequence = [codes.coding_scheme_identification()]


def as_png(file: bytes) -> bytes:
    """The picture of an encoded secondary capture as a PNG file, for places that show no DICOM."""
    instance = dcmread(BytesIO(file))
    buffer = BytesIO()
    size = (instance.Columns, instance.Rows)
    Image.frombytes("RGB", size, instance.PixelData[: 3 * size[0] * size[1]]).save(buffer, "PNG")
    return buffer.getvalue()
