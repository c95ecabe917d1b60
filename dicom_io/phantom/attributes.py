"""Attributes that every instance has (patient, study, series, equipment), and how a value becomes an element."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import BaseTag
from pydicom.uid import EnhancedMRImageStorage, MRImageStorage

from dicom_io.phantom.encode import DataElements
from dicom_io.phantom.options import Trap
from dicom_io.phantom.plan import Attributes, InstanceLayout, PrivateAttribute, SeriesPlan, StudyPlan
from dicom_io.phantom.spec import Position


def put(elements: DataElements, attributes: Attributes) -> None:
    """Set elements by keyword or private name; a list of dictionaries is a sequence."""
    for key, value in attributes.items():
        if isinstance(key, PrivateAttribute):
            creator = BaseTag(key.group << 16 | key.block)
            elements[creator] = DataElement(creator, "LO", key.creator)
            tag, vr = BaseTag(key.group << 16 | key.block << 8 | key.element), key.vr
        else:
            tag, vr = known(key)
        held = Items([item(each) for each in value]) if vr == "SQ" else value
        elements[tag] = DataElement(tag, vr, held, validation_mode=IGNORE)


@cache
def known(keyword: str) -> tuple[BaseTag, str]:
    """Tag and VR of a keyword of the standard."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"{keyword} is no DICOM keyword")
    return BaseTag(tag), dictionary_VR(tag).split(" ")[0]


def item(attributes: Attributes) -> Dataset:
    """An item of a sequence."""
    elements: DataElements = {}
    put(elements, attributes)
    dataset = Dataset()
    for element in elements.values():
        dataset[element.tag] = element
    return dataset


def decimal(value: float) -> str:
    """DS with the precision that scanners write, at most 16 characters."""
    return f"{value + 0.0:.9g}"


def decimals(values: Iterable[float]) -> list[str]:
    return [decimal(0.0 if abs(value) < 1e-9 else value) for value in values]


def code(value: str, scheme: str, meaning: str) -> Attributes:
    """An item of a code sequence (PS3.3 8.8)."""
    return {"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning}


BIRTH_DATE = "19750601"  # of every simulated patient


def series_elements(study: StudyPlan, series: SeriesPlan) -> DataElements:
    """Everything that the instances of a series share."""
    enhanced = series.objects in {InstanceLayout.PER_STACK, InstanceLayout.WHOLE}
    elements: DataElements = {}
    put(elements, {"SOPClassUID": EnhancedMRImageStorage if enhanced else MRImageStorage})
    put(elements, _patient_attributes(study))
    put(elements, _study_attributes(study))
    put(elements, _series_attributes(study, series))
    put(elements, {} if enhanced else _classic_attributes(study, series))
    put(elements, series.attributes)
    return elements


def patient_id(seed: int) -> str:
    """The ID of the simulated patient of a seed."""
    return f"PHANTOM-{seed:06d}"


def _patient_attributes(study: StudyPlan) -> Attributes:
    options, spec = study.options, study.phantom.spec
    return {
        "SpecificCharacterSet": options.character_set,
        "PatientName": options.patient_name,
        "PatientID": options.patient_id or patient_id(spec.seed),
        "PatientBirthDate": BIRTH_DATE,
        "PatientSex": "F",
        "PatientAge": f"{options.start.year - 1976:03d}Y",
        "PatientWeight": "65",
        "PatientSize": "1.65",
        "PatientComments": "Synthetic: no patient",
    }


def _study_attributes(study: StudyPlan) -> Attributes:
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


def _series_attributes(study: StudyPlan, series: SeriesPlan) -> Attributes:
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


def _classic_attributes(study: StudyPlan, series: SeriesPlan) -> Attributes:
    """Attributes of a classic image that a multi-frame object holds in its functional groups instead."""
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


def window(series: SeriesPlan) -> Attributes:
    """A window that shows the brightest stack of the series."""
    highest = max(brightness(image) for image in series.images[:: max(1, len(series.images) // 12)])
    return {"WindowCenter": str(highest // 2), "WindowWidth": str(max(highest, 2))}


def brightness(image: Any) -> int:
    plane = image.stack.volume.voxels[::2, ::2, image.slice]
    return int(np.percentile(plane, 99.5) * 1.2) + 1
