"""Measurements in words: what a page, a document and a terminal say alike, each number with its unit and its method."""

from __future__ import annotations

from collections.abc import Iterator

from mome_core.measurements import Curve, CurveType, DiffusionMeasure, EnhancingTissue, Measurand, Measurements
from sr_templates.languages.phrase import Phrase
from sr_templates.languages.words import Language, Wording, words_of

_ENGLISH = words_of(Language.ENGLISH)
_SIDES = {"L": Phrase.OF_BREAST_LEFT, "R": Phrase.OF_BREAST_RIGHT}
_WHAT = {
    Measurand.KINETICS: Phrase.WHAT_KINETICS,
    Measurand.DELAYED_CHANGE: Phrase.WHAT_DELAYED_CHANGE,
    Measurand.ADC: Phrase.WHAT_ADC,
    Measurand.SIZE: Phrase.WHAT_SIZE,
}


def measurement_rows(measurements: Measurements, words: Wording = _ENGLISH) -> Iterator[tuple[str, str]]:
    """Name and value of each number that was measured, in the order in which a reader asks."""
    tissue = measurements.tissue
    if tissue is not None:
        yield words(Phrase.MEASURED_AT), place_words(tissue, words)
        yield words(Phrase.INITIAL_UPTAKE), uptake_words(tissue, words)
        yield from _curve_rows(tissue, measurements.times_s, words)
        if size := size_words(tissue, words, Phrase.TISSUE_SIZE):
            yield words(Phrase.ENHANCING_TISSUE), size
        if tissue.leaks:
            yield words(Phrase.LEAKS), leak_words(tissue, words)
        yield words(Phrase.TO_SKIN), f"{tissue.skin_mm:.0f} mm"
        yield words(Phrase.TO_CHEST_WALL), f"{tissue.chest_wall_mm:.0f} mm"
    if measurements.diffusion is not None:
        yield words(Phrase.ADC), adc_words(measurements.diffusion, words)


def not_measured_words(measurements: Measurements, words: Wording = _ENGLISH) -> Iterator[str]:
    """What is not given, and why, a sentence each without its period."""
    for each in measurements.not_measured:
        yield words(Phrase.NOT_MEASURED, what=words(_WHAT[each.what]), reason=words.not_measured(each))


def place_words(tissue: EnhancingTissue, words: Wording = _ENGLISH) -> str:
    """What the point is, and in which breast."""
    return words(Phrase(f"at_{tissue.measured_at.replace('-', '_')}"), side=words(_SIDES[tissue.side]))


def uptake_words(tissue: EnhancingTissue, words: Wording = _ENGLISH) -> str:
    """Initial uptake of the tissue, and at the point."""
    mean, point = (f"{each.initial_uptake_percent:+.0f}" for each in (tissue.whole, tissue.at_point))
    return words(Phrase.UPTAKE_VALUE, mean=mean, point=point)


def curve_words(curve: Curve, words: Wording = _ENGLISH) -> str:
    """Type of a curve and its delayed change; empty where that is withheld."""
    return "" if curve.type is None else f"{_type_words(curve.type, words)}, {_change(curve)}"


def _type_words(curve_type: CurveType, words: Wording) -> str:
    return words(Phrase(f"curve_{curve_type}"))


def _curve_rows(tissue: EnhancingTissue, times_s: tuple[float, ...], words: Wording) -> Iterator[tuple[str, str]]:
    if tissue.worst.type is None or tissue.whole.type is None:
        return
    yield words(Phrase.WORST_CURVE), f"{curve_words(tissue.worst, words)} {_phases_words(times_s, words)}".rstrip()
    yield words(Phrase.MEAN_CURVE), curve_words(tissue.whole, words)
    shares = (f"{_type_words(each, words)} {100 * share:.0f} %" for each, share in tissue.type_shares.items())
    yield words(Phrase.CURVE_SHARES), ", ".join(shares)


def _change(curve: Curve) -> str:
    """Rounded no further than the curve's type allows: -10.4 % is washout, -10 % would be a plateau."""
    change = curve.delayed_change_percent
    if change is None:
        return ""
    decimals = next((each for each in range(3) if CurveType.of(round(change, each)) is curve.type), 3)
    return f"{change:+.{decimals}f} %"


def _phases_words(times_s: tuple[float, ...], words: Wording) -> str:
    """From which phase to which the delayed change is, in seconds from the first post-contrast one."""
    if not times_s:
        return ""
    return words(Phrase.CURVE_SPAN, last=len(times_s) - 1, seconds=f"{times_s[-1] - times_s[1]:.0f}")


def size_words(tissue: EnhancingTissue, words: Wording, phrase: Phrase) -> str:
    """Volume and extents along the patient's axes, as one of two phrases says them; empty where they are withheld."""
    if tissue.volume_ml is None or tissue.extents_mm is None:
        return ""
    across, depth, height = (f"{each:.0f}" for each in tissue.extents_mm)
    return words(phrase, volume=f"{tissue.volume_ml:.1f}", across=across, depth=depth, height=height)


def leak_words(tissue: EnhancingTissue, words: Wording = _ENGLISH) -> str:
    """Why the size may be that of more than one lesion."""
    return "; ".join(words(Phrase(f"leak_{each.replace('-', '_')}")) for each in tissue.leaks)


def adc_words(diffusion: DiffusionMeasure, words: Wording = _ENGLISH) -> str:
    """Mean and minimum in 1e-3 mm2/s, and what they come from."""
    b_values = ", ".join(f"{each:g}" for each in diffusion.b_values)
    source = words(Phrase.ADC_FROM_B_VALUES, values=b_values) if b_values else words(Phrase.ADC_FROM_MAP)
    return words(Phrase.ADC_VALUE, mean=f"{diffusion.mean:.2f}", minimum=f"{diffusion.minimum:.2f}", source=source)
