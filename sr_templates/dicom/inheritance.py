"""What every object has from its source images beside patient and study: foreign coding schemes, lossy, burned in."""

from __future__ import annotations

from copy import deepcopy

from pydicom.dataset import Dataset

from sr_templates.dicom import codes
from sr_templates.dicom.evidence import Evidence
from sr_templates.kinds import Kind

_PRIVATE = "99"  # private coding schemes begin with it (PS3.3 8.2)
_LOSSY = ("LossyImageCompressionRatio", "LossyImageCompressionMethod")


def inherit(kind: Kind, instance: Dataset, evidence: Evidence) -> None:
    """State in an object, ready but for this, what its sources pass on to it."""
    _describe_coding_schemes(instance, evidence.reference)
    if "LossyImageCompression" in instance or "PixelData" in instance or "FloatPixelData" in instance:
        _stay_lossy(instance, evidence)
    if kind is Kind.OVERLAY and any(header.get("BurnedInAnnotation") == "YES" for header in evidence.instances):
        instance.BurnedInAnnotation = "YES"  # it is painted on source slices whole


def _describe_coding_schemes(instance: Dataset, source: Dataset) -> None:
    """Describe each private scheme that is used: ours, one of the source as the source does, else by its name alone.

    Procedure codes of a worklist are often of a scheme of the hospital's own, which nothing describes.
    """
    used = {str(each.value) for each in instance.iterall() if each.keyword == "CodingSchemeDesignator"}
    items = source.get("CodingSchemeIdentificationSequence") or ()
    known = {str(each.get("CodingSchemeDesignator", "")): each for each in items}
    known[codes.PRIVATE_SCHEME] = codes.coding_scheme_identification()
    described = [deepcopy(known.get(each)) or _named(each) for each in sorted(used) if each.startswith(_PRIVATE)]
    if described:
        instance.CodingSchemeIdentificationSequence = described


def _named(scheme: str) -> Dataset:
    item = Dataset()
    item.CodingSchemeDesignator = scheme
    return item


def _stay_lossy(instance: Dataset, evidence: Evidence) -> None:
    """Once lossy, derived images stay so, with ratio and method as far as they are known (PS3.3 C.7.6.1.1.5)."""
    lossy = next((header for header in evidence.instances if header.get("LossyImageCompression") == "01"), None)
    if lossy is None:
        return
    instance.LossyImageCompression = "01"
    for keyword in _LOSSY:
        if keyword in lossy:
            instance[keyword] = deepcopy(lossy[keyword])
