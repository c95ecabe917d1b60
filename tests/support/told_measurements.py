"""Measurements made by hand, with every field filled."""

from __future__ import annotations

from dataclasses import replace

from mome_core.measurements import (
    Curve,
    CurveType,
    DiffusionMeasure,
    EnhancingTissue,
    Leak,
    Measurand,
    MeasuredAt,
    Measurements,
    NotMeasured,
    NotMeasuredCode,
)

_CURVE = Curve((0.0, 150.0, 160.0, 120.0), -12.0, 40)
MEASURED = Measurements(
    times_s=(-90.0, 0.0, 90.0, 180.0),
    tissue=EnhancingTissue(
        measured_at=MeasuredAt.SALIENCY_PEAK,
        point_mm=(60.0, -20.0, 5.0),
        side="L",
        at_point=replace(_CURVE, voxels=9),
        whole=_CURVE,
        worst=Curve((0.0, 180.0, 150.0, 126.0), -19.3, 9),
        type_shares={CurveType.PERSISTENT: 0.0, CurveType.PLATEAU: 0.25, CurveType.WASHOUT: 0.75},
        volume_ml=6.3,
        extents_mm=(24.0, 27.0, 30.0),
        leaks=(Leak.SKIN,),
        skin_mm=2.0,
        chest_wall_mm=41.0,
    ),
    diffusion=DiffusionMeasure(0.84, 0.71, 12, (50.0, 800.0)),
    not_measured=(NotMeasured(Measurand.ADC, NotMeasuredCode.FRAMES_DIFFER, "they differ"),),
)


def measured_without_times() -> Measurements:
    """The same of a DCE whose phases have an order and no times: no curve, no delayed change."""
    if MEASURED.tissue is None:
        raise ValueError("the measurements hold no tissue")
    curves = {
        name: replace(getattr(MEASURED.tissue, name), delayed_change_percent=None)
        for name in ("at_point", "whole", "worst")
    }
    reason = NotMeasured(Measurand.DELAYED_CHANGE, NotMeasuredCode.TIMES_UNKNOWN, "the phases have no times")
    tissue = replace(MEASURED.tissue, type_shares={}, **curves)
    return replace(MEASURED, times_s=(), tissue=tissue, not_measured=(reason,))
