"""The numbers of preprocessing; they travel inside the checkpoint, so that training and the node agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from mome_core.case import Modality

Size = tuple[int, int, int]
Range = tuple[float, float]


class UnitOfAnalysis(StrEnum):
    """What one case is: all that a study shows of a patient, or one breast of it (`one_breast`)."""

    PATIENT = "patient"
    BREAST = "breast"


class StatisticsOver(StrEnum):
    """Which voxels the mean and the standard deviation are taken from."""

    MASK = "mask"
    CROP = "crop"


@dataclass(frozen=True, slots=True)
class BreastRules:
    """Numbers of the breast mask; each is explained where `breast_mask` uses it.

    Parameters
    ----------
    working_mm
        Voxel size at which the mask is found, mm.
    air_smoothing_mm
        Standard deviation of the Gaussian before body and air are separated.
    chest_smoothing_mm
        Standard deviation of the smoothing of the chest wall's surface.
    rim_mm
        How much thicker than over the sternum the tissue before the chest wall is where a breast begins.
    opening_mm
        Radius of the slice-wise opening that removes bridges and rims.
    smoothing_mm
        Standard deviation of the 3-D Gaussian over the stacked slices.
    smallest_breast_ml
        A side with less tissue than this counts as not found.
    """

    working_mm: float = 2.5
    air_smoothing_mm: float = 2.5
    chest_smoothing_mm: float = 8.0
    rim_mm: float = 12.0
    opening_mm: float = 7.5
    smoothing_mm: float = 3.0
    smallest_breast_ml: float = 40.0

    def __post_init__(self) -> None:
        if min(asdict(self).values()) <= 0:
            raise ValueError("every number of the breast mask must be positive")


@dataclass(frozen=True, slots=True)
class MotionRules:
    """Numbers of motion between the phases of a DCE; each is explained where `motion` uses it.

    Parameters
    ----------
    limit_mm
        Phases that moved more than this against the pre-contrast phase are registered to it.
    working_mm
        Voxel size at which motion is found.
    clip_percentile
        Brightness before contrast, over the breasts, above which voxels look the same when measuring.
    reach_mm
        How far around the breasts measuring looks, so that it sees the skin against the air.
    samples
        Share of the voxels that are compared.
    grid_mm, grid_steps
        Distance of the B-spline's control points, and how often it is refined.
    """

    limit_mm: float = 2.5
    working_mm: float = 5.0
    clip_percentile: float = 25.0
    reach_mm: float = 10.0
    samples: float = 0.3
    grid_mm: float = 60.0
    grid_steps: int = 8

    def __post_init__(self) -> None:
        if min(asdict(self).values()) <= 0 or self.samples > 1 or self.clip_percentile > 100:
            raise ValueError("the numbers of motion are positive, samples at most 1, the percentile at most 100")


@dataclass(frozen=True, slots=True)
class TrainingRange:
    """What the checkpoint has seen in training, smallest to largest; None (or no vendor) is not stated, not checked.

    Parameters
    ----------
    vendors
        As the reader names them, in any case of letters.
    dce_in_plane_mm, dce_slice_mm
        The two finest spacings and the coarsest one of the DCE.
    dce_matrix
        Voxels along the in-plane axes.
    post_phases
        DCE phases after contrast.
    dwi_b_value
        Highest b-value, s/mm2.
    """

    vendors: tuple[str, ...] = ()
    field_strength_t: Range | None = None
    dce_in_plane_mm: Range | None = None
    dce_slice_mm: Range | None = None
    dce_matrix: Range | None = None
    post_phases: Range | None = None
    dwi_b_value: Range | None = None

    def __post_init__(self) -> None:
        for name in RANGES:
            span = getattr(self, name)
            if span is not None and (len(span) != 2 or not span[0] <= span[1]):
                raise ValueError(f"{name} runs from the smallest to the largest, got {span}")

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The range of a manifest."""
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


