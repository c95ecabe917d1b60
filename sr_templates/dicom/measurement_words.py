"""Measurements in words: what a page, a report and a terminal say alike, each number with its unit and its method."""

from __future__ import annotations

from collections.abc import Iterator

from mome_core.measurements import (
    Curve,
    CurveType,
    DiffusionMeasure,
    EnhancingTissue,
    Leak,
    MeasuredAt,
    Measurements,
)

_CURVE_WORDS = {
    CurveType.PERSISTENT: "persistent (type I)",
    CurveType.PLATEAU: "plateau (type II)",
    CurveType.WASHOUT: "washout (type III)",
}
_PLACES = {
    MeasuredAt.SALIENCY_PEAK: "peak of the saliency",
    MeasuredAt.STRONGEST_ENHANCEMENT: "strongest enhancement in the breasts",
}
_SIDES = {"L": "left", "R": "right"}
_LEAK_WORDS = {
    Leak.CHEST_WALL: "it touches the chest wall",
    Leak.SKIN: "it touches the skin",
    Leak.VESSEL: "it is long and thin as a vessel",
    Leak.DIFFUSE: "it is spread out as background enhancement",
}
MEASURED_BY = "Measured on the images, without the network"


def measurement_rows(measurements: Measurements) -> Iterator[tuple[str, str]]:
    """Name and value of each number that was measured, in the order in which a reader asks."""
    tissue = measurements.tissue
    if tissue is not None:
        yield "Measured at", _place_words(tissue)
        yield from _curve_rows(tissue, measurements.times_s)
        yield "Enhancing tissue", _size_words(tissue)
        if tissue.leaks:
            yield "May be more than one lesion", _leak_words(tissue)
        yield "Distance to skin", f"{tissue.skin_mm:.0f} mm"
        yield "Distance to chest wall", f"{tissue.chest_wall_mm:.0f} mm"
    if measurements.diffusion is not None:
        yield "ADC", adc_words(measurements.diffusion)


def not_measured_words(measurements: Measurements) -> Iterator[str]:
    """What is not given, and why, a sentence each without its period."""
    for each in measurements.not_measured:
        name = each.what if each.what != "adc" else "ADC"
        yield f"No {name}: {each.words}"


def _place_words(tissue: EnhancingTissue) -> str:
    """What the point is, and in which breast."""
    return f"{_PLACES[tissue.measured_at]}, {_SIDES[tissue.side]} breast"


def _curve_rows(tissue: EnhancingTissue, times_s: tuple[float, ...]) -> Iterator[tuple[str, str]]:
    yield "Initial uptake", f"{tissue.whole.initial_uptake_percent:+.0f} % (at the point {_uptake(tissue.at_point)})"
    if tissue.worst.type is None or tissue.whole.type is None:
        return
    yield "Worst curve", f"{_CURVE_WORDS[tissue.worst.type]}, {_change(tissue.worst)} {_phases_words(times_s)}"
    yield "Mean curve", f"{_CURVE_WORDS[tissue.whole.type]}, {_change(tissue.whole)}"
    shares = ", ".join(f"{each} {100 * share:.0f} %" for each, share in tissue.type_shares.items())
    yield "Voxels by curve type", shares


def _uptake(curve: Curve) -> str:
    return f"{curve.initial_uptake_percent:+.0f} %"


def _change(curve: Curve) -> str:
    """Rounded no further than the curve's type allows: -10.4 % is washout, -10 % would be a plateau."""
    change = curve.delayed_change_percent
    if change is None:
        return ""
    decimals = next((each for each in range(3) if CurveType.of(round(change, each)) is curve.type), 3)
    return f"{change:+.{decimals}f} %"


def _phases_words(times_s: tuple[float, ...]) -> str:
    """From which phase to which the delayed change is, in seconds from the first post-contrast one."""
    if not times_s:
        return ""
    return f"from post-contrast phase 1 to {len(times_s) - 1}, {times_s[-1] - times_s[1]:.0f} s later"


def _size_words(tissue: EnhancingTissue) -> str:
    """Volume and extents; what they are of."""
    across, depth, height = tissue.extents_mm
    return (
        f"{tissue.volume_ml:.1f} ml; {across:.0f} mm left-right, {depth:.0f} mm front-back, {height:.0f} mm foot-head"
    )


def _leak_words(tissue: EnhancingTissue) -> str:
    """Why the size may be that of more than one lesion."""
    return "; ".join(_LEAK_WORDS[each] for each in tissue.leaks)


def adc_words(diffusion: DiffusionMeasure) -> str:
    """Mean and minimum in 1e-3 mm2/s, and what they come from."""
    b_values = ", ".join(f"{each:g}" for each in diffusion.b_values)
    source = f"fitted to b = {b_values} s/mm2" if b_values else "the scanner's map"
    return f"{diffusion.mean:.2f} (lowest voxel {diffusion.minimum:.2f}) x 10^-3 mm2/s, {source}"
