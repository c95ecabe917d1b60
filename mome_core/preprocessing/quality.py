"""Doubts about the input, each with a stable code, a sentence for the reader, and what it does to the score.

The thresholds are the recipe's `QualityLimits`, so they travel in the bundle; which codes withhold the score is there
too. docs/preprocessing.md lists every code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mome_core.case import Case, Modality, PreContrast
from mome_core.preprocessing.input_facts import InputFacts, measures_of, vendor_of
from mome_core.preprocessing.recipe import RANGES, QualityLimits, Range, Recipe, TrainingRange
from mome_core.results import QualityFlag, Severity

_Doubt = tuple[str, Severity, str]

_OUTSIDE: dict[str, tuple[str, str, str]] = {
    "field_strength_t": ("OUTSIDE_TRAINING_FIELD_STRENGTH", "field strength", "T"),
    "dce_in_plane_mm": ("OUTSIDE_TRAINING_SPACING", "in-plane voxel size of the DCE", "mm"),
    "dce_slice_mm": ("OUTSIDE_TRAINING_SPACING", "slice spacing of the DCE", "mm"),
    "dce_matrix": ("OUTSIDE_TRAINING_MATRIX", "matrix of the DCE", "voxels"),
    "post_phases": ("OUTSIDE_TRAINING_PHASES", "number of post-contrast phases", "phases"),
    "dwi_b_value": ("OUTSIDE_TRAINING_B_VALUE", "b-value", "s/mm2"),
}


def assess(facts: InputFacts, recipe: Recipe) -> tuple[QualityFlag, ...]:
    """Every doubt about a case and what was prepared of it; none for a clean study within the training range."""
    limits = recipe.quality
    doubts = [
        *_missing(facts),
        *_breasts(facts, recipe),
        *_uptake(facts, limits),
        *_pre_contrast(facts, limits),
        *_phases(facts, limits),
        *_motion(facts, limits),
        *_intensities(facts),
        *_frames(facts),
        *(_outside_training(facts, limits.trained_on, limits.tolerance) if limits.trained_on else ()),
    ]
    return tuple(
        QualityFlag(code, Severity.WITHHOLD if code in limits.withhold else severity, message)
        for code, severity, message in doubts
    )


def _missing(facts: InputFacts) -> Iterator[_Doubt]:
    """Modalities that were not acquired, that hold noise, and those of which nothing lies in the breasts."""
    for modality in Modality:
        if modality not in facts.acquired:
            severity = Severity.WARNING if modality is Modality.DCE else Severity.NOTE
            if modality in facts.unusable:
                text = f"The study has {modality} images, but none that could be used; the others were used."
                yield f"UNUSABLE_{modality}", Severity.WARNING, text
            else:
                yield f"MISSING_{modality}", severity, f"The study has no {modality} series; the others were used."
        elif modality in facts.without_structure:
            yield (
                f"NO_STRUCTURE_{modality}",
                Severity.WARNING,
                f"The {modality} was not used: its neighbouring voxels are as unlike each other as those of noise.",
            )
        elif modality not in facts.used:
            yield (
                f"BESIDE_BREASTS_{modality}",
                Severity.WARNING,
                f"The {modality} was not used: nothing of it lies in the breasts.",
            )


def _breasts(facts: InputFacts, recipe: Recipe) -> Iterator[_Doubt]:
    """Sides on which no breast was found."""
    for side, volume_ml in zip(("LEFT", "RIGHT"), facts.breasts_ml, strict=False):
        if volume_ml < recipe.breast.smallest_breast_ml:
            text = f"No {side.lower()} breast was found; only the other side was analysed."
            yield f"BREAST_NOT_FOUND_{side}", Severity.WARNING, text


def _uptake(facts: InputFacts, limits: QualityLimits) -> Iterator[_Doubt]:
    """A bolus that did not arrive, or phases that are all the same."""
    strongest = max(facts.enhancement, default=None)
    if strongest is not None and strongest < limits.least_enhancement:
        yield (
            "NO_CONTRAST_UPTAKE",
            Severity.WARNING,
            f"No contrast uptake: nothing in the breasts brightens by more than {strongest:.0%} "
            f"(at least {limits.least_enhancement:.0%} is expected).",
        )


def _pre_contrast(facts: InputFacts, limits: QualityLimits) -> Iterator[_Doubt]:
    """A first phase that no header shows to be pre-contrast, and after which the breasts do not brighten as after it.

    Where it is missing, the first post-contrast phase stands in its place, and the next one is little brighter.
    """
    if facts.pre_contrast is not PreContrast.UNKNOWN or not facts.enhancement:
        return
    found, least = facts.enhancement[0], limits.least_first_enhancement
    if found < least:
        yield (
            "PRE_CONTRAST_UNPROVEN",
            Severity.WITHHOLD,
            "The pre-contrast phase may be missing: no header shows that the first phase is it, and the next one is "
            f"brighter by {found:.0%} only (at least {least:.0%} is expected).",
        )


def _phases(facts: InputFacts, limits: QualityLimits) -> Iterator[_Doubt]:
    """Too few phases, no times, or times that no protocol has."""
    if facts.post_phases is None:
        return
    if facts.post_phases < limits.least_post_phases:
        text = (
            f"The DCE has {facts.post_phases} post-contrast phase(s); at least {limits.least_post_phases} are expected."
        )
        yield "PHASES_FEW", Severity.WARNING, text
    if not facts.times_s:
        yield "TIMES_UNKNOWN", Severity.NOTE, "The DCE's phases have an order but no times."
        return
    first, *gaps = (later - sooner for sooner, later in zip(facts.times_s, facts.times_s[1:], strict=False))
    odd = [gap for gap in gaps if not _within(gap, limits.phase_gap_s)]
    if odd or not _within(first, limits.first_gap_s):
        gap = odd[0] if odd else first
        yield (
            "TIMES_IMPLAUSIBLE",
            Severity.WARNING,
            f"Two phases of the DCE lie {gap:.0f} s apart, which is implausible.",
        )


def _motion(facts: InputFacts, limits: QualityLimits) -> Iterator[_Doubt]:
    """Motion that was corrected, and motion that is left."""
    if facts.moved_mm is not None:
        text = f"The patient moved by {facts.moved_mm:.1f} mm between the phases; it was corrected."
        yield "MOTION_CORRECTED", Severity.NOTE, text
    if facts.motion_left_mm is not None and facts.motion_left_mm > limits.most_motion_mm:
        text = f"{facts.motion_left_mm:.1f} mm of motion between the phases could not be corrected."
        yield "MOTION_LEFT", Severity.WARNING, text


def _intensities(facts: InputFacts) -> Iterator[_Doubt]:
    """Voxels that are no numbers, and volumes without contrast of any kind."""
    for modality in facts.used:
        if modality in facts.not_finite:
            yield "INTENSITY_NOT_FINITE", Severity.WARNING, f"The {modality} holds values that are not finite numbers."
        if modality in facts.constant:
            yield (
                "INTENSITY_CONSTANT",
                Severity.WARNING,
                f"The {modality} has the same value everywhere in the breasts.",
            )


def _frames(facts: InputFacts) -> Iterator[_Doubt]:
    """Series that need not share their coordinates."""
    if facts.frames > 1:
        text = "The series have different frames of reference; the breasts were placed as if they had one."
        yield "FRAMES_DIFFER", Severity.WARNING, text


def _outside_training(facts: InputFacts, seen: TrainingRange, tolerance: float) -> Iterator[_Doubt]:
    """What the checkpoint has not seen the like of."""
    vendor = facts.vendor
    if seen.vendors and vendor and not any(known.casefold() in vendor.casefold() for known in seen.vendors):
        text = f"The model was not trained on this vendor's scanners ({vendor}), only on {', '.join(seen.vendors)}."
        yield "OUTSIDE_TRAINING_VENDOR", Severity.WARNING, text
    for name, values in facts.measures.items():
        span: Range | None = getattr(seen, name)
        for value in values:
            if span is not None and not _within(value, (span[0] * (1 - tolerance), span[1] * (1 + tolerance))):
                code, words, unit = _OUTSIDE[name]
                text = (
                    f"The {words} ({value:g} {unit}) lies outside of the training range ({span[0]:g} to {span[1]:g})."
                )
                yield code, Severity.WARNING, text
                break


def training_range(cases: Iterable[Case]) -> TrainingRange:
    """The range that holds all of these cases, for the recipe of a checkpoint trained on them."""
    vendors: set[str] = set()
    spans: dict[str, Range] = {}
    for case in cases:
        vendors |= {vendor_of(case)} - {""}
        for name, values in measures_of(case).items():
            low, high = spans.get(name, (values[0], values[0]))
            spans[name] = min(low, *values), max(high, *values)
    return TrainingRange(tuple(sorted(vendors)), **{name: spans.get(name) for name in RANGES})


def _within(value: float, span: Range) -> bool:
    """Whether a value lies in a span, ends included."""
    return span[0] <= value <= span[1]
