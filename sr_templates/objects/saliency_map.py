"""The saliency as a Parametric Map (PS3.3 A.75), for viewers that colour numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from highdicom import VOILUTTransformation
from highdicom.pm import ParametricMap, RealWorldValueMapping
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from mome_core.results import Endpoint, Saliency
from sr_templates.context import BuildContext, Instances, MapEncoding
from sr_templates.dicom import codes
from sr_templates.dicom.common_attributes import CommonAttributes
from sr_templates.dicom.evidence import Slices
from sr_templates.dicom.grid import Placement
from sr_templates.dicom.multiframe import LOGIT_LABEL, SHARE_OF_PEAK_LABEL, frame_sources, identity_arguments
from sr_templates.dicom.repairs import MAP_REPAIRS, FrameFacts, repair
from sr_templates.dicom.score_words import explanation_words
from sr_templates.dicom.streamed import Planes
from sr_templates.dicom.text import short
from sr_templates.kinds import Kind

_SHORT_WORDS = {  # in a series description of 64 characters
    Endpoint.MALIGNANCY: "malig.",
    Endpoint.TRIPLE_NEGATIVE: "TNBC",
    Endpoint.PATHOLOGICAL_COMPLETE_RESPONSE: "pCR",
}
_UNSIGNED_ZERO = 32768  # stored value of "no influence" in the 16-bit encoding


def build(context: BuildContext) -> Instances:
    """One map of each score's saliency, where viewers can overlay it; of several, each in a series of its own."""
    options, overlaid = context.options, context.overlaid
    if not overlaid:
        _ = context.overlay_placement  # says why
    several = len(overlaid) > 1
    maps = [
        _build_saliency_map(
            context.common,
            each.saliency,
            each.peak,
            each.overlay,
            options.map_encoding,
            crop=options.crop_map,
            series_of=_series_words(each.saliency, several=several),
        )
        for each in overlaid
        if each.overlay is not None
    ]
    if several:
        for number, (placed, instance) in enumerate(zip(overlaid, maps, strict=True)):
            instance.SeriesInstanceUID = context.common.uid("series", Kind.SALIENCY_MAP, placed.saliency.endpoint)
            instance.SeriesNumber += number
    return tuple(maps)


def _series_words(saliency: Saliency, *, several: bool) -> str:
    """What the description of its series names: the modality, and of several maps the endpoint."""
    return f"{saliency.modality}, {_SHORT_WORDS[saliency.endpoint]}" if several else saliency.modality


def _build_saliency_map(
    common: CommonAttributes,
    saliency: Saliency,
    peak: float,
    placement: Placement,
    encoding: MapEncoding,
    *,
    crop: bool,
    series_of: str,
) -> Dataset:
    """One parametric map, one frame per slice, in ascending order along the normal of the image planes.

    Parameters
    ----------
    peak
        Smoothed saliency that pictures are scaled to, in units of the score's logit.
    crop
        Leave out the slices at both ends on which every value is zero, where the network did not look.
    series_of
        What the series description names in parentheses, beside the method.
    """
    placement = placement.without_empty_ends() if crop else placement
    variant = (saliency.endpoint, saliency.modality, encoding, str(crop))
    instance = common.new_instance(
        Kind.SALIENCY_MAP, *variant, method=_abbreviation(saliency.method), modality=series_of
    )
    _describe(instance, saliency, placement.note)
    planes = placement.volume.voxels.transpose(2, 1, 0)  # (slice, row, column), the order of pixel data
    stored, zero, unit = _stored(planes, peak, encoding)
    mappings = _real_world_values(_mapped(planes, unit, encoding), zero, unit, peak)
    window = VOILUTTransformation([zero], [2 * peak / unit], ["signed saliency"])
    built = map_of_one_pixel(instance, placement.images, stored.dtype, mappings=mappings, window=window)
    derivation = short(f"{explanation_words(saliency)}. {placement.note}", 1024)
    facts = FrameFacts(placement.images, common.uid("dimensions", *variant), derivation, pixels=stored)
    repair(instance, built, MAP_REPAIRS, facts)
    return instance


