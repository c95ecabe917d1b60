"""What was measured at the peak of the saliency, as content items of its group (TID 300), without a network."""

from __future__ import annotations

from collections.abc import Iterator

from highdicom.sr import Measurement, QualitativeEvaluation
from pydicom.sr.coding import Code

from mome_core.measurements import EnhancingTissue, MeasuredAt, Measurements
from sr_templates.dicom import codes
from sr_templates.dicom.document import evaluation
from sr_templates.dicom.repairs import rounded


def measured_at_point(measurements: Measurements | None) -> list[Measurement]:
    """Kinetics, size, distances and ADC of the enhancing tissue at the peak; nothing if another place was measured."""
    tissue = _tissue_at_peak(measurements)
    if measurements is None or tissue is None:
        return []
    diffusion = measurements.diffusion
    adc = () if diffusion is None else ((codes.ADC, diffusion.mean), (codes.ADC_MINIMUM, diffusion.minimum))
    unit = codes.SQUARE_MICROMETRES_PER_SECOND
    return [*_of_tissue(tissue), *(_number(code, 1000 * value, unit) for code, value in adc)]


def worst_curve(measurements: Measurements | None) -> list[QualitativeEvaluation]:
    """The worst curve type, coded; nothing where it is withheld."""
    tissue = _tissue_at_peak(measurements)
    if tissue is None or tissue.worst.type is None:
        return []
    return [evaluation(codes.WORST_CURVE, codes.CURVE_TYPES[tissue.worst.type])]


def _tissue_at_peak(measurements: Measurements | None) -> EnhancingTissue | None:
    tissue = None if measurements is None else measurements.tissue
    return tissue if tissue is not None and tissue.measured_at is MeasuredAt.SALIENCY_PEAK else None


def _of_tissue(tissue: EnhancingTissue) -> Iterator[Measurement]:
    yield _number(codes.INITIAL_UPTAKE, tissue.whole.initial_uptake_percent, codes.PERCENT)
    if tissue.worst.delayed_change_percent is not None:
        yield _number(codes.DELAYED_CHANGE, tissue.worst.delayed_change_percent, codes.PERCENT)
    if tissue.volume_ml is not None and tissue.extents_mm is not None:
        yield _number(codes.ENHANCING_VOLUME, tissue.volume_ml, codes.MILLILITRES)
        for code, extent_mm in zip(codes.ENHANCING_EXTENTS.values(), tissue.extents_mm, strict=True):
            yield _number(code, extent_mm, codes.MILLIMETRES)
    yield _number(codes.FROM_SKIN, tissue.skin_mm, codes.MILLIMETRES)
    yield _number(codes.FROM_CHEST_WALL, tissue.chest_wall_mm, codes.MILLIMETRES)


def _number(name: Code, value: float, unit: Code) -> Measurement:
    """Rounded for the reader, in full for machines."""
    return rounded(Measurement(name, float(value), unit), 1)
