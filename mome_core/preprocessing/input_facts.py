"""What the quality flags of a case are judged by, as plain values that can be kept and judged by any limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from mome_core.case import Case, Modality, PreContrast
from mome_core.preprocessing.prepare import PreparedCase

_Measures = Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class InputFacts:
    """A case and what was prepared of it, without a voxel.

    Parameters
    ----------
    acquired, used
        Modalities that the study has, and those of which there is an array.
    unusable
        Modalities that the study has series of, none of which could be used.
    breasts_ml
        Volume of the left and the right breast; empty where none was looked for.
    enhancement
        As in PreparedCase.
    pre_contrast
        What the headers say of the first phase of the DCE; None where the reader says nothing.
    post_phases
        Of the DCE; None without one.
    times_s
        Of the DCE's phases; empty where unknown.
    moved_mm, motion_left_mm
        Largest motion that was corrected; largest that is left. None where there was nothing to correct, or to measure.
    not_finite, constant, without_structure
        Modalities with values that are no numbers; without contrast of any kind; of noise, which were left out.
    frames
        Frames of reference among the series.
    vendor, measures
        What the range of a training is made of; what the case does not tell is left out.
    """

    acquired: tuple[Modality, ...]
    used: tuple[Modality, ...]
    breasts_ml: tuple[float, ...] = ()
    enhancement: tuple[float, ...] = ()
    pre_contrast: PreContrast | None = None
    post_phases: int | None = None
    times_s: tuple[float, ...] = ()
    moved_mm: float | None = None
    motion_left_mm: float | None = None
    not_finite: tuple[Modality, ...] = ()
    constant: tuple[Modality, ...] = ()
    without_structure: tuple[Modality, ...] = ()
    frames: int = 1
    vendor: str = ""
    measures: _Measures = field(default_factory=dict)
    unusable: tuple[Modality, ...] = ()

    @classmethod
    def of_modalities(cls, modalities: Iterable[Modality]) -> Self:
        """Of a case of which nothing is known but its modalities."""
        found = tuple(modalities)
        return cls(found, found)

    def to_json(self) -> dict[str, Any]:
        """Plain values, to be kept."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """What was kept."""
        plain: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in values.items()}
        for name in ("acquired", "used", "not_finite", "constant", "unusable", "without_structure"):
            plain[name] = tuple(Modality(each) for each in plain.get(name, ()))
        plain["pre_contrast"] = PreContrast(plain["pre_contrast"]) if plain["pre_contrast"] else None
        plain["measures"] = {name: tuple(each) for name, each in values["measures"].items()}
        return cls(**plain)


def facts_of(case: Case, prepared: PreparedCase) -> InputFacts:
    """All that the quality flags ask of a case and of what was prepared of it."""
    motion, statistics = prepared.motion, prepared.statistics.items()
    sources = (case.dce, case.t2, case.dwi)
    return InputFacts(
        acquired=tuple(case.modalities),
        used=prepared.modalities,
        breasts_ml=() if prepared.breasts is None else tuple(map(float, prepared.breasts.volumes_ml)),
        enhancement=tuple(map(float, prepared.enhancement)),
        pre_contrast=PreContrast(str(said)) if (said := case.acquisition.get("pre_contrast")) else None,
        post_phases=None if case.dce is None else case.dce.phase_count - 1,
        times_s=() if case.dce is None else tuple(map(float, case.dce.times_s)),
        moved_mm=float(max(motion.found_mm)) if motion and any(motion.corrected) else None,
        motion_left_mm=None if motion is None else float(max(motion.left_mm)),
        not_finite=tuple(modality for modality, found in statistics if not found.finite),
        constant=tuple(modality for modality, found in statistics if found.constant),
        without_structure=prepared.without_structure,
        frames=len({source.frame_of_reference_uid for source in sources if source is not None}),
        vendor=vendor_of(case),
        measures=measures_of(case),
        unusable=tuple(modality for modality in Modality if modality in case.unusable),
    )


def vendor_of(case: Case) -> str:
    """Who made the scanner, as the reader names it; empty where unknown."""
    return str(case.acquisition.get("vendor", ""))


def measures_of(case: Case) -> dict[str, tuple[float, ...]]:
    """What a training range is made of, by its names; what the case does not tell is left out."""
    found: dict[str, tuple[float, ...]] = {}
    strength = case.acquisition.get("field_strength_t")
    if isinstance(strength, int | float):
        found["field_strength_t"] = (float(strength),)
    if case.dce is not None:
        by_spacing = sorted(zip(case.dce.spacing_mm, case.dce.voxels.shape[1:], strict=True))
        found["dce_in_plane_mm"] = tuple(float(spacing) for spacing, _ in by_spacing[:2])
        found["dce_slice_mm"] = (float(by_spacing[2][0]),)
        found["dce_matrix"] = tuple(float(count) for _, count in by_spacing[:2])
        found["post_phases"] = (float(case.dce.phase_count - 1),)
    if case.dwi_b_value is not None:
        found["dwi_b_value"] = (float(case.dwi_b_value),)
    return found