def map_of_one_pixel(
    instance: Dataset,
    images: Slices,
    dtype: np.dtype[Any],
    *,
    mappings: Sequence[RealWorldValueMapping],
    window: VOILUTTransformation,
    label: str = "SALIENCY",
    derivation: Code = codes.ATTRIBUTION,
) -> ParametricMap:
    """The map as highdicom builds it, with frames of one pixel; see `repairs.write_pixels`."""
    return ParametricMap(
        frame_sources(images, one_pixel=True),
        np.zeros((len(images), 1, 1), dtype=dtype),
        **identity_arguments(instance),
        contains_recognizable_visual_features=False,
        real_world_value_mappings=mappings,
        voi_lut_transformations=[window],
        content_label=label,
        derivation=derivation,
    )


def _abbreviation(method: str) -> str:
    """IG for integrated gradients: a series description has 64 characters."""
    words = method.split()
    return "".join(word[0] for word in words).upper() if len(words) > 1 else short(method, 16)


def _describe(instance: Dataset, saliency: Saliency, note: str) -> None:
    asked = saliency.endpoint.replace("_", " ")
    instance.ContentDescription = short(f"Saliency for {asked}, research use only", 64)
    instance.ImageComments = short(f"Signed share of each voxel in the score for {asked}. Not a lesion. {note}", 10240)
    instance.BodyPartExamined = "BREAST"


def _stored(planes: NDArray[Any], peak: float, encoding: MapEncoding) -> tuple[Planes, float, float]:
    """Pixels, the stored value of zero saliency, and the saliency that one stored unit stands for.

    Floats are shares of the peak, because some viewers colour a fixed range of stored values (OHIF 3.13: opacity runs
    from 0 to 0.9).
    """
    if encoding is MapEncoding.FLOAT32:
        return Planes(planes, np.dtype(np.float32), lambda plane: _share(plane, peak)), 0.0, peak
    unit = (max(float(planes.max()), -float(planes.min())) or 1.0) / (_UNSIGNED_ZERO - 1)
    stored = Planes(planes, np.dtype(np.uint16), lambda plane: np.rint(plane / unit + _UNSIGNED_ZERO))
    return stored, float(_UNSIGNED_ZERO), unit


def _share(plane: NDArray[Any], peak: float) -> NDArray[np.float32]:
    return np.asarray(np.divide(plane, peak, dtype=np.float32))


def _mapped(planes: NDArray[Any], unit: float, encoding: MapEncoding) -> tuple[float, float] | tuple[int, int]:
    """Lowest and highest stored value."""
    if encoding is MapEncoding.UINT16:
        return 0, 65535
    low, high = (_share(np.asarray(each), unit) for each in (planes.min(), planes.max()))
    return float(low), float(high)


def _real_world_values(
    mapped: tuple[float, float] | tuple[int, int], zero: float, unit: float, peak: float
) -> list[RealWorldValueMapping]:
    """Two ways to read the stored values: as share of the peak, and in units of the score's logit.

    The share comes first, because readers take the first mapping, and highdicom 0.28.2 cannot apply another slope than
    1 to floats. The range mapped is given in stored values (PS3.3 C.7.6.16.2.11).
    """

    def mapping(label: str, explanation: str, slope: float) -> RealWorldValueMapping:
        intercept = -zero * slope if zero else 0.0  # never -0.0
        return RealWorldValueMapping(
            label, explanation, codes.NO_UNITS, mapped, slope, intercept, quantity_definition=codes.SALIENCY
        )

    return [
        mapping(SHARE_OF_PEAK_LABEL, "Saliency as a share of its smoothed peak", unit / peak),
        mapping(LOGIT_LABEL, "Share of the voxel in the score (logit)", unit),
    ]
