"""Doubts about the input, each with a stable code, a sentence for the reader, and what it does to the score.

The thresholds are the recipe's `QualityLimits`, so they travel in the bundle; which codes withhold the score is there
too. docs/preprocessing.md lists every code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mome_core.case import Case, Modality
from mome_core.preprocessing.prepare import PreparedCase
from mome_core.preprocessing.recipe import RANGES, QualityLimits, Range, Recipe, TrainingRange
from mome_core.results import QualityFlag, Severity
from mome_core.volume import Dynamic

_Doubt = tuple[str, Severity, str]

_OUTSIDE: dict[str, tuple[str, str, str]] = {
    "field_strength_t": ("OUTSIDE_TRAINING_FIELD_STRENGTH", "field strength", "T"),
    "dce_in_plane_mm": ("OUTSIDE_TRAINING_SPACING", "in-plane voxel size of the DCE", "mm"),
    "dce_slice_mm": ("OUTSIDE_TRAINING_SPACING", "slice spacing of the DCE", "mm"),
    "dce_matrix": ("OUTSIDE_TRAINING_MATRIX", "matrix of the DCE", "voxels"),
    "post_phases": ("OUTSIDE_TRAINING_PHASES", "number of post-contrast phases", "phases"),
    "dwi_b_value": ("OUTSIDE_TRAINING_B_VALUE", "b-value", "s/mm2"),
}


def assess(case: Case, prepared: PreparedCase, recipe: Recipe) -> tuple[QualityFlag, ...]:
    """Every doubt about a case and what was prepared of it; none for a clean study within the training range."""
    limits = recipe.quality
    doubts = [
        *_missing(case, prepared),
        *_breasts(prepared, recipe),
        *_uptake(prepared, limits),
        *_pre_contrast(case, prepared, limits),
        *(_phases(case.dce, limits) if case.dce is not None else ()),
        *_motion(prepared, limits),
        *_intensities(prepared),
        *_frames(case),
        *(_outside_training(case, limits.trained_on, limits.tolerance) if limits.trained_on else ()),
    ]
    return tuple(
        QualityFlag(code, Severity.WITHHOLD if code in limits.withhold else severity, message)
        for code, severity, message in doubts
    )


def _missing(case: Case, prepared: PreparedCase) -> Iterator[_Doubt]:
    """Modalities that were not acquired, and those that lie beside the breasts."""
    for modality in Modality:
        if modality not in case.modalities:
            severity = Severity.WARNING if modality is Modality.DCE else Severity.NOTE
            yield f"MISSING_{modality}", severity, f"The study has no {modality} series; the others were used."
        elif modality not in prepared.arrays:
            yield f"BESIDE_BREASTS_{modality}", Severity.WARNING, f"The {modality} does not show the breasts."


def _breasts(prepared: PreparedCase, recipe: Recipe) -> Iterator[_Doubt]:
    """Sides on which no breast was found."""
    if prepared.breasts is None:
        return
    for side, volume_ml in zip(("LEFT", "RIGHT"), prepared.breasts.volumes_ml, strict=True):
        if volume_ml < recipe.breast.smallest_breast_ml:
            text = f"No {side.lower()} breast was found; only the other side was analysed."
            yield f"BREAST_NOT_FOUND_{side}", Severity.WARNING, text


def _uptake(prepared: PreparedCase, limits: QualityLimits) -> Iterator[_Doubt]:
    """A bolus that did not arrive, or phases that are all the same."""
    strongest = max(prepared.enhancement, default=None)
    if strongest is not None and strongest < limits.least_enhancement:
        yield (
            "NO_CONTRAST_UPTAKE",
            Severity.WARNING,
            f"No contrast uptake: nothing in the breasts brightens by more than {strongest:.0%} "
            f"(at least {limits.least_enhancement:.0%} is expected).",
        )


def _pre_contrast(case: Case, prepared: PreparedCase, limits: QualityLimits) -> Iterator[_Doubt]:
    """A first phase that no header shows to be pre-contrast, and after which the breasts do not brighten as after it.

    Where it is missing, the first post-contrast phase stands in its place, and the next one is little brighter.
    """
    if case.acquisition.get("pre_contrast") != "unknown" or not prepared.enhancement:
        return
    found, least = prepared.enhancement[0], limits.least_first_enhancement
    if found < least:
        yield (
            "PRE_CONTRAST_UNPROVEN",
            Severity.WITHHOLD,
            "The pre-contrast phase may be missing: no header shows that the first phase is it, and the next one is "
            f"brighter by {found:.0%} only (at least {least:.0%} is expected).",
        )


def _phases(dynamic: Dynamic, limits: QualityLimits) -> Iterator[_Doubt]:
    """Too few phases, no times, or times that no protocol has."""
    post = dynamic.phase_count - 1
    if post < limits.least_post_phases:
        text = f"The DCE has {post} post-contrast phase(s); at least {limits.least_post_phases} are expected."
        yield "PHASES_FEW", Severity.WARNING, text
    if not dynamic.times_s:
        yield "TIMES_UNKNOWN", Severity.NOTE, "The DCE's phases have an order but no times."
        return
    first, *gaps = (later - sooner for sooner, later in zip(dynamic.times_s, dynamic.times_s[1:], strict=False))
    odd = [gap for gap in gaps if not _within(gap, limits.phase_gap_s)]
    if odd or not _within(first, limits.first_gap_s):
        gap = odd[0] if odd else first
        yield (
            "TIMES_IMPLAUSIBLE",
            Severity.WARNING,
            f"Two phases of the DCE lie {gap:.0f} s apart, which is implausible.",
        )


def _motion(prepared: PreparedCase, limits: QualityLimits) -> Iterator[_Doubt]:
    """Motion that was corrected, and motion that is left."""
    if prepared.motion is None:
        return
    if any(prepared.motion.corrected):
        text = f"The patient moved by {max(prepared.motion.found_mm):.1f} mm between the phases; it was corrected."
        yield "MOTION_CORRECTED", Severity.NOTE, text
    if max(prepared.motion.left_mm) > limits.most_motion_mm:
        text = f"{max(prepared.motion.left_mm):.1f} mm of motion between the phases could not be corrected."
        yield "MOTION_LEFT", Severity.WARNING, text


def _intensities(prepared: PreparedCase) -> Iterator[_Doubt]:
    """Voxels that are no numbers, and volumes without contrast of any kind."""
    for modality, statistics in prepared.statistics.items():
        if not statistics.finite:
            yield "INTENSITY_NOT_FINITE", Severity.WARNING, f"The {modality} holds values that are not finite numbers."
        if statistics.constant:
            yield (
                "INTENSITY_CONSTANT",
                Severity.WARNING,
                f"The {modality} has the same value everywhere in the breasts.",
            )


def _frames(case: Case) -> Iterator[_Doubt]:
    """Series that need not share their coordinates."""
    uids = {source.frame_of_reference_uid for source in (case.dce, case.t2, case.dwi) if source is not None}
    if len(uids) > 1:
        text = "The series have different frames of reference; the breasts were placed as if they had one."
        yield "FRAMES_DIFFER", Severity.WARNING, text


def _outside_training(case: Case, seen: TrainingRange, tolerance: float) -> Iterator[_Doubt]:
    """What the checkpoint has not seen the like of."""
    vendor = str(case.acquisition.get("vendor", ""))
    if seen.vendors and vendor and not any(known.casefold() in vendor.casefold() for known in seen.vendors):
        text = f"The model was not trained on this vendor's scanners ({vendor}), only on {', '.join(seen.vendors)}."
        yield "OUTSIDE_TRAINING_VENDOR", Severity.WARNING, text
    for name, values in _measures(case).items():
        span: Range | None = getattr(seen, name)
        for value in values:
            if span is not None and not _within(value, (span[0] * (1 - tolerance), span[1] * (1 + tolerance))):
                code, words, unit = _OUTSIDE[name]
                text = (
                    f"The {words} ({value:g} {unit}) lies outside of the training range ({span[0]:g} to {span[1]:g})."
                )
                yield code, Severity.WARNING, text
                break


def _measures(case: Case) -> dict[str, tuple[float, ...]]:
    """What a training range is made of, by its names; what the case does not tell is left out."""
    found: dict[str, tuple[float, ...]] = {}
    strength = case.acquisition.get("field_strength_t")
    if isinstance(strength, int | float):
        found["field_strength_t"] = (float(strength),)
    if case.dce is not None:
        by_spacing = sorted(zip(case.dce.spacing_mm, case.dce.voxels.shape[1:], strict=True))
        found["dce_in_plane_mm"] = tuple(spacing for spacing, _ in by_spacing[:2])
        found["dce_slice_mm"] = (by_spacing[2][0],)
        found["dce_matrix"] = tuple(float(count) for _, count in by_spacing[:2])
        found["post_phases"] = (float(case.dce.phase_count - 1),)
    if case.dwi_b_value is not None:
        found["dwi_b_value"] = (case.dwi_b_value,)
    return found


def training_range(cases: Iterable[Case]) -> TrainingRange:
    """The range that holds all of these cases, for the recipe of a checkpoint trained on them."""
    vendors: set[str] = set()
    spans: dict[str, Range] = {}
    for case in cases:
        vendors |= {str(case.acquisition["vendor"])} if "vendor" in case.acquisition else set()
        for name, values in _measures(case).items():
            low, high = spans.get(name, (values[0], values[0]))
            spans[name] = min(low, *values), max(high, *values)
    return TrainingRange(tuple(sorted(vendors)), **{name: spans.get(name) for name in RANGES})


def _within(value: float, span: Range) -> bool:
    """Whether a value lies in a span, ends included."""
    return span[0] <= value <= span[1]