RANGES = tuple(name for name in TrainingRange.__dataclass_fields__ if name != "vendors")


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """Thresholds of the quality flags; each is explained at its flag in `quality`.

    Parameters
    ----------
    least_enhancement
        Of the strongest post-contrast phase, as a share of the signal before contrast.
    least_first_enhancement
        Of the first post-contrast phase, as the same share, where no header shows that the phase before it is
        pre-contrast. Of 18 phantoms the least was 0.47 with the pre-contrast phase, the most 0.30 without it.
    least_post_phases
        Fewer are flagged.
    phase_gap_s
        Plausible seconds from one post-contrast phase to the next, shortest and longest.
    first_gap_s
        Plausible seconds from the pre-contrast phase to the first post-contrast phase.
    most_motion_mm
        Motion that may be left after correction.
    tolerance
        Share by which the training range may be left.
    trained_on
        What the checkpoint has seen; None when unknown.
    withhold
        Codes of the flags that withhold the score.
    """

    least_enhancement: float = 0.3
    least_first_enhancement: float = 0.4
    least_post_phases: int = 4
    phase_gap_s: Range = (5.0, 240.0)
    first_gap_s: Range = (5.0, 900.0)
    most_motion_mm: float = 4.0
    tolerance: float = 0.1
    trained_on: TrainingRange | None = None
    withhold: tuple[str, ...] = (
        "NO_CONTRAST_UPTAKE",
        "INTENSITY_NOT_FINITE",
        "INTENSITY_CONSTANT",
        "MOTION_LEFT",
        "OUTSIDE_TRAINING_SPACING",
    )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The limits of a manifest."""
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        if plain.get("trained_on") is not None:
            plain["trained_on"] = TrainingRange.from_json(values["trained_on"])
        return cls(**plain)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a Case becomes the network's arrays.

    Parameters
    ----------
    dce_size, dwi_size, t2_size
        Voxels (axis0, axis1, slices) that the tokenizers take, multiples of 16; the paper's are 384 x 256 x 128, 256 x
        128 x 32 and 384 x 256 x 48. Axis 0 runs to the patient's left, axis 1 to posterior, slices to superior.
    dce_phases
        Subtraction phases after interpolation in time (paper: 6).
    dce_voxel_mm
        Voxel size that the DCE crop is resampled to before it is fitted; None keeps the scanner's (paper).
    t2_resize
        Size of the whole T2 volume before it is cropped (paper: 384 x 384 x 32).
    cropped
        Modalities that are cropped to the breasts (paper: not the DWI).
    masked
        Modalities whose voxels outside the breasts become zero.
    margin_mm
        Room around the breasts in the crop.
    statistics_over, statistics_per_phase
        What mean and sigma are taken from (docs/preprocessing.md: the mask, all phases jointly; the paper is silent).
    antialias
        Average over the skipped voxels when shrinking; the released code does not, small networks should.
    motion
        Numbers of motion between phases; None leaves it unmeasured.
    breast
        Numbers of the breast mask.
    quality
        Thresholds of the quality flags.
    unit
        What a case is that the model was trained on: a model of breasts is never given a study of two.
    """

    dce_size: Size = (384, 256, 128)
    dwi_size: Size = (256, 128, 32)
    t2_size: Size = (384, 256, 48)
    dce_phases: int = 6
    dce_voxel_mm: tuple[float, float, float] | None = None
    t2_resize: Size = (384, 384, 32)
    cropped: tuple[Modality, ...] = (Modality.DCE, Modality.T2)
    masked: tuple[Modality, ...] = (Modality.DCE, Modality.T2)
    margin_mm: float = 10.0
    statistics_over: StatisticsOver = StatisticsOver.MASK
    statistics_per_phase: bool = False
    antialias: bool = False
    motion: MotionRules | None = field(default_factory=MotionRules)
    breast: BreastRules = field(default_factory=BreastRules)
    quality: QualityLimits = field(default_factory=QualityLimits)
    unit: UnitOfAnalysis = UnitOfAnalysis.PATIENT

    def __post_init__(self) -> None:
        for modality in Modality:
            size = self.size(modality)
            if len(size) != 3 or any(n < 16 or n % 16 for n in size):
                raise ValueError(f"{modality} size must be three multiples of 16, got {size}")
        if self.dce_phases < 1:
            raise ValueError(f"dce_phases must be at least 1, got {self.dce_phases}")
        if len(self.t2_resize) != 3 or min(self.t2_resize) < 2:
            raise ValueError(f"t2_resize must be three numbers of at least 2, got {self.t2_resize}")
        if self.dce_voxel_mm is not None and (len(self.dce_voxel_mm) != 3 or min(self.dce_voxel_mm) <= 0):
            raise ValueError(f"dce_voxel_mm must be three positive numbers, got {self.dce_voxel_mm}")
        if self.margin_mm < 0:
            raise ValueError(f"margin_mm must not be negative, got {self.margin_mm}")

    @property
    def of_arrays(self) -> Recipe:
        """The recipe with the usual limits of the quality flags, which change no array: equal ones prepare alike."""
        return replace(self, quality=QualityLimits())

    def size(self, modality: Modality) -> Size:
        """Padded size that the network's tokenizer of this modality takes."""
        return {Modality.DCE: self.dce_size, Modality.DWI: self.dwi_size, Modality.T2: self.t2_size}[modality]

    def channels(self, modality: Modality) -> int:
        """Channels of the array: the phases of the DCE, one for the others."""
        return self.dce_phases if modality is Modality.DCE else 1

    def to_json(self) -> dict[str, Any]:
        """Plain values for the bundle's manifest; programs before the unit of analysis read that of patients."""
        plain = asdict(self)
        return {n: v for n, v in plain.items() if n != "unit"} if self.unit is UnitOfAnalysis.PATIENT else plain

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The recipe of a manifest; numbers it does not name keep their default, an unknown name is a ValueError."""
        if unknown := sorted(set(values) - set(cls.__dataclass_fields__)):
            raise ValueError(f"a recipe has no {', '.join(unknown)}; it has {', '.join(cls.__dataclass_fields__)}")
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        for name in plain.keys() & {"cropped", "masked"}:
            plain[name] = tuple(Modality(value) for value in plain[name])
        if "statistics_over" in plain:
            plain["statistics_over"] = StatisticsOver(plain["statistics_over"])
        if "unit" in plain:
            plain["unit"] = UnitOfAnalysis(plain["unit"])
        for name, rules in (("breast", BreastRules), ("motion", MotionRules)):
            if isinstance(plain.get(name), Mapping):
                plain[name] = rules(**plain[name])
        if "quality" in plain:
            plain["quality"] = QualityLimits.from_json(plain["quality"])
        return cls(**plain)
