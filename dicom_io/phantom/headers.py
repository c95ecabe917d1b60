"""What every instance says: patient, study, series and equipment; and how a value becomes an element."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import BaseTag, Tag
from pydicom.uid import EnhancedMRImageStorage, MRImageStorage

from dicom_io.phantom.options import Trap
from dicom_io.phantom.plan import Attributes, Objects, Private, Series, Study
from dicom_io.phantom.spec import Position


def put(dataset: Dataset, attributes: Attributes) -> None:
    """Set elements by keyword or private name; dictionaries are items of a sequence."""
    for key, value in attributes.items():
        if isinstance(key, Private):
            dataset.add_new(Tag(key.group, key.block), "LO", key.creator)
            tag, vr = Tag(key.group, key.block << 8 | key.element), key.vr
        else:
            tag, vr = known(key)
        dataset[tag] = DataElement(tag, vr, items(value) if vr == "SQ" else value)


@cache
def known(keyword: str) -> tuple[BaseTag, str]:
    """Tag and VR of a keyword of the standard."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"{keyword} is no DICOM keyword")
    return BaseTag(tag), dictionary_VR(tag).split(" ")[0]


def items(attributes: Iterable[Attributes]) -> Items:
    """Items of a sequence."""
    return Items([item(each) for each in attributes])


def item(attributes: Attributes) -> Dataset:
    dataset = Dataset()
    put(dataset, attributes)
    return dataset


def decimal(value: float) -> str:
    """DS with the precision that scanners write, at most 16 characters."""
    return f"{value + 0.0:.9g}"


def decimals(values: Iterable[float]) -> list[str]:
    return [decimal(0.0 if abs(value) < 1e-9 else value) for value in values]


def code(value: str, scheme: str, meaning: str) -> Attributes:
    """An item of a code sequence (PS3.3 8.8)."""
    return {"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning}


def series_dataset(study: Study, series: Series) -> Dataset:
    """Everything that the instances of a series share."""
    enhanced = series.objects in {Objects.PER_STACK, Objects.WHOLE}
    dataset = Dataset()
    put(dataset, {"SOPClassUID": EnhancedMRImageStorage if enhanced else MRImageStorage})
    put(dataset, patient_attributes(study))
    put(dataset, study_attributes(study))
    put(dataset, series_attributes(study, series))
    put(dataset, {} if enhanced else classic_attributes(study, series))
    put(dataset, series.attributes)
    return dataset


def patient_attributes(study: Study) -> Attributes:
    options, spec = study.options, study.phantom.spec
    return {
        "SpecificCharacterSet": options.character_set,
        "PatientName": options.patient_name,
        "PatientID": options.patient_id or f"PHANTOM-{spec.seed:06d}",
        "PatientBirthDate": "19750601",
        "PatientSex": "F",
        "PatientAge": f"{options.start.year - 1976:03d}Y",
        "PatientWeight": "65",
        "PatientSize": "1.65",
        "PatientComments": "Synthetic: no patient",
    }


def study_attributes(study: Study) -> Attributes:
    accession = study.options.accession_number or f"SYN{study.phantom.spec.seed:08d}"
    return {
        "StudyInstanceUID": study.uid("study"),
        "StudyDate": study.date,
        "StudyTime": study.time(0),
        "StudyID": "1",
        "AccessionNumber": "" if study.has(Trap.MISSING_ACCESSION) else accession,
        "ReferringPhysicianName": "",
        "StudyDescription": "MRI BREAST BILATERAL W WO CONTRAST",
        "InstitutionName": "MOME phantom - research use only",
    }


def series_attributes(study: Study, series: Series) -> Attributes:
    spec = study.phantom.spec
    first = series.images[0].stack
    return {
        "Modality": "MR",
        "SeriesInstanceUID": study.uid(series.key),
        "SeriesNumber": str(series.number),
        "SeriesDescription": series.description,
        "ProtocolName": series.description,
        "SeriesDate": study.date,
        "SeriesTime": study.time(first.time_s),
        "ContentDate": study.date,
        "ContentTime": study.time(first.time_s),
        "BodyPartExamined": "BREAST",
        "PatientPosition": str(Position(spec.position)),
        "FrameOfReferenceUID": first.volume.frame_of_reference_uid,
        "PositionReferenceIndicator": "",
        "MagneticFieldStrength": decimal(spec.field_strength_t),
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "BurnedInAnnotation": "NO",
        "LossyImageCompression": "00",
        "PresentationLUTShape": "IDENTITY",
    }


def classic_attributes(study: Study, series: Series) -> Attributes:
    """What a multi-frame object says elsewhere."""
    return {
        "AcquisitionDate": study.date,
        "AcquisitionTime": study.time(series.images[0].stack.time_s),
        "ImagingFrequency": decimal(42.577 * study.phantom.spec.field_strength_t),
        "ImagedNucleus": "1H",
        "Laterality": "",
        **series.sequence.classic_attributes(),
        **window(series),
    }


def rescale(slope: float = 1.0) -> Attributes:
    """Modality LUT of one image; Siemens XA, Philips and UIH write it always, others only when they must."""
    return {"RescaleIntercept": "0", "RescaleSlope": decimal(slope), "RescaleType": "normalized"}


def window(series: Series) -> Attributes:
    """A window that shows the brightest stack of the series."""
    highest = max(brightness(image) for image in series.images[:: max(1, len(series.images) // 12)])
    return {"WindowCenter": str(highest // 2), "WindowWidth": str(max(highest, 2))}


def brightness(image: Any) -> int:
    plane = image.stack.volume.voxels[::2, ::2, image.slice]
    return int(np.percentile(plane, 99.5) * 1.2) + 1
